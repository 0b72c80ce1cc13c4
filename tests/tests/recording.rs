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
    assert_eq!(bridge.call::<i64>("together", args! { n: 1 }).await?, 2);
    let calls = (0..20).map(|amount| bridge.call::<u64>("convert", args! { amount: amount, currency: "EUR" }));
    join_all(calls).await.into_iter().collect::<Result<Vec<_>>>()?;
    bridge.shutdown().await?;

    let text = std::fs::read_to_string(&file).unwrap();
    let calls: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(calls.as_array().unwrap().len(), 31, "{text}");
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
    assert_eq!(check(&file).await?, "31");

    std::fs::write(&file, text.replace("\"result\": 42", "\"result\": 43")).unwrap();
    let told = check(&file).await?;
    assert!(told.contains("`convert`: result: it was 43, and is 42"), "{told}");
    Ok(())
}

#[tokio::test]
async fn calls_that_ran_together_and_streams_among_arguments_are_replayed_as_they_were() -> Result<()> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("calls.json");
    let bridge = recorded().workers(1).env("SNAKEBRIDGE_RECORD", file.to_str().unwrap()).start().await?;
    let together = [1, 13, 2].map(|n| bridge.call::<u64>("together", args! { n: n }));
    let outcomes = join_all(together).await;
    assert_eq!((outcomes[0].as_ref().ok(), outcomes[2].as_ref().ok()), (Some(&2), Some(&4)));
    assert!(outcomes[1].as_ref().unwrap_err().to_string().contains("on purpose"));
    let named = ["a", "b"].map(|id| bridge.call::<(u64, String)>("together_later", args! { n: 7 }).correlation_id(id));
    for (outcome, id) in join_all(named).await.into_iter().zip(["a", "b"]) {
        assert_eq!(outcome?, (7, id.to_owned()));
    }
    let endless = Input::new(futures::stream::iter(1_u64..));
    let taken: Vec<u64> = bridge.call("take", args! { numbers: endless, count: 3 }).await?;
    assert_eq!(taken, [1, 2, 3]);
    let numbers = Input::new(futures::stream::iter(1..=3));
    let doubled: Vec<_> = bridge.stream::<u64>("double", args! { numbers: numbers }).collect().await;
    assert_eq!(doubled.into_iter().collect::<Result<Vec<_>>>()?, [2, 4, 6]);
    bridge.shutdown().await?;

    let text = std::fs::read_to_string(&file).unwrap();
    let calls: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |tool: &str| calls.as_array().unwrap().iter().find(|call| call["tool"] == tool).unwrap().clone();
    let together = of("together");
    assert_eq!(together["batch"][0], serde_json::json!({"arguments": {"n": 1}, "result": 2}), "{text}");
    assert_eq!(together["batch"][1]["error"]["own_code"], "no_luck");
    assert_eq!(together["host"][1]["target"], "rate", "asked once for all: {text}");
    assert_eq!(of("together_later")["batch"][1]["correlation_id"], "b");
    assert_eq!(of("take")["arguments"]["numbers"], serde_json::json!({"$stream": [1, 2, 3]}));
    assert_eq!(of("double")["items"], serde_json::json!([2, 4, 6]));
    assert_eq!(check(&file).await?, "7");

    let before = "\"n\": 2\n        },\n        \"result\": 4";
    std::fs::write(&file, text.replace(before, &before.replace("result\": 4", "result\": 5"))).unwrap();
    let told = check(&file).await?;
    assert!(told.contains("`together`: number 3 of 3 that ran together: result: it was 5, and is 4"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_cannot_be_written_harms_no_call() -> Result<()> {
    let bridge = recorded().workers(1).env("SNAKEBRIDGE_RECORD", "/nowhere/calls.json").start().await?;
    assert_eq!(bridge.call::<u64>("convert", args! { amount: 1, currency: "EUR" }).await?, 2);
    bridge.shutdown().await
}
