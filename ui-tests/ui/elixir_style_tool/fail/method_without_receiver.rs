use snakebridge::prelude::*;

#[elixir_style_tool]
trait Tools {
    fn count(params: Params) -> usize;
}

fn main() {}
