use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools", timeout = "30")]
trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
