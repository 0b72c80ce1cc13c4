use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn make(&self) -> dyn std::fmt::Display + Send;
}

fn main() {}
