use snakebridge::prelude::*;

#[elixir_style_tool]
fn count(params: std::borrow::Cow<'_, str>) -> usize {
    params.len()
}

fn main() {}
