use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools", timeout = "5s", timeout = "6s")]
trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
