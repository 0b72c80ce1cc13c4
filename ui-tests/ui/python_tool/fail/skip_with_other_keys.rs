use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    #[py(skip, name = "helper")]
    fn helper(&self) -> u8 {
        7
    }

    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
