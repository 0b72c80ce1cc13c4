use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    #[py(window = "1MiB")]
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
