//! Single calls: values, errors, timeouts, cancellation.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use snakebridge::error::{ErrorKind, Executed, Phase};
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, eventually};

#[tokio::test]
async fn values_pass_through_python_without_loss() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let values = [
        Value::Nil,
        Value::from(true),
        Value::from(9_007_199_254_740_993_i64),
        Value::from(i64::MIN),
        Value::from(u64::MAX),
        Value::from(-0.0),
        Value::from(f64::INFINITY),
        Value::from("nul \0, right \u{202e} to left, 😀"),
        Value::from(Bytes::from_static(b"\x00\xff")),
        Value::Map(vec![(Value::from(1), Value::from("int key")), (Value::from("__type__"), Value::from("dict"))]),
        Value::from(vec![Value::from(vec![1]), Value::Nil]),
    ];
    for value in values {
        let echoed = bridge.execute("echo", args! { value: value }).await?;
        assert_eq!(echoed, value);
        assert_eq!(format!("{echoed:?}"), format!("{value:?}"), "-0.0 equals 0.0, but is not the same");
    }
    let nan: f64 = bridge.call("echo", args! { value: f64::NAN }).await?;
    assert!(nan.is_nan());
    bridge.shutdown().await
}

#[tokio::test]
async fn many_calls_at_once_each_get_their_own_answer() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).start().await?;
    let calls = (0..500u64).map(|call| {
        let answer = bridge.call::<u64>("echo", args! { value: call });
        async move { (call, answer.await) }
    });
    for (call, answer) in snakebridge_tests::join_all(calls).await {
        assert_eq!(answer?, call);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn an_exception_arrives_with_type_message_traceback_and_cause() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let error = bridge.execute("fails", args! { message: "too odd" }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("tool", Executed::Yes));
    let exception = error.exception().unwrap();
    assert_eq!((exception.type_name.as_str(), exception.message.as_str()), ("ValueError", "too odd"));
    let traceback = exception.traceback.as_deref().unwrap();
    assert!(traceback.contains("ledger_tools.py") && traceback.contains("raise ValueError(message) from cause"));
    assert_eq!(exception.causes.as_ref().unwrap()[0].type_name, "KeyError");
    assert_eq!(error.to_string(), "tool `fails`: ValueError: too odd");
    assert_eq!(error.worker(), Some(bridge.workers()[0].number));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tools_own_code_and_data_arrive_with_its_error() -> Result<()> {
    let bridge = snakebridge_tests::showcase().workers(1).start().await?;
    let error = bridge.execute("error_demo", args! { error_type: "tool" }).await.unwrap_err();
    let exception = error.exception().unwrap();
    assert_eq!(exception.type_name, "snakebridge.ToolError");
    assert!(exception.code.is_some() && exception.data.is_some(), "{exception:?}");
    assert!(error.to_string().contains(exception.code.as_deref().unwrap()), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn arguments_that_do_not_fit_never_reach_the_tool_and_are_named() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let wrong = [
        (args! { call: "seven" }, ["`call`", "int"]),
        (args! {}, ["`call`", "missing"]),
        (args! { call: 1, secnods: 2 }, ["`secnods`", "`seconds`"]),
        (args![1, 2.0, 3], ["3", "2"]),
    ];
    for (arguments, parts) in wrong {
        let error = bridge.execute("work", arguments).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "`{part}` in: {error}");
        }
    }
    assert_eq!(ledger.entries(), []);
    bridge.shutdown().await
}

#[tokio::test]
async fn an_unknown_tool_is_an_error_that_suggests_the_right_one() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let error = bridge.execute("ehco", args! {}).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("tool_not_found", Executed::Never));
    assert!(error.to_string().contains("`echo`"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn names_and_metadata_that_no_worker_would_take_are_refused_and_harm_none() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    for name in ["my tool", "", "é", "$", "$manifest", "../x", &"a".repeat(200)] {
        let error = bridge.execute(name, args! {}).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("tool_not_found", Executed::Never), "{name}");
    }
    let deep = (0..20).fold(Value::Nil, |inner, _| Value::from(vec![inner]));
    let wide = Value::from((0..2000).collect::<Vec<i32>>());
    for metadata in [deep, wide, Value::from("x".repeat(5000))] {
        let error = bridge.execute("pid", args! {}).metadata("k", metadata).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    }
    for session in ["", "a\nb", &"s".repeat(300)] {
        let error = bridge.execute("pid", args! {}).session(session).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    }
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_result_that_does_not_fit_the_rust_type_says_so_and_that_the_tool_ran() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let error = bridge.call::<u64>("echo", args! { value: "text" }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes));
    assert!(error.to_string().contains("expected `u64`, got a string"), "{error}");
    // The place in a larger result is named.
    let nested = Value::Map(vec![("rows".into(), Value::from(vec![1, 300]))]);
    let narrow = bridge.call::<BTreeMap<String, Vec<u8>>>("echo", args! { value: nested }).await.unwrap_err();
    assert!(narrow.to_string().contains("at `rows[1]`"), "{narrow}");
    bridge.shutdown().await
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_in_both_directions_and_the_worker_lives() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    let big = Bytes::from(vec![0; 257 << 20]);
    let error = bridge.execute("size", args! { data: big }).await.unwrap_err();
    let ErrorKind::PayloadTooLarge { size, limit } = error.kind() else { panic!("{error}") };
    assert!(*size > *limit && error.executed() == Executed::Never);
    let error = bridge.execute("blob", args! { size: 257 << 20 }).await.unwrap_err();
    let ErrorKind::PayloadTooLarge { size, limit } = error.kind() else { panic!("{error}") };
    assert!(*size > 257 << 20 && *limit == 256 << 20 && error.executed() == Executed::Yes);
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
    bridge.shutdown().await
}

#[tokio::test]
async fn large_arguments_and_results_arrive_whole_while_small_calls_pass_them() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let data = Bytes::from((0..24_000_000u32).map(|number| number.to_le_bytes()[1]).collect::<Vec<u8>>());
    let large = bridge.call::<Bytes>("echo", args! { value: data.clone() });
    let large = tokio::spawn(large);
    let mut small = 0;
    while !large.is_finished() {
        small += u32::from(bridge.call::<u32>("pid", args! {}).await? > 0);
    }
    assert!(large.await.expect("it does not panic")? == data, "another body came back");
    assert!(small > 1, "a small call waited for a large one");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends_at_its_deadline_and_its_worker_serves_on() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    let begun = Instant::now();
    let slow = args! { call: 1, how: "sleep", seconds: 60 };
    let error = bridge.execute("hangs", slow).timeout(Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::DeadlineExceeded { phase: Phase::Run, .. }), "{error}");
    assert_eq!(error.executed(), Executed::Maybe);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    // `time.sleep` can be interrupted: the worker does not have to be killed for it.
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_may_declare_its_own_deadline_in_python() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let error = bridge.execute("hurried", args! {}).await.unwrap_err();
    let ErrorKind::DeadlineExceeded { timeout, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(*timeout, Duration::from_millis(200));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_that_cannot_be_interrupted_costs_its_worker_and_another_takes_over() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).cancel_grace(Duration::from_millis(100)).start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    for (call, how) in [(1, "gil"), (2, "swallow")] {
        let hang = args! { call: call, how: how, seconds: 60 };
        let error = bridge.execute("hangs", hang).timeout(Duration::from_millis(100)).await.unwrap_err();
        assert_eq!(error.code(), "deadline_exceeded");
    }
    assert_ne!(bridge.call::<u32>("pid", args! {}).await?, pid);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_deadline_that_has_passed_runs_nothing() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let error = bridge.execute("work", args! { call: 1 }).timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Never));
    let forever = bridge.call::<u64>("work", args! { call: 2 }).timeout(Duration::MAX);
    assert_eq!(forever.await?, 4);
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [2]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_that_waits_for_a_worker_has_limits_of_its_own() -> Result<()> {
    let ledger = Ledger::new();
    let builder = ledger.tools().workers(1).queue_limit(1).queue_timeout(Duration::from_millis(100));
    let bridge = builder.start().await?;
    let running = tokio::spawn(bridge.call::<u64>("work", args! { call: 1, seconds: 1 }));
    ledger.noted(1).await;
    let waiting = tokio::spawn(bridge.call::<u64>("work", args! { call: 2 }));
    let refused = eventually("the queue to fill", || {
        let mut refused = Box::pin(bridge.call::<u64>("work", args! { call: 3 }));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match refused.as_mut().poll(&mut context) {
            std::task::Poll::Ready(Err(error)) => Some(error),
            _ => None,
        }
    })
    .await;
    assert_eq!((refused.code(), refused.executed()), ("queue_full", Executed::Never));
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed()), ("queue_timeout", Executed::Never));
    assert_eq!(running.await.unwrap()?, 1);
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [1], "who was refused did not run");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_dropped_call_stops_in_python_and_one_that_waited_never_runs() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let running = tokio::spawn(bridge.execute("hangs", args! { call: 1, how: "loop", seconds: 60 }));
    let pid = ledger.noted(1).await.pid;
    let waiting = tokio::spawn(bridge.call::<u64>("work", args! { call: 2 }));
    tokio::task::yield_now().await;
    waiting.abort();
    running.abort();
    assert_eq!(bridge.call::<u64>("work", args! { call: 3 }).await?, 9);
    assert_eq!(ledger.noted(3).await.pid, pid, "the loop was interrupted, the worker lives");
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [1, 3]);
    bridge.shutdown().await
}

#[tokio::test]
async fn what_a_tool_prints_breaks_nothing_and_its_standard_input_is_empty() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    for _ in 0..3 {
        assert_eq!(bridge.call::<String>("noisy", args! { text: "printed" }).await?, "''");
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn the_hosts_secrets_stay_with_the_host() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).env("GIVEN", "1").pass_env("CARGO_PKG_NAME").start().await?;
    let environment = bridge.execute("environment", args! {}).await?;
    assert_eq!(environment["GIVEN"].as_str(), Some("1"));
    assert_eq!(environment["CARGO_PKG_NAME"].as_str(), Some("snakebridge-tests"));
    assert!(!environment["PATH"].is_nil());
    assert!(environment["CARGO_MANIFEST_DIR"].is_nil(), "not on the list, not named: not passed");
    bridge.shutdown().await
}

#[tokio::test]
async fn shutting_down_lets_running_calls_finish_and_refuses_new_ones() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let running = tokio::spawn(bridge.call::<u64>("work", args! { call: 3, seconds: 0.3 }));
    ledger.noted(3).await;
    let waiting = tokio::spawn(bridge.call::<u64>("work", args! { call: 4 }));
    tokio::task::yield_now().await;
    bridge.shutdown().await?;
    assert_eq!(running.await.unwrap()?, 9);
    assert_eq!(waiting.await.unwrap().unwrap_err().code(), "shutting_down");
    let late = bridge.call::<u64>("work", args! { call: 5 }).await.unwrap_err();
    assert_eq!((late.code(), late.executed()), ("shutting_down", Executed::Never));
    bridge.shutdown().await?;
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [3]);
    Ok(())
}
