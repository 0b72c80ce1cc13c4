use snakebridge::prelude::*;

struct Point {
    x: f64,
}

#[elixir_style_tool]
fn first(params: Point) -> f64 {
    params.x
}

fn main() {}
