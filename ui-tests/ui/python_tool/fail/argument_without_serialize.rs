use snakebridge::prelude::*;

struct Point {
    x: f64,
}

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn show(&self, point: &Point) -> Result<String>;
}

fn main() {}
