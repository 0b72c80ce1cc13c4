use snakebridge::prelude::*;

#[elixir_style_tool]
fn count(#[py(name = "all")] params: Params) -> usize {
    params.iter().count()
}

fn main() {}
