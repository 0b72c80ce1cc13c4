use snakebridge::prelude::*;

#[python_tool(adapter = "tools:Tools")]
pub trait Tools {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;

    async fn forget(&self, key: String) -> Result<()>;

    async fn anything(&self, value: &Value) -> Result<Value>;

    async fn sha256(&self, data: Bytes) -> Result<Bytes>;
}

/// Calls are futures that can be spawned and joined, with options to set before they are awaited.
async fn used(caller: &snakebridge::client::Caller) -> Result<f64> {
    let tools = ToolsClient::new(caller).clone();
    let (a, b) = futures::try_join!(tools.add(1.0, 2.0), tools.add(3.0, 4.0))?;
    let call = tools.add(a, b).timeout(std::time::Duration::from_secs(1)).correlation_id("sum");
    fn can_be_spawned<F: Future<Output = Result<f64>> + Send + Unpin + 'static>(call: F) -> F {
        call
    }
    can_be_spawned(call).await
}

fn main() {}
