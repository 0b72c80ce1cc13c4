//! What real workers are asked, and what they ask of the host, is recorded, and replayed without it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;

use snakebridge::Builder;
use snakebridge::prelude::*;
use snakebridge_tests::{join_all, python_folder};
use tempfile::TempDir;

/// Tells the rate of a currency.
#[tool]
fn rate(currency: String) -> Result<u64, ToolError> {
    match &*currency {
        "EUR" => Ok(2),
        _ => Err(ToolError::new("no_rate", format!("no rate of {currency}"))),
    }
}

/// Counts.
#[tool]
fn count(upto: u64) -> impl Stream<Item = u64> {
    futures::stream::iter(0..upto)
}

fn recorded() -> Builder {
    Bridge::builder()
        .adapter("recorded_tools:RecordedAdapter")
        .python_path(python_folder())
        .tools(tools![rate, count])
        .create_sessions()
}

async fn check(file: &Path) -> Result<String> {
    let bridge = recorded().workers(1).start().await?;
    let told = bridge.call("check", args! { path: file.to_str().unwrap() }).await?;
    bridge.shutdown().await?;
    Ok(told)
}

#[tokio::test]
async fn calls_of_real_workers_are_recorded_and_replayed_without_the_host() -> Result<()> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("calls.json");
    let bridge = recorded().workers(2).env("SNAKEBRIDGE_RECORD", file.to_str().unwrap()).start().await?;
    let convert = |tool: &str, currency: &str| bridge.call::<u64>(tool, args! { amount: 21, currency: currency });
    assert_eq!((convert("convert", "EUR").await?, convert("convert_later", "EUR").await?), (42, 42));
    for tool in ["convert", "convert_later"] {
        assert!(convert(tool, "XXX").await.unwrap_err().to_string().contains("no rate of XXX"));
    }
    for tool in ["numbers", "numbers_later"] {
        let items: Vec<_> = bridge.stream::<u64>(tool, args! { upto: 3 }).collect().await;
        assert_eq!(items.into_iter().collect::<Result<Vec<_>>>()?, [0, 1, 2]);
    }
    for data in [&b"\x00\xff"[..], b""] {
        let data = Bytes::from_static(data);
        bridge.execute("keep", args! { data: data }).session("s").correlation_id("trace").metadata("k", 1).await?;
    }
    bridge.execute("fail", args! {}).await.unwrap_err();
    bridge.execute("convert", args! { amount: "x" }).await.unwrap_err();
    assert_eq!(bridge.call::<i64>("together", args! { n: 1 }).await?, 1);
    let calls = (0..20).map(|amount| bridge.call::<u64>("convert", args! { amount: amount, currency: "EUR" }));
    join_all(calls).await.into_iter().collect::<Result<Vec<_>>>()?;
    bridge.shutdown().await?;

    let text = std::fs::read_to_string(&file).unwrap();
    let calls: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(calls.as_array().unwrap().len(), 30, "{text}");
    let of = |tool: &str| calls.as_array().unwrap().iter().find(|call| call["tool"] == tool).unwrap().clone();
    assert_eq!(of("convert")["host"][1]["arguments"], serde_json::json!([["EUR"], {}]));
    let kept = of("keep");
    assert_eq!(
        (&kept["session"], &kept["correlation_id"], &kept["metadata"]["k"]),
        (&"s".into(), &"trace".into(), &1.into())
    );
    assert_eq!(kept["arguments"]["data"], serde_json::json!({"$bytes": "AP8="}));
    assert_eq!(of("numbers")["items"][0], serde_json::json!({"$chunk": [0, false, {"even": true}]}));
    assert_eq!(of("fail")["error"]["own_code"], "no_luck");
    assert_eq!(check(&file).await?, "30");

    std::fs::write(&file, text.replace("\"result\": 42", "\"result\": 43")).unwrap();
    let told = check(&file).await?;
    assert!(told.contains("`convert`: result: it was 43, and is 42"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_cannot_be_written_harms_no_call() -> Result<()> {
    let bridge = recorded().workers(1).env("SNAKEBRIDGE_RECORD", "/nowhere/calls.json").start().await?;
    assert_eq!(bridge.call::<u64>("convert", args! { amount: 1, currency: "EUR" }).await?, 2);
    bridge.shutdown().await
}
