use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn plot(&self, #[py(kwargs, name = "options")] style: &Value) -> Result<Bytes>;
}

fn main() {}
