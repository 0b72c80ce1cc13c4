//! The state of sessions: the same for Rust and Python, nobody else's, and not lost with a worker.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge::session::SessionConfig;
use snakebridge_tests::{Gate, Ledger, eventually, join_all, session_tools};

type Arguments<'a> = [(&'a str, Value)];

/// An operation on the state by Python, in this session.
fn python(session: &Session, operation: &str, arguments: &Arguments<'_>) -> Call<Value> {
    let arguments = arguments.iter().map(|(name, value)| (Value::from(*name), value.clone())).collect();
    session.execute("state", args! { operation: operation, arguments: Value::Map(arguments) })
}

fn code(answer: &Value) -> &str {
    answer["code"].as_str().unwrap_or_default()
}

fn value(value: impl Into<Value>) -> Value {
    value.into()
}

/// All operations, with arguments that fit.
fn operations() -> [(&'static str, Vec<(&'static str, Value)>); 5] {
    [
        ("get", vec![("key", value("k"))]),
        ("set", vec![("key", value("k")), ("value", value(1))]),
        ("cas", vec![("key", value("k")), ("expected", value(0)), ("value", value(1))]),
        ("delete", vec![("key", value("k"))]),
        ("keys", vec![]),
    ]
}

#[tokio::test]
async fn rust_and_python_see_the_same_keys_values_and_versions() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(2).start().await?;
    let session = bridge.session("s").await?;
    let state = session.state();
    assert_eq!(state.set("from rust", &vec![1.5, 2.5]).await?, 1);
    let got = python(&session, "get", &[("key", value("from rust"))]).await?;
    assert_eq!(got, Value::from(vec![value(1), Value::from(vec![1.5, 2.5])]));
    assert_eq!(python(&session, "get", &[("key", value("nothing"))]).await?, Value::Nil);
    let exact = Value::Map(vec![(value(1), Value::Nil), (value("b"), value(Bytes::from_static(b"\0\xff")))]);
    assert_eq!(python(&session, "set", &[("key", value("p")), ("value", exact.clone())]).await?, value(1));
    assert_eq!(state.get_versioned::<Value>("p").await?, Some((1, exact)));
    let cas = |expected: u64| {
        python(&session, "cas", &[("key", value("p")), ("expected", value(expected)), ("value", value(2))])
    };
    let conflict = cas(0).await?;
    assert_eq!((code(&conflict), &conflict["data"]["version"]), ("conflict", &value(1)), "{conflict}");
    assert_eq!(cas(1).await?, value(2));
    let error = state.compare_and_set("p", 1, &3).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Conflict { version: 2 }), "{error}");
    assert_eq!(python(&session, "keys", &[]).await?.to::<Vec<String>>()?, ["from rust", "p"]);
    assert_eq!(state.keys().await?, ["from rust", "p"]);
    assert_eq!(python(&session, "delete", &[("key", value("p"))]).await?, value(true));
    assert_eq!(python(&session, "delete", &[("key", value("p"))]).await?, value(false));
    assert_eq!(code(&cas(2).await?), "conflict", "it is not there");
    assert_eq!(cas(0).await?, value(3), "versions go on");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_in_no_session_has_no_state() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    for (operation, arguments) in operations() {
        let arguments = arguments.into_iter().map(|(name, value)| (Value::from(name), value)).collect();
        let arguments = args! { operation: operation, arguments: Value::Map(arguments) };
        let answer = bridge.execute("state", arguments).await?;
        assert_eq!(code(&answer), "session_not_found", "{operation}: {answer}");
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn no_operation_reaches_another_session_whatever_a_worker_says() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    let (mine, theirs) = (bridge.session("mine").await?, bridge.session("theirs").await?);
    theirs.state().set("k", "secret").await?;
    for (operation, arguments) in operations() {
        // Names that an argument for it might have; the host knows none of them.
        for smuggled in ["session", "session_id", "id", "$session"] {
            let mut arguments = arguments.clone();
            arguments.push((smuggled, value("theirs")));
            let answer = python(&mine, operation, &arguments).await?;
            assert_eq!(code(&answer), "invalid_argument", "{operation}: {answer}");
        }
        for key in ["theirs/k", "../theirs/k", "theirs\0k", "theirs:k"] {
            let mut arguments = arguments.clone();
            if let Some(argument) = arguments.iter_mut().find(|(name, _)| *name == "key") {
                argument.1 = value(key);
                python(&mine, operation, &arguments).await?;
            }
        }
        python(&mine, operation, &arguments).await?;
        let left = theirs.state().get_versioned::<String>("k").await?;
        assert_eq!(left, Some((1, "secret".to_owned())), "{operation}");
    }
    assert!(!mine.state().keys().await?.contains(&"k".to_owned()), "deleted, and only here");
    bridge.shutdown().await
}

#[tokio::test]
async fn what_is_asked_about_tools_is_about_those_of_the_own_session_whatever_else_is_said() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    let (mine, theirs) = (bridge.session("mine").await?, bridge.session("theirs").await?);
    theirs.register(tools![store_variable])?;
    let ask = |tool: &str, arguments: &Arguments<'_>| {
        let arguments: BTreeMap<_, _> = arguments.iter().cloned().collect();
        mine.execute("ask_host", args! { tool: tool, arguments: arguments })
    };
    for smuggled in ["session", "session_id", "id", "$session"] {
        let smuggled = (smuggled, value("theirs"));
        let listed = ask("$tools.list", std::slice::from_ref(&smuggled)).await?;
        assert_eq!(listed["tools"], Value::Array(vec![]), "{smuggled:?}");
        let tools = ("tools", Value::Array(vec![value("pid")]));
        let error = ask("$tools.register", &[tools, smuggled.clone()]).await.unwrap_err();
        assert!(error.to_string().contains("invalid_argument"), "{smuggled:?}: {error}");
        let error = ask("store_variable", &[("key", value("k")), ("value", value(1)), smuggled]).await.unwrap_err();
        assert!(error.to_string().contains("tool_not_found"), "{error}");
    }
    assert!(mine.python_tools().is_empty() && theirs.python_tools().is_empty());
    assert!(theirs.state().keys().await?.is_empty());
    bridge.shutdown().await
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_worker_that_wrote_it() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    let session = bridge.session("s").await?;
    let error = session.execute("set_and_die", args! { keys: ["1", "2", "3"] }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("worker_lost", Executed::Maybe));
    assert_eq!(session.state().keys().await?, ["1", "2"], "two of three writes, and nothing takes them back");
    let pid = session.state().get::<Value>("2").await?.unwrap();
    let got = python(&session, "get", &[("key", value("2"))]).await?;
    assert_eq!(got, Value::from(vec![value(1), pid.clone()]), "in another worker");
    assert_ne!(session.call::<Value>("pid", args! {}).await?, pid);
    bridge.shutdown().await
}

#[tokio::test]
async fn increments_from_both_sides_at_once_are_all_counted() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(2).start().await?;
    let session = bridge.session("s").await?;
    let increments = (0..60).map(|number| {
        let session = session.clone();
        async move {
            if number % 2 == 0 {
                return session.call("increment", args! { key: "count" }).await.unwrap();
            }
            loop {
                let (version, count) = session.state().get_versioned::<u64>("count").await.unwrap().unwrap_or_default();
                if session.state().compare_and_set("count", version, &(count + 1)).await.is_ok() {
                    return count + 1;
                }
            }
        }
    });
    let mut counts: Vec<u64> = join_all(increments).await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=60).collect::<Vec<_>>());
    assert_eq!(session.state().get_versioned::<u64>("count").await?, Some((60, 60)));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_ends_well_when_its_session_is_closed_and_its_late_write_changes_nothing() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    let (session, gate) = (bridge.session("s").await?, Gate::new(&ledger, "gate"));
    let call = tokio::spawn(session.execute("set_late", args! { call: 1, gate: gate.path(), key: "k" }));
    ledger.noted(1).await;
    assert!(session.close().await?);
    // Not into one that has its id by now, either.
    let successor = bridge.session("s").await?;
    gate.open();
    let answer = call.await.unwrap()?;
    assert_eq!((code(&answer), &answer["raised"]), ("session_expired", &value("SessionExpired")), "{answer}");
    assert_eq!(successor.state().keys().await?, Vec::<String>::new());
    successor.close().await?;
    assert!(bridge.sessions().is_empty());
    bridge.shutdown().await
}

#[tokio::test]
async fn a_session_does_not_expire_under_a_call_whose_late_write_is_kept() -> Result<()> {
    let ledger = Ledger::new();
    let config = SessionConfig { ttl: Duration::from_millis(50), ..SessionConfig::default() };
    let bridge = session_tools(&ledger).workers(1).sessions(config).start().await?;
    let (session, gate) = (bridge.session("s").await?, Gate::new(&ledger, "gate"));
    let call = tokio::spawn(session.execute("set_late", args! { call: 1, gate: gate.path(), key: "k" }));
    ledger.noted(1).await;
    let is_past_its_time = || session.info().ok().filter(|info| info.expires_in == Some(Duration::ZERO));
    eventually("its time to pass", is_past_its_time).await;
    gate.open();
    assert_eq!(call.await.unwrap()?, value(1), "the version that was written");
    eventually("the session to expire", || bridge.sessions().is_empty().then_some(())).await;
    assert_eq!(session.state().keys().await.unwrap_err().code(), "session_expired");
    bridge.shutdown().await
}

#[tokio::test]
async fn quotas_are_told_to_python_by_name_and_bad_keys_too() -> Result<()> {
    let ledger = Ledger::new();
    let config = SessionConfig { max_value_bytes: 1000, max_session_bytes: 1500, ..SessionConfig::default() };
    let bridge = session_tools(&ledger).workers(1).sessions(config).start().await?;
    let session = bridge.session("s").await?;
    let set = |key: &str, size: usize| {
        python(&session, "set", &[("key", value(key)), ("value", value(Bytes::from(vec![0; size])))])
    };
    let answer = set("a", 1000).await?;
    assert!(code(&answer) == "session_quota" && answer["message"].to_string().contains("max_value_bytes"), "{answer}");
    assert_eq!(set("a", 900).await?, value(1));
    let answer = set("b", 900).await?;
    assert!(
        code(&answer) == "session_quota" && answer["message"].to_string().contains("max_session_bytes"),
        "{answer}"
    );
    for key in ["", "a\nb", &"x".repeat(257)] {
        let answer = set(key, 1).await?;
        assert_eq!(code(&answer), "invalid_argument", "{answer}");
    }
    let [info] = &bridge.sessions()[..] else { panic!("one session") };
    assert_eq!((info.keys, info.bytes), (1, 1 + 1 + 903), "the key, the value in its encoding, and empty metadata");
    bridge.shutdown().await
}

/// Store a value under a key of the session.
#[tool]
async fn store_variable(context: &ToolContext, key: String, value: Value) -> Result<u64> {
    let Some(state) = context.session_state() else { return Ok(0) };
    state.set(&key, &value).await
}

#[tokio::test]
async fn a_rust_tool_that_python_calls_has_the_state_of_the_calls_session() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).tools(tools![store_variable]).start().await?;
    let session = bridge.session("s").await?;
    let arguments = BTreeMap::from([("key", value("k")), ("value", value("v"))]);
    let version: u64 = session.call("ask_host", args! { tool: "store_variable", arguments: &arguments }).await?;
    assert_eq!((version, session.state().get::<String>("k").await?), (1, Some("v".to_owned())));
    let nowhere: u64 = bridge.call("ask_host", args! { tool: "store_variable", arguments: &arguments }).await?;
    assert_eq!(nowhere, 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn state_goes_on_while_workers_are_replaced() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    let session = bridge.session("s").await?;
    for count in 1..=3_u64 {
        assert_eq!(session.call::<u64>("increment", args! { key: "count" }).await?, count);
        let pid = bridge.workers()[0].pid;
        snakebridge_tests::kill(pid);
        eventually("another worker", || bridge.workers().iter().any(|worker| worker.pid != pid).then_some(())).await;
    }
    bridge.shutdown().await
}
