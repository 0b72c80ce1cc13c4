//! Rust tools that Python calls.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use snakebridge::error::ErrorKind;
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, eventually, rust_tools, showcase};

#[derive(Debug, Serialize)]
struct Parsed {
    success: bool,
    data: Value,
    keys: Vec<String>,
}

/// Parse a JSON string.
#[tool]
fn parse_json(json_string: String) -> Result<Parsed, serde_json::Error> {
    let json: serde_json::Value = serde_json::from_str(&json_string)?;
    let keys = json.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect();
    let data = Value::from_serialize(&json).map_err(serde::de::Error::custom)?;
    Ok(Parsed { success: true, data, keys })
}

/// Tell in which session the call runs.
#[tool]
fn which_session(context: &ToolContext) -> Option<String> {
    context.session_id().map(str::to_owned)
}

/// Repeat a text.
#[tool]
async fn repeat(text: String, #[py(default = 2)] times: usize) -> String {
    tokio::task::yield_now().await;
    text.repeat(times)
}

/// Take forever.
#[tool(timeout = "100ms")]
async fn dawdle() -> i32 {
    std::future::pending().await
}

/// Note when nobody waits any more.
#[tool]
async fn wait_for_cancellation(context: &ToolContext, path: String) -> i32 {
    let context = context.clone();
    // In a task of its own: the tool's future is dropped with the call.
    tokio::spawn(async move {
        context.cancelled().await;
        std::fs::write(path, "cancelled").unwrap();
    });
    std::future::pending().await
}

/// What tools of the next test saw.
#[derive(Default)]
struct Seen {
    /// How many have been dropped before their end.
    dropped: AtomicU32,
    /// How much of what tools left behind has heard that nobody waits any more.
    heard: AtomicU32,
    /// How long the last one was given.
    given: Mutex<Option<Duration>>,
}

impl Seen {
    /// Waits for ever, having left a task behind that waits for the end.
    async fn wait(self: &Arc<Self>, context: &ToolContext) -> Result<()> {
        struct Dropped(Arc<Seen>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.dropped.fetch_add(1, SeqCst);
            }
        }
        let _dropped = Dropped(Arc::clone(self));
        *self.given.lock().unwrap() = context.remaining();
        let (seen, left) = (Arc::clone(self), context.clone());
        tokio::spawn(async move {
            left.cancelled().await;
            assert!(left.is_cancelled());
            seen.heard.fetch_add(1, SeqCst);
        });
        std::future::pending().await
    }
}

#[tool(timeout = "100ms")]
async fn late_with_a_task(context: &ToolContext, #[py(state)] seen: &Arc<Seen>) -> Result<()> {
    seen.wait(context).await
}

/// As long as anybody waits, and no longer.
#[tool(blocking, timeout = "100ms")]
fn late_on_a_thread(context: &ToolContext, #[py(state)] seen: &Arc<Seen>) {
    while !context.is_cancelled() {
        std::thread::sleep(Duration::from_millis(1));
    }
    seen.heard.fetch_add(1, SeqCst);
}

#[tool(timeout = "60s")]
async fn patient(context: &ToolContext, #[py(state)] seen: &Arc<Seen>) -> Result<()> {
    seen.wait(context).await
}

#[tool]
fn panics() -> i32 {
    panic!("on purpose")
}

fn ask(tool: &str, arguments: Vec<(&str, Value)>) -> snakebridge::body::Arguments {
    let arguments = arguments.into_iter().map(|(name, value)| (Value::from(name), value)).collect();
    args! { tool: tool, arguments: Value::Map(arguments) }
}

fn bridge(ledger: &Ledger) -> snakebridge::Builder {
    let tools = tools![parse_json, which_session, repeat, dawdle, wait_for_cancellation, panics];
    ledger.tools().workers(1).tools(tools)
}

#[tokio::test]
async fn parse_json_called_from_python_returns_the_plain_result() -> Result<()> {
    let bridge = showcase().workers(1).tools(tools![parse_json]).start().await?;
    let result = bridge.execute("parse_json_by_host", args! { json_string: r#"{"test": true}"# }).await?;
    assert_eq!(result.to_string(), r#"{"success": true, "data": {"test": true}, "keys": ["test"]}"#);
    bridge.shutdown().await
}

#[tokio::test]
async fn python_sees_the_tools_and_their_defaults_apply() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = bridge(&ledger).start().await?;
    let names: Vec<String> = bridge.call("host_tools", args! {}).await?;
    assert_eq!(names, ["dawdle", "panics", "parse_json", "repeat", "wait_for_cancellation", "which_session"]);
    let twice: String = bridge.call("ask_host", ask("repeat", vec![("text", "ab".into())])).await?;
    assert_eq!(twice, "abab");
    let thrice = ask("repeat", vec![("text", "ab".into()), ("times", 3.into())]);
    assert_eq!(bridge.call::<String>("ask_host", thrice).await?, "ababab");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_sees_the_session_of_the_call_that_uses_it() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = bridge(&ledger).start().await?;
    let session = bridge.session("s-1").await?;
    let told: Option<String> = session.call("ask_host", ask("which_session", vec![])).await?;
    assert_eq!(told.as_deref(), Some("s-1"));
    assert_eq!(bridge.call::<Option<String>>("ask_host", ask("which_session", vec![])).await?, None);
    bridge.shutdown().await
}

#[tokio::test]
async fn what_goes_wrong_in_a_tool_is_an_exception_in_python() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = bridge(&ledger).start().await?;
    let wrong = [
        ("parse_json", vec![("json_string", Value::from("{"))], "EOF while parsing"),
        ("parse_json", vec![("json_string", Value::from(1))], "`json_string`"),
        ("parse_json", vec![], "`json_string`"),
        ("repeat", vec![("text", "a".into()), ("tiems", 2.into())], "`tiems`"),
        ("panics", vec![], "host tool `panics` panicked: on purpose"),
        ("dawdle", vec![], "deadline"),
        ("parse_jsn", vec![], "`parse_json`"),
    ];
    for (tool, arguments, part) in wrong {
        let error = bridge.execute("ask_host", ask(tool, arguments)).await.unwrap_err();
        assert!(error.to_string().contains(part), "{tool}: `{part}` in: {error}");
        assert!(matches!(error.kind(), ErrorKind::Tool(_)), "{tool}: the Python tool raised it: {error:?}");
    }
    assert_eq!(bridge.call::<String>("ask_host", ask("repeat", vec![("text", "a".into())])).await?, "aa");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_is_cancelled_with_the_call_that_waits_for_it() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = bridge(&ledger).start().await?;
    let noted = ledger.path().with_extension("cancelled");
    let arguments = vec![("path", Value::from(noted.to_str().unwrap()))];
    let call = bridge.execute("ask_host", ask("wait_for_cancellation", arguments));
    let error = call.timeout(Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.code(), "deadline_exceeded");
    eventually("the tool to hear of it", || noted.exists().then_some(())).await;
    // The worker waited for the host, which can be interrupted: it is still the same one.
    assert_eq!(bridge.workers()[0].number, 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_that_takes_too_long_is_dropped_and_all_that_it_has_left_behind_hears_of_it() -> Result<()> {
    let seen = Arc::new(Seen::default());
    let builder = rust_tools().workers(1).state(Arc::clone(&seen));
    let bridge = builder.tools(tools![late_with_a_task, late_on_a_thread, patient]).start().await?;
    let to = |name: &str| args! { name: name, arguments: Value::Map(Vec::new()) };
    for (number, tool) in (1..).zip(["late_with_a_task", "late_on_a_thread"]) {
        let caught: BTreeMap<String, Value> = bridge.call("catch", to(tool)).await?;
        assert_eq!(caught["code"], "deadline_exceeded".into(), "{tool}: {caught:?}");
        assert_eq!(caught["executed"], "maybe".into(), "{tool}: {caught:?}");
        eventually("what it left behind", || (seen.heard.load(SeqCst) == number).then_some(())).await;
    }
    assert_eq!(seen.dropped.load(SeqCst), 1, "the one that was awaited");
    // The shorter deadline is the call's: the tool has a minute.
    let begun = Instant::now();
    let error = bridge.execute("call", to("patient")).timeout(Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.code(), "deadline_exceeded");
    eventually("the patient one", || (seen.heard.load(SeqCst) == 3).then_some(())).await;
    assert!(seen.given.lock().unwrap().unwrap() <= Duration::from_millis(200));
    // And here it is the tool's, though the call has a minute.
    let caught: BTreeMap<String, Value> =
        bridge.call("catch", to("late_with_a_task")).timeout(Duration::from_secs(60)).await?;
    assert_eq!(caught["code"], "deadline_exceeded".into(), "{caught:?}");
    assert!(seen.given.lock().unwrap().unwrap() <= Duration::from_millis(100));
    assert!(begun.elapsed() < Duration::from_secs(20), "nobody waited for a minute");
    assert_eq!(bridge.workers()[0].number, 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn two_tools_of_one_name_are_refused_before_anything_starts() {
    let error = showcase().tools(tools![repeat, repeat]).start().await.unwrap_err();
    assert!(error.to_string().contains("two host tools are called `repeat`"), "{error}");
}
