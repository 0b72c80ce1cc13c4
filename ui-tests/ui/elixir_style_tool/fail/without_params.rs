use snakebridge::prelude::*;

#[elixir_style_tool]
fn ping() -> String {
    "pong".to_owned()
}

fn main() {}
