use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {}

fn main() {}
