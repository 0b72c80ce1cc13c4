use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    #[py(window = "1KiB")]
    fn count(&self) -> impl Stream<Item = Result<u32>>;
}

fn main() {}
