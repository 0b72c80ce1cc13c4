//! A fake written by hand stands in for Python.

use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;

    async fn length(&self, text: &str, of: Option<&[f64]>) -> Result<usize>;

    fn count(&self, to: u32) -> impl Stream<Item = Result<u32>>;
}

struct Fake {
    sum: f64,
}

impl Tools for Fake {
    async fn add(&self, a: f64, b: f64) -> Result<f64> {
        Ok(self.sum + a + b)
    }

    async fn length(&self, text: &str, of: Option<&[f64]>) -> Result<usize> {
        Ok(text.len() + of.map_or(0, <[f64]>::len))
    }

    fn count(&self, to: u32) -> impl Stream<Item = Result<u32>> + use<> {
        futures::stream::iter((0..to).map(Ok))
    }
}

async fn total(tools: &impl Tools) -> Result<f64> {
    let counted: Vec<u32> = futures::TryStreamExt::try_collect(tools.count(3)).await?;
    tools.add(counted.iter().sum::<u32>().into(), 1.0).await
}

/// The same code runs with Python.
async fn with_python(client: ToolsClient) -> Result<f64> {
    total(&client).await
}

fn main() {
    let total = futures::executor::block_on(total(&Fake { sum: 2.0 }));
    assert_eq!(total.ok(), Some(6.0));
}
