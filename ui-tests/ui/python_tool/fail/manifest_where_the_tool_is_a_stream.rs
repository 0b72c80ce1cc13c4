use snakebridge::prelude::*;

#[python_tool(adapter = "text_tools:TextAdapter", manifest = "manifests/text_tools.json")]
pub trait Tools {
    async fn count(&self, to: u32) -> Result<u32>;
}

fn main() {}
