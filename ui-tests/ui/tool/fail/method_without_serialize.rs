use snakebridge::prelude::*;

struct Set;
struct Point;

#[tool]
impl Set {
    fn origin(&self) -> Point {
        Point
    }
}

fn main() {}
