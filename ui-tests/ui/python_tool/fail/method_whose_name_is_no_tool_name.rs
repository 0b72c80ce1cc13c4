use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn größe(&self) -> Result<f64>;
}

fn main() {}
