use snakebridge::prelude::*;

struct Point {
    x: f64,
}

#[tool]
fn first(point: Point) -> f64 {
    point.x
}

fn main() {}
