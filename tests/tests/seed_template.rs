//! The adapter template of the seed document, to the letter, in real workers.
//!
//! What it lacks is added in front of it or beside it: `import time`, and the module of its handlers.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

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

/// A package with the template in it.
fn template() -> TempDir {
    let snippets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snakebridge-py/tests/seed/snippets.md");
    let snippets = fs::read_to_string(snippets).unwrap();
    let section = snippets.split_once("\n## 8\n\n```python\n").unwrap().1;
    let source = section.split_once("\n```").unwrap().0;
    let folder = TempDir::new().unwrap();
    let package = folder.path().join("seed_package");
    fs::create_dir(&package).unwrap();
    fs::write(package.join("__init__.py"), "").unwrap();
    fs::write(package.join("handlers.py"), HANDLERS).unwrap();
    fs::write(package.join("my_adapter.py"), format!("{PREAMBLE}{source}\n")).unwrap();
    folder
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
