use snakebridge::prelude::*;

#[derive(serde::Serialize)]
pub struct Point {
    x: f64,
}

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn text(&self, text: &str) -> Result<usize>;

    async fn numbers(&self, values: &[f64]) -> Result<f64>;

    async fn point(&self, point: &Point, more: &[Point]) -> Result<f64>;

    async fn statics(&self, text: &'static str, points: &[&Point]) -> Result<f64>;

    async fn tuple(&self, pair: (&str, &[u8]), array: [f64; 3]) -> Result<f64>;
}

fn main() {}
