use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    #[py(skip)]
    fn helper(&self) -> u8;

    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
