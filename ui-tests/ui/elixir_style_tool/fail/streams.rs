use snakebridge::prelude::*;

#[elixir_style_tool]
fn names(params: Params) -> impl Stream<Item = usize> {
    futures::stream::iter([params.iter().count()])
}

fn main() {}
