use snakebridge::prelude::*;

#[python_tool(adapter = "text_tools:TextAdapter", manifest = "manifests/text_tools.json")]
pub trait Tools {
    async fn tokenise(&self, text: &str) -> Result<Vec<String>>;
}

fn main() {}
