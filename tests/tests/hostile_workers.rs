//! Workers that break the protocol: their own calls get an error that names the breach, they are replaced, and the host
//! neither panics nor hangs nor grows.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{Duration, Instant};

use snakebridge::error::{ErrorKind, Executed, StartFailure};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::eventually;

fn hostile(lie: &str) -> snakebridge::Builder {
    Bridge::builder()
        .python(env!("CARGO_BIN_EXE_hostile_worker"))
        .adapter("lies")
        .env("LIE", lie)
        .workers(1)
        .start_timeout(Duration::from_secs(20))
}

/// What a call of `lie` gets, on a bridge that then still serves honest calls.
async fn answer_to(lie: &str) -> Result<i64> {
    let bridge = hostile(lie).start().await?;
    let answer = bridge.call::<i64>("lie", args! {}).timeout(Duration::from_secs(20)).await;
    assert_eq!(bridge.call::<i64>("honest", args! {}).await?, 7, "{lie}: the pool goes on");
    bridge.shutdown().await?;
    answer
}

async fn items_of(lie: &str) -> Vec<Result<Value>> {
    let bridge = hostile(lie).start().await.unwrap();
    let items = bridge.stream::<Value>("count", args! {}).timeout(Duration::from_secs(20)).collect().await;
    assert_eq!(bridge.call::<i64>("honest", args! {}).await.unwrap(), 7, "{lie}: the pool goes on");
    bridge.shutdown().await.unwrap();
    items
}

fn breach(error: &Error) -> &'static str {
    let ErrorKind::Protocol(violation) = error.kind() else { panic!("{error}") };
    violation.kind()
}

#[tokio::test]
async fn breaches_of_the_framing_are_named() {
    let lies = [
        ("endless length", "frame_too_large"),
        ("empty frame", "empty"),
        ("garbage", "shape"),
        ("number for a header", "shape"),
        ("unknown kind", "unknown_kind"),
        ("reserved kind", "unsupported"),
        ("answer to nothing", "id"),
        ("wrong parity", "id"),
        ("item for a call", "unexpected_chunk"),
        ("credit for nothing", "flow"),
        ("same id twice", "id"),
        ("pings", "flood"),
    ];
    for (lie, kind) in lies {
        let error = answer_to(lie).await.expect_err(lie);
        assert_eq!((breach(&error), error.executed()), (kind, Executed::Maybe), "{lie}");
    }
}

#[tokio::test]
async fn what_is_odd_and_no_breach_is_taken() {
    for lie in ["byte by byte", "optional kind", "twice"] {
        assert_eq!(answer_to(lie).await.unwrap(), 7, "{lie}");
    }
}

#[tokio::test]
async fn answers_to_answered_calls_are_forgiven_a_few_times() {
    let bridge = hostile("many times").start().await.unwrap();
    let mut events = bridge.events();
    assert_eq!(bridge.call::<i64>("lie", args! {}).await.unwrap(), 7, "the first answer counts");
    // The flood behind it costs the worker; a call in between would share its fate.
    while !matches!(events.recv().await.unwrap(), snakebridge::telemetry::Event::WorkerLost { .. }) {}
    assert_eq!(bridge.call::<i64>("honest", args! {}).await.unwrap(), 7);
    bridge.shutdown().await.unwrap();
}

#[tokio::test]
async fn breaches_in_a_stream_come_as_its_last_item() {
    for (lie, kind, good) in
        [("gap", "stream_seq", 1), ("wrong count", "stream_seq", 1), ("reply for a stream", "unexpected_chunk", 0)]
    {
        let mut items = items_of(lie).await;
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!((breach(&error), items.len()), (kind, good), "{lie}");
    }
    assert!(items_of("nothing but an end").await.is_empty());
    assert_eq!(items_of("item after the end").await.len(), 1);
}

#[tokio::test]
async fn a_worker_that_sends_without_credit_is_ended_at_the_window() -> Result<()> {
    let bridge = hostile("without credit").start().await?;
    let mut events = bridge.events();
    let mut stream = bridge.stream::<Bytes>("count", args! {});
    // Opened, and not read: whatever is honest stops at the window of 256 KiB.
    assert!(stream.next().await.unwrap().is_ok());
    while !matches!(events.recv().await.unwrap(), snakebridge::telemetry::Event::WorkerLost { .. }) {}
    let mut rest: Vec<_> = stream.collect().await;
    assert_eq!(breach(&rest.pop().unwrap().unwrap_err()), "flow");
    assert!(rest.len() <= 3, "{} items of 100 000 bytes were held", rest.len());
    bridge.shutdown().await
}

#[tokio::test]
async fn a_thousand_items_in_one_write_are_a_thousand_items_in_order() {
    let items: Vec<Value> = items_of("thousand at once").await.into_iter().collect::<Result<_>>().unwrap();
    assert_eq!(items, (0..1000).map(Value::from).collect::<Vec<Value>>());
}

#[tokio::test]
async fn values_that_would_burst_a_decoder_are_errors_of_their_call_alone() {
    for (lie, part) in [("deep", "nested deeper than 64"), ("long", "truncated"), ("wide", "more than 1000000 values")]
    {
        let error = answer_to(lie).await.expect_err(lie);
        assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes), "{lie}");
        assert!(error.to_string().contains(part), "{lie}: {error}");
    }
    assert_eq!(answer_to("not text").await.unwrap_err().code(), "unserializable");
}

#[tokio::test]
async fn errors_that_say_nothing_or_something_new_are_still_errors() {
    assert_eq!(answer_to("error that is no map").await.unwrap_err().code(), "tool");
    let error = answer_to("error of a new kind").await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("strange_new_code", Executed::Never));
    assert!(error.to_string().contains("Strange: who knows"), "{error}");
}

#[tokio::test]
async fn half_a_frame_and_death_is_a_lost_worker() {
    assert_eq!(answer_to("truncated").await.unwrap_err().code(), "worker_lost");
}

#[tokio::test]
async fn a_worker_that_is_silent_or_deaf_costs_the_deadline_and_then_itself() -> Result<()> {
    for lie in ["limit and silence", "deaf"] {
        let bridge = hostile(lie).cancel_grace(Duration::from_millis(100)).start().await?;
        let error = bridge.call::<i64>("lie", args! {}).timeout(Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(error.code(), "deadline_exceeded", "{lie}");
        assert_eq!(bridge.call::<i64>("honest", args! {}).await?, 7, "{lie}");
        assert!(bridge.workers().iter().all(|worker| worker.number > 1), "{lie}: another worker serves");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_that_closes_its_input_is_replaced() -> Result<()> {
    let bridge = hostile("closes its input").start().await?;
    assert_eq!(bridge.call::<i64>("lie", args! {}).await?, 7);
    // The next call finds that nobody reads; it never ran, so another worker does.
    assert_eq!(bridge.call::<i64>("honest", args! {}).timeout(Duration::from_secs(20)).await?, 7);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_asks_and_never_listens_is_ended_and_the_host_does_not_grow() -> Result<()> {
    let bridge = hostile("questions").start().await?;
    let before = resident_bytes();
    let mut events = bridge.events();
    let call = tokio::spawn(bridge.call::<i64>("lie", args! {}).timeout(Duration::from_secs(60)));
    assert!(call.await.unwrap().is_err());
    let lost = eventually("the worker's end", || {
        std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
            snakebridge::telemetry::Event::WorkerLost { worker: 1, .. } => Some(()),
            _ => None,
        })
    });
    lost.await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 200 << 20, "{grown} bytes");
    bridge.shutdown().await
}

/// Memory of this process.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn a_worker_that_takes_few_calls_is_given_few() -> Result<()> {
    let bridge = hostile("few calls").start().await?;
    let calls = (0..50).map(|_| bridge.call::<i64>("honest", args! {}));
    for answer in snakebridge_tests::join_all(calls.collect::<Vec<_>>()).await {
        assert_eq!(answer?, 7);
    }
    assert_eq!(bridge.workers()[0].number, 1, "it was not taken for dead");
    bridge.shutdown().await
}

#[tokio::test]
async fn greetings_that_cannot_be_trusted_end_the_start_with_the_reason() {
    let lies = [
        ("nonce", StartFailure::Handshake, "nonce"),
        ("version", StartFailure::Handshake, "speaks 1 to 1, the peer 7 to 9"),
        ("huge hello", StartFailure::Handshake, "2097"),
        ("unreadable hello", StartFailure::Handshake, "HELLO"),
        ("many tools", StartFailure::Handshake, "5000 tools"),
        ("bad tool name", StartFailure::Handshake, "`../x`"),
        ("call before ready", StartFailure::Handshake, "READY"),
        ("dies at manifest", StartFailure::Exit, "exit code 9"),
    ];
    for (lie, expected, part) in lies {
        let error = hostile(lie).start().await.expect_err(lie);
        let ErrorKind::StartFailed { why, message } = error.kind() else { panic!("{lie}: {error}") };
        assert_eq!(*why, expected, "{lie}: {message}");
        assert!(message.contains(part), "{lie}: `{part}` in {message}");
    }
    let error = hostile("manifest hash").start().await.expect_err("another hash");
    assert_eq!(error.code(), "manifest_mismatch");
}

#[tokio::test]
async fn a_worker_that_hands_a_call_back_which_it_has_started_is_not_believed() -> Result<()> {
    let bridge = hostile("runs and denies it").start().await?;
    let mut events = bridge.events();
    let error = bridge.call::<i64>("lie", args! {}).timeout(Duration::from_secs(20)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WorkerLost { .. }), "{error}");
    assert_eq!(error.executed(), Executed::Maybe);
    let error = bridge.call::<i64>("lie", args! {}).idempotent().timeout(Duration::from_secs(20)).await.unwrap_err();
    assert_eq!((error.code(), error.attempts()), ("worker_lost", 2), "what may be repeated was, as often as it may");
    let told = std::iter::from_fn(|| events.try_recv().ok()).filter_map(|event| match event {
        Event::CallLost { executed, .. } => Some(("lost", executed)),
        Event::CallRepeated { executed, .. } => Some(("repeated", executed)),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert!(told.starts_with(&[("lost", Executed::Maybe), ("repeated", Executed::Maybe)]), "{told:?}");
    assert_eq!(bridge.call::<i64>("honest", args! {}).await?, 7);
    bridge.shutdown().await
}

#[tokio::test]
async fn workers_that_leave_as_soon_as_they_are_there_are_started_less_and_less_often() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let lie = format!("leaves at once, witness {}", folder.path().join("witness").display());
    let bridge = hostile(&lie).start().await?;
    let mut events = bridge.events();
    snakebridge_tests::kill(bridge.workers()[0].pid);
    let begun = Instant::now();
    let mut ready = 0;
    while ready < 6 {
        ready += u32::from(matches!(events.recv().await.unwrap(), Event::WorkerReady { .. }));
    }
    // At once, and after 50, 100, 200, and 400 ms, give or take a quarter.
    assert!(begun.elapsed() >= Duration::from_millis(560), "{:?}", begun.elapsed());
    bridge.shutdown().await
}
