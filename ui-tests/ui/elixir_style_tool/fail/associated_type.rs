use snakebridge::prelude::*;

#[elixir_style_tool]
trait Tools {
    type Count;

    fn count(&self, params: Params) -> usize;
}

fn main() {}
