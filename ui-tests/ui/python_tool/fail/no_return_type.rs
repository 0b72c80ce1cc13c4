use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn forget(&self, key: &str);
}

fn main() {}
