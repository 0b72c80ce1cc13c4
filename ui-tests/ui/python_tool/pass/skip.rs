#![deny(warnings)]

use snakebridge::client::{Caller, PythonTools};
use snakebridge::prelude::*;

#[python_tool]
pub trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;

    /// Adds three numbers.
    #[py(skip)]
    async fn sum<T: Into<f64>>(&self, a: T, b: T, c: T) -> Result<f64> {
        let two = self.add(a.into(), b.into()).await?;
        self.add(two, c.into()).await
    }

    #[py(skip)]
    fn zero() -> f64 {
        0.0
    }
}

/// The client inherits what the trait does by itself.
pub async fn inherited(caller: &Caller) -> Result<f64> {
    let zero = ToolsClient::zero();
    ToolsClient::new(caller).sum(zero, 1.0, 2.0).await
}

struct Fake;

impl Tools for Fake {
    async fn add(&self, a: f64, b: f64) -> Result<f64> {
        Ok(a + b)
    }
}

fn main() {
    assert_eq!(ToolsClient::TOOLS.len(), 1);
    assert_eq!(futures::executor::block_on(Fake.sum(1, 2, 3)).unwrap(), 6.0);
}
