//! Private tools that are not all used cause no warnings.
#![deny(warnings)]

use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
trait Tools {
    async fn used(&self) -> Result<f64>;

    async fn unused(&self, many: u8, arguments: u8, there: u8, are: u8, of: u8, them: u8, and: u8) -> Result<f64>;

    #[deprecated]
    async fn old(&self) -> Result<f64>;
}

fn used(client: &ToolsClient) -> snakebridge::client::Call<f64> {
    client.used()
}

fn main() {
    let _ = used;
}
