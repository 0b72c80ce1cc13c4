use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn first<'a>(&self, of: &'a [f64]) -> Result<f64>;
}

fn main() {}
