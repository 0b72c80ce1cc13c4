use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    #[py(notify, cache = "10m")]
    async fn log(&self, line: &str) -> Result<()>;
}

fn main() {}
