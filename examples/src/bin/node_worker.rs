//! A worker that is no Python: tools in JavaScript, called through the same typed client, and a Rust function that they
//! call back. Needs Node 20 or newer.

use std::collections::BTreeMap;
use std::path::Path;

use futures::{StreamExt, stream};
use snakebridge::prelude::*;

/// Tools in `examples/workers/node/tools.js`.
#[python_tool(timeout = "10s")]
trait NodeTools {
    /// Counts how often each word occurs.
    async fn word_counts(&self, text: &str) -> Result<BTreeMap<String, u64>>;

    /// Counts upward: a generator in JavaScript.
    fn count(&self, to: u64) -> impl Stream<Item = Result<Value>>;

    /// Adds up numbers while they come.
    async fn total(&self, numbers: impl Stream<Item = u64>) -> Result<u64>;

    /// Leaves out the words that Rust does not allow.
    async fn allowed_words(&self, text: &str) -> Result<Vec<String>>;
}

/// Whether a word is allowed. Called from JavaScript.
#[tool]
fn is_allowed(word: String) -> bool {
    word != "secret"
}

#[tokio::main]
async fn main() -> Result<()> {
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("workers/node");
    let bridge = Bridge::builder()
        .command(["node".into(), node.join("worker.js"), node.join("tools.js")])
        .profile(Profile::Async) // one event loop: calls overlap wherever they wait
        .workers(2)
        .tools(tools![is_allowed])
        .start()
        .await?;
    let tools: NodeToolsClient = bridge.client()?;

    println!("{:?}", tools.word_counts("to be or not to be").await?);
    println!("{:?}", tools.allowed_words("a secret word").await?);
    let mut numbers = tools.count(3);
    while let Some(number) = numbers.next().await {
        println!("{}", number?);
    }
    println!("{}", tools.total(stream::iter(1..=100)).await?);

    // What goes wrong there is told as well as it is of Python.
    if let Err(error) = bridge.execute("buy", args! { item: "tea", stock: 0 }).await {
        println!("{} ({}, executed: {})", error, error.code(), error.executed());
    }
    bridge.shutdown().await
}
