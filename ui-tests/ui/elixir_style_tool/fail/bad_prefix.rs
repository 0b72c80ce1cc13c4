use snakebridge::prelude::*;

#[elixir_style_tool(prefix = "1.")]
trait Texts {
    async fn measure(&self, params: Params) -> Outcome<usize>;
}

fn main() {}
