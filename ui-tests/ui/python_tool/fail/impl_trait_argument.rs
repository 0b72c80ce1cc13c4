use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn show(&self, value: impl Send) -> Result<String>;
}

fn main() {}
