use snakebridge::prelude::*;

#[elixir_style_tool]
trait Tools {
    fn count(&mut self, params: Params) -> usize;
}

fn main() {}
