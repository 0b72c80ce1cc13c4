use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn add(&self, (a, b): (f64, f64)) -> Result<f64>;
}

fn main() {}
