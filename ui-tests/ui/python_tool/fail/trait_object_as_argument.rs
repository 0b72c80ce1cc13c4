use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn show(&self, what: dyn std::fmt::Display) -> Result<()>;
}

fn main() {}
