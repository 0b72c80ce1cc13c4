use snakebridge::prelude::*;

#[elixir_style_tool(hidden)]
fn count(params: Params) -> usize {
    params.iter().count()
}

fn main() {}
