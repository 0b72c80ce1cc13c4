//! What the options of a call do: who goes first, what is repeated, what goes on without a caller.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::client::{AsCaller, ToolDeclaration};
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::Ledger;
use tokio::sync::broadcast::Receiver;

/// The first event of which `find` makes something.
async fn event<T>(events: &mut Receiver<Event>, mut find: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = find(events.recv().await.unwrap()) {
            return found;
        }
    }
}

fn order(ledger: &Ledger) -> Vec<u64> {
    ledger.entries().iter().map(|entry| entry.call).collect()
}

// K6
#[tokio::test]
async fn calls_and_streams_that_wait_go_by_their_priority() -> Result<()> {
    let ledger = Ledger::new();
    // A worker that has one thing at a time, streams included, so that what it runs is in the order in which it got it.
    let bridge = ledger.options().workers(1).profile(Profile::Threads(1)).max_concurrency(1).start().await?;
    let running = tokio::spawn(bridge.call::<u64>("waits", args! { call: 1, ended: 2, whole: 3 }));
    ledger.noted(1).await;
    let call = |number: u64, priority| bridge.call::<u64>("notes", args! { call: number }).priority(priority);
    let (mut low, mut normal, mut high) =
        (call(10, Priority::Low), call(11, Priority::Normal), call(12, Priority::High));
    let (mut late, streaming) = (call(13, Priority::Normal), args! { n: 1, size: 1, ended: 14, whole: 15 });
    let mut stream = bridge.stream::<Bytes>("streams", streaming).priority(Priority::High);
    for call in [&mut low, &mut normal, &mut high, &mut late] {
        assert!(futures::poll!(call).is_pending());
    }
    assert!(futures::poll!(stream.next()).is_pending());
    running.abort();
    let (low, normal, high, late, items) = tokio::join!(low, normal, high, late, stream.collect::<Vec<_>>());
    assert_eq!((low?, normal?, high?, late?, items.len()), (10, 11, 12, 13, 1));
    assert_eq!(order(&ledger), [1, 2, 12, 15, 14, 11, 13, 10]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_is_repeated_as_often_as_it_says_and_no_more() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(4).queue_timeout(Duration::from_secs(60)).start().await?;
    // At most a fifth of all calls is repeated, and three.
    for _ in 0..30 {
        bridge.execute("notes", args! { call: 9 }).await?;
    }
    let dies = |call: u64, times: u32| bridge.call::<u64>("dies", args! { call: call, times: times }).idempotent();
    assert_eq!(dies(1, 2).retries(2).await?, 1);
    let error = dies(2, 9).retries(0).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("worker_lost", Executed::Maybe));
    dies(3, 9).await.unwrap_err();
    let again = bridge.call::<u64>("dies_again", args! { call: 4, times: 1 }).retries(1);
    assert_eq!(again.await?, 4, "declared idempotent in Python");
    let items: Vec<_> =
        bridge.stream::<u64>("dies_before_items", args! { call: 5, times: 2 }).idempotent().retries(2).collect().await;
    assert_eq!(items.into_iter().collect::<Result<Vec<_>>>()?, [5]);
    let runs: Vec<_> = ledger.runs().into_iter().collect();
    assert_eq!(runs, [(1, 3), (2, 1), (3, 2), (4, 2), (5, 3), (9, 30)]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_pool_says_how_often_calls_are_repeated_that_say_nothing() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).retries(2).start().await?;
    let error = bridge.execute("dies_again", args! { call: 1, times: 9 }).await.unwrap_err();
    assert_eq!((error.code(), ledger.runs()[&1]), ("worker_lost", 3));
    bridge.shutdown().await
}

#[tokio::test]
async fn retries_of_what_may_not_be_repeated_are_refused_before_anything_runs() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let error = bridge.execute("notes", args! { call: 1 }).retries(3).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    assert!(error.to_string().contains("retries(3)") && error.to_string().contains(".idempotent()"), "{error}");
    let stream = bridge.stream::<u64>("dies_before_items", args! { call: 1, times: 0 }).retries(1);
    let error = stream.collect::<Vec<_>>().await.remove(0).unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    assert_eq!(ledger.entries(), []);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_notification_is_over_when_it_is_admitted_and_runs_nonetheless() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    bridge.execute("waits", args! { call: 1, ended: 2, whole: 3 }).notify().await?;
    ledger.noted(1).await;
    bridge.execute("notes", args! { call: 4 }).notify().await?;
    assert_eq!(order(&ledger), [1], "the one waits behind the other, and this task for neither");
    Ok(())
}

#[tokio::test]
async fn a_notification_that_nothing_has_room_for_is_refused() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).queue_limit(0).start().await?;
    bridge.execute("waits", args! { call: 1, ended: 2, whole: 3 }).timeout(Duration::from_secs(20)).notify().await?;
    let error = bridge.execute("notes", args! { call: 4 }).notify().await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("queue_full", Executed::Never));
    Ok(())
}

#[tokio::test]
async fn a_notification_that_fails_later_is_an_event_and_its_deadline_counts() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let mut events = bridge.events();
    let failed = |event| match event {
        Event::NotificationFailed { tool, error, executed, correlation_id, .. } => {
            Some((tool, error, executed, correlation_id))
        }
        _ => None,
    };
    bridge.execute("raises", args! { message: "too odd" }).correlation_id("c-1").notify().await?;
    let (tool, error, executed, correlation_id) = event(&mut events, failed).await;
    assert_eq!((tool.as_str(), executed, correlation_id.as_deref()), ("raises", Executed::Yes, Some("c-1")));
    assert!(error.contains("ValueError: too odd"), "{error}");
    let waits = bridge.execute("waits", args! { call: 1, ended: 2, whole: 3 });
    waits.timeout(Duration::from_millis(200)).notify().await?;
    let (tool, error, executed, _) = event(&mut events, failed).await;
    assert_eq!((tool.as_str(), executed), ("waits", Executed::Maybe), "{error}");
    ledger.noted(2).await;
    assert_eq!(order(&ledger), [1, 2], "it was told to stop");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_shutdown_waits_for_notifications() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    for call in 0..20 {
        bridge.execute("notes", args! { call: call }).notify().await?;
    }
    let mut events = bridge.events();
    bridge.shutdown().await?;
    let mut refused = 0;
    while let Ok(event) = events.try_recv() {
        refused += usize::from(matches!(event, Event::NotificationFailed { .. }));
    }
    assert_eq!(ledger.entries().len() + refused, 20, "each has run, or its end was told");
    assert!(!ledger.entries().is_empty());
    Ok(())
}

#[tokio::test]
async fn bytes_join_the_arguments_of_a_call_and_of_a_stream() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let data = Bytes::from_static(b"\x00\xff");
    let echo = |arguments| bridge.call::<Bytes>("echo_bytes", arguments).binary("data", data.clone());
    assert_eq!(echo(args! {}).await?, data);
    let prefix = Bytes::from_static(b"p");
    assert_eq!(echo(args! { prefix: prefix }).await?[..], *b"p\x00\xff");
    let at_once = snakebridge::body::Arguments::new().binary("data", data.clone());
    assert_eq!(bridge.call::<Bytes>("echo_bytes", at_once).await?, data);
    let mut items = bridge.stream::<u8>("bytes_of", args! {}).binary("data", data.clone());
    assert_eq!(items.next().await.unwrap()?, 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn options_that_a_declaration_has_are_those_of_its_calls() -> Result<()> {
    const DIES: ToolDeclaration = ToolDeclaration::call("dies").idempotent().retries(2);
    const NOTES: ToolDeclaration = ToolDeclaration::call("notes").notify();
    const STREAM: ToolDeclaration = ToolDeclaration::stream("streams").no_cancel();
    const NOTIFYING_STREAM: ToolDeclaration = ToolDeclaration::stream("streams").notify();
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let caller = bridge.caller();
    assert_eq!(caller.call::<u64, Error>(&DIES, args! { call: 1, times: 2 }).await?, 1);
    caller.call::<(), Error>(&NOTES, args! { call: 2 }).await?;
    ledger.noted(2).await;
    let error = caller.call::<u64, Error>(&NOTES, args! { call: 3 }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{error}");
    let arguments = || args! { n: 100, size: 100_000, ended: 4, whole: 5 };
    let mut stream = caller.stream::<Bytes, Error>(&STREAM, arguments());
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    ledger.noted(5).await;
    let mut stream = caller.stream::<Bytes, Error>(&NOTIFYING_STREAM, arguments());
    assert_eq!(stream.next().await.unwrap().unwrap_err().code(), "invalid_argument");
    bridge.shutdown().await?;
    assert!(!ledger.runs().contains_key(&3));
    Ok(())
}

#[tokio::test]
async fn what_is_said_of_a_request_is_what_python_sees_in_calls_and_streams() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).create_sessions().start().await?;
    let call = bridge.call::<BTreeMap<String, Value>>("context", args! {});
    let seen = call.session("s-1").correlation_id("c-1").metadata("tenant", "a").metadata("level", 3).await?;
    let stream = bridge.stream::<BTreeMap<String, Value>>("contexts", args! {});
    let mut stream = stream.session("s-1").correlation_id("c-1").metadata("tenant", "a").metadata("level", 3);
    assert_eq!(stream.next().await.unwrap()?, seen);
    assert_eq!((&seen["session"], &seen["correlation_id"]), (&Value::from("s-1"), &Value::from("c-1")));
    let metadata: BTreeMap<String, Value> = seen["metadata"].to()?;
    assert_eq!(metadata, BTreeMap::from([("tenant".into(), "a".into()), ("level".into(), 3.into())]));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_stream_has_a_deadline_of_its_own_and_is_told_to_stop() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let arguments = args! { n: 1_000_000_000_u64, size: 10, ended: 1, whole: 2 };
    let stream = bridge.stream::<Bytes>("streams", arguments).timeout(Duration::from_millis(300));
    let last = stream.collect::<Vec<_>>().await.pop().unwrap();
    assert_eq!(last.unwrap_err().code(), "deadline_exceeded");
    ledger.noted(1).await;
    assert_eq!(order(&ledger), [1]);
    bridge.shutdown().await
}

#[tokio::test]
async fn what_is_not_to_be_cancelled_goes_on_when_its_caller_has_left() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).profile(Profile::Threads(3)).start().await?;
    let waits = |call: u64| {
        let arguments = args! { call: call, ended: call + 1, whole: call + 2 };
        bridge.call::<u64>("waits", arguments).timeout(Duration::from_secs(60))
    };
    let (mut kept, mut cancelled) = (waits(10).no_cancel(), waits(20));
    assert!(futures::poll!(&mut kept).is_pending() && futures::poll!(&mut cancelled).is_pending());
    ledger.noted(10).await;
    ledger.noted(20).await;
    drop((kept, cancelled));
    ledger.noted(21).await;
    bridge.execute("opens", args! {}).await?;
    ledger.noted(12).await;
    bridge.shutdown().await?;
    assert!(!ledger.runs().contains_key(&22), "the other one was cancelled");
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_not_to_be_cancelled_runs_to_its_end_although_nobody_reads_it() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    // Several windows of items.
    let arguments = |first: u64| args! { n: 100, size: 100_000, ended: first, whole: first + 1 };
    let mut kept = bridge.stream::<Bytes>("streams", arguments(10)).no_cancel();
    let mut cancelled = bridge.stream::<Bytes>("streams", arguments(20));
    assert_eq!(kept.next().await.unwrap()?.len(), 100_000);
    assert_eq!(cancelled.next().await.unwrap()?.len(), 100_000);
    drop((kept, cancelled));
    ledger.noted(11).await;
    ledger.noted(20).await;
    assert!(!ledger.runs().contains_key(&21), "the other one was cancelled");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_deadline_cancels_what_its_caller_must_not() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let waits = bridge.call::<u64>("waits", args! { call: 1, ended: 2, whole: 3 });
    let mut waits = waits.no_cancel().timeout(Duration::from_millis(300));
    assert!(futures::poll!(&mut waits).is_pending());
    drop(waits);
    ledger.noted(2).await;
    assert_eq!(order(&ledger), [1, 2]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_stream_has_a_window_of_its_own_larger_or_smaller_than_the_others() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    // A megabyte: it fits none but the largest window, so that only there it ends although nobody reads on.
    let streams = |first: u64| {
        let arguments = args! { n: 100, size: 10_000, ended: first, whole: first + 1 };
        bridge.stream::<Bytes>("streams", arguments)
    };
    let (mut large, mut plain, mut small) = (streams(10).window(2 << 20), streams(20), streams(30).window(64 << 10));
    for stream in [&mut small, &mut plain, &mut large] {
        assert!(stream.next().await.unwrap().is_ok());
    }
    ledger.noted(10).await;
    assert_eq!(order(&ledger), [11, 10], "the others wait");
    assert_eq!(bridge.call::<u64>("notes", args! { call: 1 }).await?, 1);
    for stream in [small, plain, large] {
        let rest = stream.collect::<Vec<_>>().await;
        assert!(rest.len() == 99 && rest.iter().all(Result::is_ok));
    }
    ledger.noted(31).await;
    bridge.shutdown().await
}

#[tokio::test]
async fn a_window_without_sense_is_refused_before_anything_runs() -> Result<()> {
    const STREAMS: ToolDeclaration = ToolDeclaration::stream("streams").window(1);
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let arguments = || args! { n: 1, size: 1, ended: 1, whole: 2 };
    for bytes in [0, 1000, u64::MAX] {
        let error = bridge.stream::<Bytes>("streams", arguments()).window(bytes).next().await.unwrap().unwrap_err();
        assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
        assert!(error.to_string().contains(&format!("window({bytes})")), "{error}");
    }
    let error = bridge.caller().stream::<Bytes, Error>(&STREAMS, arguments()).next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("window(1)"), "{error}");
    assert_eq!(ledger.entries(), []);
    bridge.shutdown().await
}
