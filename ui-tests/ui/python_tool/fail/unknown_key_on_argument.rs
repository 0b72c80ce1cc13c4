use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn add(&self, #[py(kwarg)] options: &Value) -> Result<f64>;
}

fn main() {}
