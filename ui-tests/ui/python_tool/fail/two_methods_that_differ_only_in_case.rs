use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
#[allow(non_snake_case)]
pub trait Tools {
    async fn scale(&self, by: f64) -> Result<f64>;

    async fn Scale(&self, by: f64) -> Result<f64>;
}

fn main() {}
