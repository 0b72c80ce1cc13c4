use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    #[py(no_cancel = true)]
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
