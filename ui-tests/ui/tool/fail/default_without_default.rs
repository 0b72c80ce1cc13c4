use snakebridge::prelude::*;

#[derive(serde::Deserialize)]
struct Point {
    x: f64,
}

#[tool]
fn first(#[py(default)] point: Point) -> f64 {
    point.x
}

fn main() {}
