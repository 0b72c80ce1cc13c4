use snakebridge::prelude::*;

#[elixir_style_tool(name = "$count")]
fn count(params: Params) -> usize {
    params.iter().count()
}

fn main() {}
