use snakebridge::prelude::*;

#[python_tool(client = "Text Tools")]
trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
