use snakebridge::prelude::*;

struct Wrong;

#[elixir_style_tool]
fn count(params: Params) -> Outcome<usize, Wrong> {
    if params.iter().count() == 0 { Outcome::Error(Wrong) } else { Outcome::Ok(1) }
}

fn main() {}
