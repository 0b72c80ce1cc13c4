use snakebridge::prelude::*;

#[elixir_style_tool]
fn count(params: impl Into<Params>) -> usize {
    params.into().iter().count()
}

fn main() {}
