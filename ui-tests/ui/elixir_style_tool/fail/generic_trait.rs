use snakebridge::prelude::*;

#[elixir_style_tool]
trait Tools<T> {
    fn count(&self, params: Params) -> usize;
}

fn main() {}
