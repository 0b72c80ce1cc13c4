use snakebridge::prelude::*;

#[python_tool(adapter = "text_tools:TextAdapter", manifest = "manifests/text_tools.json")]
pub trait Tools {
    async fn find(&self, data: Vec<u8>) -> Result<Option<Bytes>>;
}

fn main() {}
