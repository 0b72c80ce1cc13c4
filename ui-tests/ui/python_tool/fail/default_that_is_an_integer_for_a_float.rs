use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn add(&self, a: f64, #[py(default = 1)] b: Option<f64>) -> Result<f64>;
}

fn main() {}
