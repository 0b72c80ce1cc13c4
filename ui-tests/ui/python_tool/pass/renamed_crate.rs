extern crate snakebridge as renamed;

mod facade {
    pub mod python {
        pub use snakebridge::*;
    }
}

#[renamed::python_tool(adapter = "tools:Tools", crate = renamed)]
pub trait Tools {
    async fn add(&self, a: f64, b: f64) -> renamed::Result<f64>;
}

#[facade::python::python_tool(adapter = "tools:Tools", crate = crate::facade::python)]
pub trait OtherTools {
    async fn add(&self, a: f64, b: f64) -> facade::python::Result<f64>;
}

fn main() {}
