use snakebridge::prelude::*;

#[elixir_style_tool]
fn count(params: Params) -> usize {
    params.iter().count()
}

fn other() {}

fn register() {
    let _ = tools![count, other];
}

fn main() {}
