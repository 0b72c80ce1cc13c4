use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools", crate = facade::Self)]
pub trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
