use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn plot(&self, #[py(kwargs)] style: &Value, title: &str) -> Result<Bytes>;
}

fn main() {}
