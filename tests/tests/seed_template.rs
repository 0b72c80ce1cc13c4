//! The adapter template of the seed document, and its adapter of handlers, to the letter, in real workers.
//!
//! What they lack is added in front of them or beside them: imports, and the modules of their handlers.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use snakebridge::prelude::*;
use tempfile::TempDir;

const PREAMBLE: &str = "import time\n\n";
const HANDLERS: &str = "
class DataHandler:
    def __init__(self, config):
        self.config = config

    def process(self, data, operation, options):
        if operation != 'transform':
            raise ValueError(f'no operation {operation}')
        return {'data': data, 'options': options, 'depth': self.config.get('depth')}


MLHandler = DataHandler
";

/// The Python block of a section.
fn snippet(section: &str) -> String {
    let snippets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snakebridge-py/tests/seed/snippets.md");
    let snippets = fs::read_to_string(snippets).unwrap();
    let section = snippets.split_once(&format!("\n## {section}\n\n```python\n")).unwrap().1;
    section.split_once("\n```").unwrap().0.to_owned()
}

/// A package with an adapter in it, and with its handlers.
fn package(module: &str, source: &str, handlers: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let package = folder.path().join("seed_package");
    fs::create_dir(&package).unwrap();
    fs::write(package.join("__init__.py"), "").unwrap();
    fs::write(package.join("handlers.py"), handlers).unwrap();
    fs::write(package.join(format!("{module}.py")), source).unwrap();
    folder
}

/// A package with the template in it.
fn template() -> TempDir {
    package("my_adapter", &format!("{PREAMBLE}{}\n", snippet("8")), HANDLERS)
}

fn builder(folder: &TempDir) -> snakebridge::Builder {
    Bridge::builder().adapter("seed_package.my_adapter:MyAdapter").python_path(folder.path()).workers(1)
}

/// Check what Python made.
#[tool]
fn validate_schema(schema: Value) -> String {
    format!("valid {schema}")
}

#[tokio::test]
async fn its_tools_answer_stream_and_call_rust() -> Result<()> {
    let folder = template();
    let bridge =
        builder(&folder).config(&BTreeMap::from([("depth", 3)])).tools(tools![validate_schema]).start().await?;
    let session = bridge.session("demo").await?;

    let pong = bridge.execute("ping", args! {}).await?;
    assert_eq!(pong.to_string(), r#"{"status": "healthy", "adapter": "MyAdapter", "version": "1.0.0"}"#);
    let info = bridge.execute("adapter_info", args! {}).await?;
    assert_eq!(info["handlers"].to_string(), r#"["data", "ml"]"#);

    let data = BTreeMap::from([("values", [1, 2, 3])]);
    let processed = session.execute("process_data", args! { data: &data }).await?;
    assert_eq!(processed["result"].to_string(), r#"{"data": {"values": [1, 2, 3]}, "options": null, "depth": 3}"#);
    assert_eq!(processed["metadata"]["session_id"].as_str(), Some("demo"));
    let failed = bridge.execute("process_data", args! { data: &data, operation: "clean" }).await?;
    assert_eq!(failed["details"].as_str(), Some("no operation clean"));

    let stream = bridge.stream::<Value>("process_stream", args! { items: [1, 2, 3], batch_size: 2, delay_ms: 0 });
    let chunks: Vec<_> = stream.chunks().collect::<Vec<_>>().await.into_iter().collect::<Result<_>>()?;
    let seen: Vec<_> = chunks.iter().map(|chunk| (chunk.data["processed"].as_i64(), chunk.is_final)).collect();
    assert_eq!(seen, [(Some(2), false), (Some(3), true)]);

    let binary = bridge.execute("process_binary", args! { data: Bytes::from_static(b"\0\xff") }).await?;
    assert_eq!(binary["size_bytes"].as_i64(), Some(2));

    let hybrid = bridge.execute("hybrid_process", args! { data: &data }).await?;
    assert_eq!(
        hybrid.to_string(),
        r#"{"python_processing": null, "elixir_validation": "valid null", "combined": true}"#
    );
    assert!(bridge.execute("tracked_operation", args! { data: &data }).await?.is_nil());
    bridge.shutdown().await
}

#[tokio::test]
async fn without_a_configuration_and_without_tools_it_does_what_it_says() -> Result<()> {
    let folder = template();
    let bridge = builder(&folder).start().await?;
    let data = BTreeMap::from([("values", 1)]);
    let processed = bridge.execute("process_data", args! { data: &data }).await?;
    assert!(processed["result"]["depth"].is_nil(), "{processed}");
    let hybrid = bridge.execute("hybrid_process", args! { data: &data }).await?;
    assert_eq!(hybrid["combined"], Value::from(false));
    assert!(hybrid["elixir_error"].as_str().unwrap().contains("no host tool `validate_schema`"), "{hybrid}");
    bridge.shutdown().await
}

/// The handler that yields is the showcase's, whose adapter the document shows.
#[tokio::test]
async fn its_adapter_of_handlers_streams_without_saying_that_it_does() -> Result<()> {
    let source = format!("from snakebridge import BaseAdapter, tool\n{}\n", snippet("3.3 adapter"));
    let handlers = "from snakebridge.adapters.showcase.handlers import *\n";
    let folder = package("showcase_adapter", &source, handlers);
    let adapter = Bridge::builder().adapter("seed_package.showcase_adapter:ShowcaseAdapter");
    let bridge = adapter.python_path(folder.path()).workers(1).start().await?;

    // With its two pauses of half a second: the document's adapter takes no other.
    let mut stream = bridge.stream::<Value>("stream_progress", args! { steps: 3 }).chunks();
    let (mut seen, mut times) = (Vec::new(), Vec::new());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        seen.push((chunk.data["step"].as_i64(), chunk.is_final));
        times.push(Instant::now());
    }
    assert_eq!(seen, [(Some(1), false), (Some(2), false), (Some(3), true)]);
    assert!(times[2] - times[0] > Duration::from_millis(100), "items come while the tool runs: {times:?}");

    let steps = bridge.execute("stream_progress", args! { steps: 1 }).await?;
    assert_eq!(steps.as_array().map(<[Value]>::len), Some(1), "one value is all of them: {steps}");
    bridge.shutdown().await
}
