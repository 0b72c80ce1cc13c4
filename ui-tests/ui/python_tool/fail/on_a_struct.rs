use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
struct Tools {
    calls: u32,
}

fn main() {}
