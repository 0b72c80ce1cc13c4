use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn add(&self, a: f64, #[py(default)] b: Option<f64>) -> Result<f64>;
}

fn main() {}
