use snakebridge::prelude::*;

struct Tools;

impl Tools {
    #[elixir_style_tool]
    fn count(&self, params: Params) -> usize {
        params.iter().count()
    }
}

fn main() {}
