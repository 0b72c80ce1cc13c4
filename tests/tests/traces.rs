//! The span of a trace, from the caller to Python and from there to Rust.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use snakebridge::ToolContext;
use snakebridge::prelude::*;
use snakebridge_tests::python_folder;

const SPAN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The span in which it was called.
#[tool]
fn host_span(context: &ToolContext) -> Option<String> {
    context.traceparent()
}

async fn bridge() -> Result<Bridge> {
    let builder = Bridge::builder().adapter("failing_tools:FailingAdapter").python_path(python_folder());
    builder.workers(1).tools(tools![host_span]).start().await
}

#[tokio::test]
async fn python_and_the_rust_tools_that_it_calls_are_in_the_span_of_the_caller() -> Result<()> {
    let bridge = bridge().await?;
    let spans: Vec<Option<String>> = bridge.call("which_span", args! {}).traceparent(SPAN).await?;
    assert_eq!(spans, [Some(SPAN.to_owned()), Some(SPAN.to_owned())]);
    let spans: Vec<Option<String>> = bridge.call("which_span", args! {}).await?;
    assert_eq!(spans, [None, None]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_span_of_pythons_own_reaches_the_rust_tool() -> Result<()> {
    let bridge = bridge().await?;
    let call = bridge.call::<Option<String>>("which_span_within", args! { trace: 0xabc, span: 0xdef });
    let seen = call.traceparent(SPAN).await?;
    assert_eq!(seen.as_deref(), Some("00-00000000000000000000000000000abc-0000000000000def-01"));
    bridge.shutdown().await
}

#[tokio::test]
async fn what_is_no_traceparent_is_refused_before_anything_runs() -> Result<()> {
    let bridge = bridge().await?;
    let error = bridge.call::<Value>("which_span", args! {}).traceparent("of\nmy own").await.unwrap_err();
    assert_eq!((error.code(), error.attempts()), ("invalid_argument", 0));
    assert!(error.to_string().contains("`of\\nmy own`: expected that of W3C Trace Context"), "{error}");
    bridge.shutdown().await
}
