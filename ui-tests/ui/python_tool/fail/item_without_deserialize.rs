use snakebridge::prelude::*;

struct Point {
    x: f64,
}

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    fn points(&self) -> impl Stream<Item = Result<Point>>;
}

fn main() {}
