//! A stream may be an argument, beside others and of a method that streams itself; a fake takes the same.

use snakebridge::prelude::*;

/// Tools that take streams.
#[python_tool(adapter = "sums:Sums")]
pub trait Sums {
    /// One value of many.
    async fn total(&self, values: impl Stream<Item = f64>) -> Result<f64>;
    /// Many of many.
    fn running(&self, start: &str, values: impl Stream<Item = u32> + Send + 'static)
    -> impl Stream<Item = Result<u64>>;
    /// Two streams at once.
    async fn zip(&self, left: impl futures::Stream<Item = String>, right: impl Stream<Item = Vec<u8>>) -> Result<u32>;
}

struct Fake;

impl Sums for Fake {
    async fn total(&self, values: impl Stream<Item = f64> + Send + 'static) -> Result<f64> {
        Ok(values.fold(0.0, async |sum, value| sum + value).await)
    }
    fn running(
        &self,
        _: &str,
        _: impl Stream<Item = u32> + Send + 'static,
    ) -> impl Stream<Item = Result<u64>> + Send {
        futures::stream::empty()
    }
    async fn zip(
        &self,
        _: impl Stream<Item = String> + Send + 'static,
        _: impl Stream<Item = Vec<u8>> + Send + 'static,
    ) -> Result<u32> {
        Ok(0)
    }
}

fn calls(client: &SumsClient) {
    let _ = client.total(futures::stream::iter([1.0, 2.0]));
    let _ = client.running("", futures::stream::repeat(1));
}

fn main() {
    let _ = (calls as fn(&SumsClient), Fake);
}
