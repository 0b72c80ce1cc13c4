use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn add(a: f64, b: f64) -> Result<f64>;
}

fn main() {}
