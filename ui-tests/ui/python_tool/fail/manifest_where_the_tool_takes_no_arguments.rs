use snakebridge::prelude::*;

#[python_tool(manifest = "manifests/without_parameters.json")]
pub trait Tools {
    async fn ping(&self, text: &str) -> Result<Value>;
}

fn main() {}
