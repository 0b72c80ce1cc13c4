use snakebridge::prelude::*;

#[python_tool(adapter = "text_tools:TextAdapter", manifest = "manifests/text_tools.json")]
pub trait Tools {
    fn count(&self, to: u32) -> impl Stream<Item = Result<String>>;
}

fn main() {}
