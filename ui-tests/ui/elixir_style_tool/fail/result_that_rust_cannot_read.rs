use snakebridge::prelude::*;

#[derive(serde::Serialize)]
struct Point {
    x: f64,
}

#[elixir_style_tool]
trait Tools {
    fn origin(&self, params: Params) -> Point;
}

fn main() {}
