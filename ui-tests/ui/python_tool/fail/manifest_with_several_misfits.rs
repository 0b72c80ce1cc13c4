use snakebridge::prelude::*;

#[python_tool(adapter = "text_tools:TextAdapter", manifest = "manifests/text_tools.json")]
pub trait Tools {
    async fn add(&self, a: &str, c: f64) -> Result<bool>;

    async fn count(&self, until: u32) -> Result<u32>;

    async fn describ(&self, text: &str) -> Result<Value>;

    async fn log(&self, line: &str) -> Result<bool>;
}

fn main() {}
