use snakebridge::prelude::*;

#[elixir_style_tool]
#[py(name = "size")]
fn count(params: Params) -> usize {
    params.iter().count()
}

fn main() {}
