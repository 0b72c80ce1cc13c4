use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    extern "C" fn count(&self, to: u32) -> impl Stream<Item = Result<u32>>;
}

fn main() {}
