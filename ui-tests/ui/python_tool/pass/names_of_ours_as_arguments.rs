use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools: Send + Sync + 'static {
    async fn add(&self, caller: u8, source: u8, arguments: u8, call: u8, this: u8, tool: u8) -> Result<f64>;

    async fn call(&self) -> Result<f64>;

    async fn clone(&self) -> Result<f64>;

    async fn from_caller(&self) -> Result<f64>;

    async fn caller(&self) -> Result<f64>;

    async fn tool_add(&self) -> Result<f64>;
}

fn main() {}
