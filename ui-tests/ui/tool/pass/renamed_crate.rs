extern crate snakebridge as renamed;

mod facade {
    pub use snakebridge::*;
}

#[renamed::tool(crate = renamed)]
fn add(a: f64, b: f64) -> f64 {
    a + b
}

#[facade::tool(crate = crate::facade)]
fn other(a: f64, #[py(default = 2)] b: u8) -> f64 {
    a + f64::from(b)
}

fn main() {
    let _ = facade::tools![add, other];
}
