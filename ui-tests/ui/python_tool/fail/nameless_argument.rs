use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn add(&self, a: f64, _: f64) -> Result<f64>;
}

fn main() {}
