use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn plot(&self, #[py(kwargs)] style: &Value, #[py(kwargs)] axes: &Value) -> Result<Bytes>;
}

fn main() {}
