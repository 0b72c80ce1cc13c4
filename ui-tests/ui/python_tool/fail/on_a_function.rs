use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
async fn add(a: f64, b: f64) -> f64 {
    a + b
}

fn main() {}
