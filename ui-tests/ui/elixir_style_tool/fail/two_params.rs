use snakebridge::prelude::*;

#[elixir_style_tool]
fn add(a: Params, b: u64) -> u64 {
    a.get("a").unwrap_or(b)
}

fn main() {}
