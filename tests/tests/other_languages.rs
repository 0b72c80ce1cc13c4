//! Workers that are no Python: any program that speaks the protocol, here the reference worker in JavaScript.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures::stream;
use snakebridge::client::AsCaller;
use snakebridge::error::{ErrorKind, Executed, Exit, StartFailure};
use snakebridge::prelude::*;
use snakebridge::wire::Limits;
use snakebridge_tests::{eventually, join_all, kill, left_out_without_node, node_worker};
use tempfile::TempDir;

/// Tools of `examples/workers/node/tools.js`.
#[python_tool]
trait NodeTools {
    async fn add(&self, a: i64, b: i64) -> Result<i64>;
    async fn greet(&self, name: &str, greeting: Option<&str>) -> Result<String>;
    async fn echo(&self, value: Value) -> Result<Value>;
    async fn word_counts(&self, text: &str) -> Result<BTreeMap<String, u64>>;
    fn count(&self, to: u64, size: Option<u64>) -> impl Stream<Item = Result<Number>>;
    async fn total(&self, numbers: impl Stream<Item = i64>) -> Result<i64>;
    #[py(idempotent)]
    async fn sleep(&self, seconds: f64) -> Result<f64>;
    async fn allowed_words(&self, text: &str) -> Result<Vec<String>>;
}

#[derive(Debug, serde::Deserialize)]
struct Number {
    number: u64,
    padding: String,
}

/// Whether a word is allowed.
#[tool]
fn is_allowed(word: String) -> bool {
    word != "secret"
}

/// Tell in which session the call runs, and how long the text is.
#[tool]
fn describe(context: &ToolContext, text: String) -> (Option<String>, usize) {
    (context.session_id().map(str::to_owned), text.len())
}

/// Refuse.
#[tool]
fn refuse() -> Result<i64, String> {
    Err("not today".into())
}

/// Count upward.
#[tool]
fn numbers(to: u64) -> impl Stream<Item = u64> {
    stream::iter(1..=to)
}

/// Ask the worker that asks.
#[tool]
async fn descend(context: &ToolContext, levels: u64) -> Result<u64> {
    context.caller().call_named("descends", args! { levels: levels }).await
}

async fn examples() -> Result<(Bridge, NodeToolsClient)> {
    let builder = node_worker("examples/workers/node/tools.js").client::<NodeToolsClient>().tools(tools![is_allowed]);
    let bridge = builder.start().await?;
    let client = bridge.client()?;
    Ok((bridge, client))
}

async fn test_tools() -> Result<Bridge> {
    node_worker("tests/node/tools.js").tools(tools![describe, refuse, numbers, descend]).create_sessions().start().await
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_typed_client_calls_javascript_as_it_calls_python() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let (bridge, tools) = examples().await?;
    assert_eq!(tools.add(i64::from(i32::MAX), 1).await?, 2_147_483_648);
    assert_eq!(tools.greet("Ada", None).await?, "Hello, Ada!");
    assert_eq!(tools.greet("Ada", Some("Servus")).await?, "Servus, Ada!");
    assert_eq!(tools.word_counts("to be or not to be").await?["be"], 2);
    assert_eq!(tools.total(stream::iter(1..=10_000)).await?, 50_005_000);
    let manifest = bridge.manifest().unwrap();
    assert_eq!(manifest.adapter, "tools.js");
    let add = manifest.tool("add").unwrap();
    assert!(add.idempotent && !add.streaming && add.parameters[0].type_name == "int");
    bridge.shutdown().await
}

#[tokio::test]
async fn values_come_back_as_they_were_sent() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let (bridge, tools) = examples().await?;
    for value in [
        Value::Nil,
        Value::Bool(true),
        Value::Int(i64::MIN),
        Value::UInt(u64::MAX),
        Value::Int(9_007_199_254_740_993),
        Value::Float(-0.0),
        Value::Float(f64::INFINITY),
        Value::Str("ß \u{feff} 😀 \0".into()),
        Value::Bytes(vec![0, 255].into()),
        Value::Array(vec![Value::Int(1), Value::Array(Vec::new())]),
        // In this order, which a JavaScript object would not keep.
        Value::Map(vec![(Value::Str("b".into()), Value::Nil), (Value::Str("1".into()), Value::Int(-1))]),
        Value::Map(vec![(Value::Int(1), Value::Bool(false)), (Value::Str("__proto__".into()), Value::Nil)]),
    ] {
        assert_eq!(tools.echo(value.clone()).await?, value);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn errors_carry_type_message_cause_and_whether_the_tool_ran() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let (bridge, _) = examples().await?;
    let error = bridge.execute("buy", args! { item: "tea", stock: 0 }).await.unwrap_err();
    let exception = error.exception().unwrap();
    assert_eq!((error.code(), error.executed()), ("tool", Executed::Yes));
    assert_eq!(
        (&*exception.type_name, &*exception.message, exception.code.as_deref(), exception.retryable),
        ("ToolError", "no tea left", Some("out_of_stock"), true)
    );
    assert!(exception.traceback.as_deref().unwrap().contains("tools.js"));
    let refused = |tool: &'static str, arguments| {
        let call = bridge.execute(tool, arguments);
        async move { call.await.unwrap_err() }
    };
    for (error, code, part) in [
        (refused("ad", args! {}).await, "tool_not_found", "`ad`"),
        (refused("add", args! { a: 1 }).await, "invalid_argument", "`b`: int"),
        (refused("add", args! { a: 1, b: 2.5 }).await, "invalid_argument", "expected `int`, got `float`"),
        (refused("add", args! { a: 1, b: 2, c: 3 }).await, "invalid_argument", "no parameter `c`"),
        (refused("count", args! { to: 1 }).await, "invalid_argument", "stream"),
    ] {
        assert_eq!((error.code(), error.executed()), (code, Executed::Never), "{error}");
        assert!(error.to_string().contains(part), "{part} in {error}");
    }
    bridge.shutdown().await?;

    let bridge = test_tools().await?;
    let error = bridge.execute("returns_what_cannot_travel", args! {}).await.unwrap_err();
    assert_eq!(error.code(), "unserializable");
    assert!(error.to_string().contains("$.list[1].deep"), "{error}");
    let mut items = bridge.stream::<u64>("fails_after", args! { items: 2 });
    assert_eq!((items.next().await.unwrap()?, items.next().await.unwrap()?), (0, 1));
    let error = items.next().await.unwrap().unwrap_err();
    let exception = error.exception().unwrap();
    assert_eq!((&*exception.type_name, &*exception.message), ("RangeError", "no more"));
    assert_eq!(exception.causes.as_ref().unwrap()[0].message, "the cause");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_generator_is_a_stream_that_goes_no_further_than_its_reader_allows() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let (bridge, tools) = examples().await?;
    let mut items = tools.count(3000, Some(100));
    let mut sum = 0;
    while let Some(item) = items.next().await {
        let item = item?;
        sum += item.number + item.padding.len() as u64;
    }
    assert_eq!(sum, 3000 * 3001 / 2 + 300_000);
    bridge.shutdown().await?;

    let bridge = test_tools().await?;
    let size = 10_000;
    let mut items = bridge.stream::<Bytes>("endless", args! { size: size });
    assert_eq!(items.next().await.unwrap()?.len(), size);
    let window = Limits::default().window / size as u64;
    let mut yielded = 0;
    while yielded < window {
        yielded = bridge.call::<u64>("yielded", args! {}).await?;
    }
    // It has had every chance to go on.
    for _ in 0..20 {
        yielded = bridge.call::<u64>("yielded", args! {}).await?;
    }
    assert!(yielded <= window + 3, "{yielded} items of {size} bytes, a window is {window} of them");
    drop(items);
    bridge.shutdown().await
}

#[tokio::test]
async fn streams_run_in_both_directions_at_once_and_a_tool_may_stop_reading() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let bridge = test_tools().await?;
    let mut doubled = bridge.stream::<u64>("doubled", args! { numbers: Input::new(stream::iter(0..5000_u64)) });
    let mut expected = 0;
    while let Some(number) = doubled.next().await {
        assert_eq!(number?, expected);
        expected += 2;
    }
    assert_eq!(expected, 10_000);
    assert_eq!(doubled.returned::<String>()?, Some("all of them".to_owned()));
    let endless = Input::new(stream::iter(7_u64..));
    assert_eq!(bridge.call::<u64>("first", args! { numbers: endless }).await?, 7);
    bridge.shutdown().await
}

#[tokio::test]
async fn bodies_of_many_megabytes_pass_in_both_directions_and_let_small_calls_by() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let (bridge, tools) = examples().await?;
    let large: Vec<u8> = (0..20_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let value = Value::Bytes(large.into());
    let echoes = (0..3).map(|_| tools.echo(value.clone()).into_future());
    let (echoes, sum) = tokio::join!(futures::future::join_all(echoes), tools.add(2, 2));
    assert_eq!(sum?, 4);
    for echo in echoes {
        assert_eq!(echo?, value);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn javascript_calls_the_hosts_tools_in_the_session_of_its_call() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let (bridge, tools) = examples().await?;
    assert_eq!(tools.allowed_words("a secret word").await?, ["a", "word"]);
    // More at once than a host takes of one call.
    assert_eq!(tools.allowed_words(&"word ".repeat(100)).await?.len(), 100);
    bridge.shutdown().await?;

    let bridge = test_tools().await?;
    let text = "x".repeat(1_000_000);
    let call = bridge.execute("asks_the_host", args! { name: "describe", args: BTreeMap::from([("text", text)]) });
    let answer = call.session("letter-17").await?;
    assert_eq!(answer["session"].as_str(), Some("letter-17"));
    assert_eq!(answer["value"][0].as_str(), Some("letter-17"));
    assert_eq!(answer["value"][1].as_u64(), Some(1_000_000));
    let nothing = BTreeMap::<String, u64>::new();
    let answer = bridge.execute("asks_the_host", args! { name: "refuse", args: &nothing }).await?;
    assert_eq!(answer["message"].as_str(), Some("not today"));
    let answer = bridge.execute("asks_the_host", args! { name: "unknown", args: &nothing }).await?;
    assert_eq!(answer["code"].as_str(), Some("tool_not_found"));
    bridge.shutdown().await
}

#[tokio::test]
async fn what_the_host_streams_is_iterated_over_and_may_be_left_early() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let bridge = test_tools().await?;
    assert_eq!(bridge.call::<u64>("sums_the_hosts_numbers", args! { to: 20_000 }).await?, 200_010_000);
    let some = bridge.call::<Vec<u64>>("takes_some_of_the_hosts_numbers", args! { some: 3 }).await?;
    assert_eq!(some, [1, 2, 3]);
    bridge.shutdown().await
}

#[tokio::test]
async fn calls_nest_through_the_host_down_to_its_limit() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let bridge = test_tools().await?;
    assert_eq!(bridge.call::<u64>("descends", args! { levels: 7 }).await?, 7);
    let error = bridge.execute("descends", args! { levels: 20 }).await.unwrap_err();
    assert!(error.to_string().contains("HostToolError"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn what_is_given_up_is_aborted_and_a_generator_runs_its_end() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bridge = test_tools().await?;
    let pid = bridge.workers()[0].pid;

    let call = tokio::spawn(bridge.execute("wait_for_abort", args! { path: path("call") }).into_future());
    eventually("the tool to wait", || (lines(&path("call")) == ["waits"]).then_some(())).await;
    call.abort();
    eventually("the signal", || (lines(&path("call")) == ["waits", "aborted"]).then_some(())).await;

    let mut items = bridge.stream::<u64>("note_end", args! { path: path("stream") });
    assert_eq!(items.next().await.unwrap()?, 0);
    drop(items);
    eventually("the generator's end", || (lines(&path("stream")) == ["closed"]).then_some(())).await;

    let late = bridge.execute("wait_for_abort", args! { path: path("late") }).timeout(Duration::from_millis(200));
    assert_eq!(late.await.unwrap_err().code(), "deadline_exceeded");
    eventually("the signal", || (lines(&path("late")) == ["waits", "aborted"]).then_some(())).await;
    assert_eq!(bridge.workers()[0].pid, pid, "none of it cost the worker");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_that_does_not_listen_to_its_signal_costs_the_worker() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notes");
    let builder = node_worker("tests/node/tools.js").workers(1).cancel_grace(Duration::from_millis(50));
    let bridge = builder.start().await?;
    let first = bridge.workers()[0].pid;
    for tool in ["never_lets_go", "spin"] {
        let pid = bridge.workers()[0].pid;
        let call = tokio::spawn(bridge.execute(tool, args! { path: &path }).into_future());
        eventually("the tool to begin", || (!lines(&path).is_empty()).then_some(())).await;
        std::fs::remove_file(&path).unwrap();
        call.abort();
        let replaced = || bridge.workers().iter().find(|worker| worker.pid != pid && !worker.draining).map(|_| ());
        eventually("another worker", replaced).await;
        eventually("the end of the first", || (bridge.workers().len() == 1).then_some(())).await;
    }
    assert_ne!(bridge.workers()[0].pid, first);
    assert_eq!(bridge.call::<u64>("yielded", args! {}).await?, 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_killed_worker_is_told_apart_from_calls_that_never_ran_in_it() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let (bridge, tools) = examples().await?;
    let doomed = tokio::spawn(bridge.execute("sleep", args! { seconds: 60 }).into_future());
    let pid = bridge.workers()[0].pid;
    eventually("the call", || (bridge.workers()[0].in_flight == 1).then_some(())).await;
    // Answered after the other was begun, which has come before it.
    assert_eq!(tools.add(1, 1).await?, 2);
    kill(pid);
    let error = doomed.await.unwrap().unwrap_err();
    let ErrorKind::WorkerLost { exit, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((exit, error.executed()), (&Exit::Signal(9), Executed::Maybe));
    assert_eq!(tools.add(20, 22).await?, 42, "another one takes its place");

    // The first blocks the loop, so that the second reaches the worker and is never begun: it runs elsewhere, unseen.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pid");
    let bridge = node_worker("tests/node/tools.js").workers(1).start().await?;
    let spinning = tokio::spawn(bridge.execute("spin", args! { path: &path }).into_future());
    let pid = eventually("the tool to spin", || lines(&path).first().and_then(|line| line.parse().ok())).await;
    let waiting = tokio::spawn(bridge.call::<u64>("yielded", args! {}).into_future());
    eventually("the second call", || (bridge.workers()[0].in_flight == 2).then_some(())).await;
    kill(pid);
    assert_eq!(spinning.await.unwrap().unwrap_err().executed(), Executed::Maybe);
    assert_eq!(waiting.await.unwrap()?, 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_finishes_what_it_has_and_no_call_is_lost() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let (bridge, tools) = examples().await?;
    let calls: Vec<_> = (0..50).map(|_| tools.sleep(0.05).into_future()).collect();
    let running = tokio::spawn(join_all(calls));
    eventually("the calls", || (bridge.workers()[0].in_flight > 0).then_some(())).await;
    let pid = rustix::process::Pid::from_raw(bridge.workers()[0].pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    for seconds in running.await.unwrap() {
        assert!((seconds? - 0.05).abs() < 1e-9);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn what_javascript_and_its_children_print_cannot_break_the_wire() -> Result<()> {
    if left_out_without_node() {
        return Ok(());
    }
    let bridge = test_tools().await?;
    assert_eq!(bridge.call::<String>("prints", args! {}).await?, "done");
    assert_eq!(bridge.call::<u64>("yielded", args! {}).await?, 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_computing_worker_dies_with_its_host() {
    if left_out_without_node() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pid");
    let mut host = Command::new(env!("CARGO_BIN_EXE_doomed_host")).arg("node").arg(&path).spawn().unwrap();
    let worker = eventually("the tool to spin", || lines(&path).first().and_then(|line| line.parse().ok())).await;
    assert!(snakebridge_tests::is_alive(worker));
    host.kill().unwrap();
    host.wait().unwrap();
    eventually("the worker to die with its host", || (!snakebridge_tests::is_alive(worker)).then_some(())).await;
}

async fn refused(builder: snakebridge::Builder) -> (StartFailure, String) {
    let error = builder.workers(1).start().await.expect_err("this cannot start");
    match error.kind() {
        ErrorKind::StartFailed { why, message } => (*why, message.clone()),
        _ => panic!("{error}"),
    }
}

/// A file that may be executed, if `mode` says so.
fn program(folder: &TempDir, text: &str, mode: u32) -> PathBuf {
    let path = folder.path().join("program");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[tokio::test]
async fn a_command_that_cannot_be_run_is_named_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let command = |path: &Path| Bridge::builder().command([path]);
    for (path, part) in [
        (PathBuf::from("/no/such/program"), "No such file"),
        (program(&folder, "#!/bin/sh\n", 0o644), "Permission denied"),
    ] {
        let (why, message) = refused(command(&path)).await;
        assert_eq!(why, StartFailure::Command, "{message}");
        assert!(message.contains(path.to_str().unwrap()) && message.contains(part), "{message}");
    }
    let (why, message) = refused(command(&program(&folder, "\x7fELF not really", 0o755))).await;
    assert_eq!(why, StartFailure::Command, "{message}");
    assert!(message.contains("Exec format error"), "{message}");
    let (why, message) = refused(command(&program(&folder, "#!/bin/sh\necho 'no speaker' >&2; exit 9\n", 0o755))).await;
    assert_eq!(why, StartFailure::Exit, "{message}");
    assert!(message.contains("exit code 9") && message.contains("no speaker"), "{message}");
}

#[tokio::test]
async fn a_module_that_cannot_be_loaded_is_shown_with_what_went_wrong() {
    if left_out_without_node() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let module = |text: &str| {
        let path = folder.path().join("module.mjs");
        std::fs::write(&path, text).unwrap();
        node_worker(path.to_str().unwrap())
    };
    let (why, message) = refused(module("throw new Error('no database');\n")).await;
    assert_eq!(why, StartFailure::Import, "{message}");
    assert!(message.contains("Error: no database") && message.contains("module.mjs"), "{message}");
    let (why, message) = refused(module("export function initialize() { throw new Error('no key'); }\n")).await;
    assert_eq!(why, StartFailure::Init, "{message}");
    assert!(message.contains("no key"), "{message}");
}
