use snakebridge::prelude::*;

struct Tools;

#[elixir_style_tool]
impl Tools {
    fn count(&self, params: Params) -> usize {
        params.iter().count()
    }
}

fn main() {}
