//! What a method returns is asked of the compiler, and not of the name of the type.

use snakebridge::python_tool;

#[derive(Debug)]
pub struct OurError(snakebridge::Error);

impl From<snakebridge::Error> for OurError {
    fn from(error: snakebridge::Error) -> Self {
        Self(error)
    }
}

pub type Answer<T> = std::result::Result<T, OurError>;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn add(&self, a: f64, b: f64) -> Answer<f64>;

    async fn anyhow(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>>;

    fn count(&self, to: u32) -> impl futures::Stream<Item = Answer<u32>>;
}

async fn used(tools: &ToolsClient) -> Answer<f64> {
    tools.add(1.0, 2.0).await
}

fn main() {}
