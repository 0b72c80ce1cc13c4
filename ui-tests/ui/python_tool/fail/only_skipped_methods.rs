use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    #[py(skip)]
    fn helper(&self) -> u8 {
        7
    }
}

fn main() {}
