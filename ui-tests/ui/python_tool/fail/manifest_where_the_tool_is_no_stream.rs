use snakebridge::prelude::*;

#[python_tool(adapter = "text_tools:TextAdapter", manifest = "manifests/text_tools.json")]
pub trait Tools {
    fn add(&self, a: f64, b: f64) -> impl Stream<Item = Result<f64>>;
}

fn main() {}
