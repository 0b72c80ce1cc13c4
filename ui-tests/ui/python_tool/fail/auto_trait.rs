use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub auto trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
