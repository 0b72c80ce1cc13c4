use snakebridge::prelude::*;

#[elixir_style_tool]
#[py(prefix = "text.")]
trait Texts {
    async fn measure(&self, params: Params) -> Outcome<usize>;
}

fn main() {}
