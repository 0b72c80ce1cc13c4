use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    fn count(&self, to: u32) -> impl Stream;
}

fn main() {}
