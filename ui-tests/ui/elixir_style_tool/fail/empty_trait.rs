use snakebridge::prelude::*;

#[elixir_style_tool]
trait Tools {}

fn main() {}
