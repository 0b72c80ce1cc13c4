use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn new(&self, name: &str) -> Result<u64>;
}

fn main() {}
