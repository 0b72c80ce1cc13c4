use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    fn count(&self, to: u32) -> impl Stream<Item = Result<u32>> + '_;
}

fn main() {}
