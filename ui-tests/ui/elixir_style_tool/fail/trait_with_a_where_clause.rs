use snakebridge::prelude::*;

#[elixir_style_tool]
trait Validation
where
    Self: Sized,
{
    async fn validate(&self, params: Params) -> Outcome<bool>;
}

fn main() {}
