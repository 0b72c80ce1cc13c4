//! Adapters that were written for snakepit, in real workers.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::PathBuf;

use snakebridge::prelude::*;
use snakebridge::{Builder, Compat};

fn adapter(name: &str) -> Builder {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../snakebridge-py/tests/adapters"].iter().collect();
    Bridge::builder().adapter(format!("from_snakepit:{name}")).python_path(folder).workers(1)
}

#[tokio::test]
async fn a_decorated_adapter_has_its_context_in_every_call() -> Result<()> {
    for preload in [false, true] {
        let bridge = adapter("Decorated").compat(Compat::Snakepit).preload(preload).start().await?;
        let session = bridge.session("demo").await?;
        let seen = session.execute("whose", args! {}).await?;
        assert_eq!(seen.to_string(), r#"{"session_id": "demo", "given": "demo", "ready": true}"#);
        let count: Vec<_> = bridge.stream::<Value>("count", args! { n: 2 }).collect().await;
        assert_eq!(count.into_iter().collect::<Result<Vec<_>>>()?[1]["i"].as_i64(), Some(1));
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_only_execute_tool_knows_is_called_by_name() -> Result<()> {
    let bridge = adapter("Gathered").compat(Compat::Snakepit).start().await?;
    assert_eq!(bridge.call::<f64>("add", args! { a: 1, b: 2 }).await?.to_bits(), 3.0_f64.to_bits());
    let wrong = bridge.execute("add", args! { a: "x", b: 2 }).await.unwrap_err();
    assert_eq!(wrong.code(), "invalid_argument");
    let ticks = args! { tool_name: "ticks", arguments: Value::Map(vec![("n".into(), 2.into())]) };
    let ticks: Vec<_> = bridge.stream::<i64>("execute_tool", ticks).collect().await;
    assert_eq!(ticks.into_iter().collect::<Result<Vec<_>>>()?, [0, 1]);
    bridge.shutdown().await?;

    let bridge = adapter("Bare").compat(Compat::Snakepit).start().await?;
    let arguments = Value::Map(vec![("values".into(), vec![Value::from(1), 2.into()].into())]);
    let sum = bridge.execute("execute_tool", args! { tool_name: "sum", arguments: arguments }).await?;
    assert_eq!(sum["sum"].as_i64(), Some(3));
    bridge.shutdown().await
}

#[tokio::test]
async fn without_the_word_of_the_host_the_names_are_not_there() {
    let error = adapter("Decorated").start().await.unwrap_err();
    assert!(error.to_string().contains("snakepit_bridge"), "{error}");
}
