use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn add(&self, #[py(name = "first value")] a: f64) -> Result<f64>;
}

fn main() {}
