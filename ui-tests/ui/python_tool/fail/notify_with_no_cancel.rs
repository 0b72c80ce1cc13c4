use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    #[py(notify, no_cancel)]
    async fn log(&self, line: &str) -> Result<()>;
}

fn main() {}
