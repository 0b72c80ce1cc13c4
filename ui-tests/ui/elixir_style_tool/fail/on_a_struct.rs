use snakebridge::prelude::*;

#[elixir_style_tool]
struct Tools;

fn main() {}
