use snakebridge::prelude::*;

#[python_tool(manifest = "manifests/toolless.json")]
pub trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
