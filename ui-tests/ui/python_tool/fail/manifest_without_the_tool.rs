use snakebridge::prelude::*;

#[python_tool(adapter = "text_tools:TextAdapter", manifest = "manifests/text_tools.json")]
pub trait Tools {
    async fn ad(&self, a: f64, b: f64) -> Result<f64>;
}

fn main() {}
