use snakebridge::prelude::*;

struct Point;

#[tool]
fn points() -> impl Stream<Item = Point> {
    futures::stream::iter([Point])
}

fn main() {}
