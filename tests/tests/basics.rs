//! The seed's basics: the smallest things that have to work, against the showcase adapter.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a failed unwrap is a failed test; floats are exact"
)]

use serde::Deserialize;
use snakebridge::prelude::*;
use snakebridge_tests::showcase;

#[tokio::test]
async fn ping_answers_pong_with_a_timestamp() -> Result<()> {
    let bridge = showcase().workers(1).start().await?;
    let pong = bridge.execute("ping", args! {}).await?;
    assert_eq!(pong["message"].as_str(), Some("pong"));
    assert!(!pong["timestamp"].is_nil());
    bridge.shutdown().await
}

#[tokio::test]
async fn echo_returns_what_it_was_given() -> Result<()> {
    let bridge = showcase().workers(1).start().await?;
    let reply = bridge.execute("echo", args! { message: "Hello", numbers: [1, 2, 3] }).await?;
    assert_eq!(reply["echoed"].to_string(), r#"{"message": "Hello", "numbers": [1, 2, 3]}"#);
    bridge.shutdown().await
}

#[tokio::test]
async fn add_takes_names_or_places() -> Result<()> {
    let bridge = showcase().workers(1).start().await?;
    assert_eq!(bridge.call::<f64>("add", args! { a: 2, b: 2 }).await?, 4.0);
    assert_eq!(bridge.call::<f64>("add", args![2.5, 2]).await?, 4.5);
    bridge.shutdown().await
}

#[tokio::test]
async fn adapter_info_names_the_adapter() -> Result<()> {
    let bridge = showcase().workers(1).start().await?;
    let info = bridge.execute("adapter_info", args! {}).await?;
    assert_eq!(info["adapter_name"].as_str(), Some("ShowcaseAdapter"));
    bridge.shutdown().await
}

/// An item of the seed's `stream_progress`.
#[derive(Debug, Deserialize)]
struct Update {
    step: u32,
    total: u32,
    progress: f64,
    is_final: bool,
}

#[tokio::test]
async fn stream_progress_arrives_step_by_step_and_in_order() -> Result<()> {
    let bridge = showcase().workers(1).start().await?;
    let stream = bridge.stream::<Update>("stream_progress", args! { steps: 5, delay_ms: 10 });
    let steps: Vec<Update> = stream.collect::<Vec<_>>().await.into_iter().collect::<Result<_>>()?;
    assert_eq!(steps.iter().map(|step| step.step).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(steps.iter().all(|step| step.total == 5));
    assert!((steps[2].progress - 60.0).abs() < 1e-9);
    assert_eq!(steps.iter().map(|step| step.is_final).collect::<Vec<_>>(), [false, false, false, false, true]);
    bridge.shutdown().await
}

#[tokio::test]
async fn five_calls_of_a_session_each_see_the_callers_session_id() -> Result<()> {
    let bridge = showcase().workers(2).start().await?;
    let session = bridge.session("demo_session_1").await?;
    for _ in 0..5 {
        let info = session.execute("get_session_info", args! {}).await?;
        assert_eq!(info["session_id"].as_str(), Some("demo_session_1"));
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn a_binary_checksum_is_of_exactly_the_bytes_that_were_sent() -> Result<()> {
    let bridge = showcase().workers(1).start().await?;
    let data: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let expected = snakebridge::manifest::hash(&data);
    let arguments = args! { data: Bytes::from(data), algorithm: "sha256" };
    let result = bridge.execute("checksum", arguments).await?;
    assert_eq!(result["checksum"].as_str(), Some(expected.as_str()));
    assert_eq!(result["size"].as_i64(), Some(100_000));
    bridge.shutdown().await
}

#[tokio::test]
async fn the_structured_error_tool_answers_with_an_error_as_a_value() -> Result<()> {
    let bridge = showcase().workers(1).start().await?;
    let wrong = Value::Map(vec![("value".into(), Value::from(-1))]);
    let result = bridge.execute("safe_operation", args! { data: wrong }).await?;
    assert_eq!(result["success"].as_bool(), Some(false));
    assert_eq!(result["error_type"].as_str(), Some("ValueError"));
    bridge.shutdown().await
}
