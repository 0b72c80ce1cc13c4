use snakebridge::prelude::*;

#[python_tool(adapter = "text_tools:TextAdapter", manifest = "manifests/text_tools.json")]
pub trait Tools {
    async fn scale(&self, values: &[f64]) -> Result<Vec<i64>>;
}

fn main() {}
