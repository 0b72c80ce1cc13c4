use snakebridge::prelude::*;

#[elixir_style_tool]
trait Tools {
    fn new(&self, params: Params) -> usize;
}

fn main() {}
