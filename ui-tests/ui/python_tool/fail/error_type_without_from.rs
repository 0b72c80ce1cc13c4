use snakebridge::prelude::*;

#[derive(Debug)]
struct OurError;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64, OurError>;
}

fn main() {}
