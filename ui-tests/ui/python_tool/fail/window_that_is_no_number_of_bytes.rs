use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    #[py(window = 99999999999999999999)]
    fn count(&self) -> impl Stream<Item = Result<u32>>;
}

fn main() {}
