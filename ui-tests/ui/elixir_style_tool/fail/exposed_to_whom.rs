use snakebridge::prelude::*;

#[elixir_style_tool(exposed_to_python = "yes")]
fn count(params: Params) -> usize {
    params.iter().count()
}

fn main() {}
