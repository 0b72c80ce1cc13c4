use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    #[py(idempotent, retry = 5000000000)]
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
