use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn name(&self) -> Result<&str>;
}

fn main() {}
