use snakebridge::prelude::*;

#[elixir_style_tool(exposed = true)]
trait Tools {
    fn count(&self, params: Params) -> usize;
}

fn main() {}
