use snakebridge::prelude::*;

struct Point {
    x: f64,
}

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn origin(&self) -> Result<Point>;
}

fn main() {}
