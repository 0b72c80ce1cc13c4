use snakebridge::prelude::*;

#[derive(serde::Deserialize)]
struct Point {
    x: f64,
}

#[elixir_style_tool]
trait Tools {
    fn first(&self, params: Point) -> f64;
}

fn main() {}
