use snakebridge::prelude::*;

#[elixir_style_tool]
fn größe(params: Params) -> usize {
    params.iter().count()
}

fn main() {}
