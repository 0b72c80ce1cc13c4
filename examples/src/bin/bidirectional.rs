//! Both directions: Python finds Rust tools in its session, calls them by name and by proxy, and one pipeline goes back
//! and forth between the languages.
//!
//! Run it with `cargo run -p snakebridge-examples --bin bidirectional`. The Python side is
//! `examples/python/bidirectional_tools.py`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use snakebridge::prelude::*;

#[derive(Deserialize)]
struct ParseJson {
    json_string: String,
}

#[derive(Serialize)]
struct Parsed {
    success: bool,
    data: Value,
    keys: Vec<String>,
}

/// Parse a JSON string and return analysis.
#[elixir_style_tool(exposed_to_python = true)]
fn parse_json(params: ParseJson) -> Outcome<Parsed> {
    let data: Value = match serde_json::from_str(&params.json_string) {
        Ok(data) => data,
        Err(error) => return Outcome::Error(error.to_string()),
    };
    let keys = data.as_map().into_iter().flatten().filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect();
    Outcome::Ok(Parsed { success: true, data, keys })
}

#[derive(Deserialize)]
struct Fibonacci {
    n: usize,
}

#[derive(Serialize)]
struct Calculated {
    n: usize,
    sequence: Vec<u64>,
    sum: u64,
}

/// Calculate the first numbers of the Fibonacci sequence.
#[elixir_style_tool(exposed_to_python = true)]
fn calculate_fibonacci(params: Fibonacci) -> Outcome<Calculated> {
    let mut sequence = Vec::new();
    let mut next = (0_u64, 1_u64);
    for _ in 0..params.n {
        sequence.push(next.0);
        let Some(sum) = next.0.checked_add(next.1) else {
            return Outcome::Error(format!("{} numbers are more than 64 bits can hold; ask for at most 93", params.n));
        };
        next = (next.1, sum);
    }
    Outcome::Ok(Calculated { n: params.n, sum: sequence.iter().sum(), sequence })
}

#[derive(Deserialize)]
struct ProcessList {
    items: Vec<f64>,
    operation: String,
}

#[derive(Serialize)]
struct Processed {
    operation: String,
    result: Vec<f64>,
}

/// Process a list: `double`, `square` or `reverse`.
#[elixir_style_tool(exposed_to_python = true)]
fn process_list(params: ProcessList) -> Outcome<Processed> {
    let ProcessList { mut items, operation } = params;
    match operation.as_str() {
        "double" => items.iter_mut().for_each(|item| *item *= 2.0),
        "square" => items.iter_mut().for_each(|item| *item *= *item),
        "reverse" => items.reverse(),
        other => {
            return Outcome::Error(format!("`{other}` is no operation; there are `double`, `square` and `reverse`"));
        }
    }
    Outcome::Ok(Processed { operation, result: items })
}

/// Tools that use Rust; they live in `bidirectional_tools.py`.
#[python_tool(adapter = "bidirectional_tools:BidirectionalAdapter", timeout = "10s")]
trait Bidirectional {
    /// Lists the host's tools.
    async fn discover(&self) -> Result<std::collections::BTreeMap<String, String>>;

    /// Parses by name.
    async fn by_name(&self, text: &str) -> Result<Value>;

    /// Calculates by proxy.
    async fn by_proxy(&self, n: u32) -> Result<Value>;

    /// Takes an outcome apart.
    async fn matched(&self, text: &str) -> Result<String>;

    /// Exposes the adapter's own tools to the session.
    async fn register(&self) -> Result<Vec<String>>;

    /// The same without keeping Python's event loop waiting.
    async fn register_async(&self) -> Result<Vec<String>>;

    /// Goes back and forth.
    async fn pipeline(&self, text: &str) -> Result<Value>;
}

#[tokio::main]
async fn main() -> Result<()> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let bridge = Bridge::builder().client::<BidirectionalClient>().python_path(python).workers(1).start().await?;

    // The tools belong to this session: another one does not see them.
    let session = bridge.session("demo").await?;
    session.register(tools![parse_json, calculate_fibonacci, process_list])?;
    let python = BidirectionalClient::new(&session);

    println!("tools of the host:");
    for (name, description) in python.discover().await? {
        println!("  {name}: {description}");
    }
    println!("by name:  {}", python.by_name(r#"{"test": true}"#).await?);
    println!("by proxy: {}", python.by_proxy(10).await?);
    println!("matched:  {}", python.matched(r#"{"name": "test"}"#).await?);
    println!("matched:  {}", python.matched("{").await?);
    assert_eq!(python.register().await?, python.register_async().await?);
    println!("registered from Python: {}", python.register().await?.join(", "));
    println!("pipeline: {}", python.pipeline(r#"{"values": [1, 2, 3.5]}"#).await?);

    let elsewhere = bridge.session("another").await?;
    println!("in another session there are {} of them", BidirectionalClient::new(&elsewhere).discover().await?.len());
    bridge.shutdown().await
}
