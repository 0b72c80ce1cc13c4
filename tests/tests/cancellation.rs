//! Giving calls up, at every point of their life. Rows of group H of the fault catalogue are named at each test.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::poll_immediate;
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{Ledger, eventually, is_alive, python_folder};
use tokio::sync::broadcast::Receiver;

fn tools(ledger: &Ledger) -> snakebridge::Builder {
    Bridge::builder()
        .adapter("cancel_tools:CancelAdapter")
        .python_path(python_folder())
        .config(&BTreeMap::from([("ledger", ledger.path())]))
        .workers(1)
}

/// Waits until no call is outstanding.
async fn quiet(bridge: &Bridge) {
    eventually("every call to be settled", || {
        bridge.workers().iter().all(|worker| worker.in_flight == 0).then_some(())
    })
    .await;
}

/// The first event that `pick` takes.
async fn event<T>(events: &mut Receiver<Event>, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = pick(events.recv().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("the event comes")
}

// H1
#[tokio::test]
async fn a_call_that_is_dropped_while_it_waits_leaves_the_queue_and_never_runs() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).queue_limit(1).start().await?;
    let running = tokio::spawn(bridge.call::<u64>("naps", args! { call: 1, seconds: 0.3 }));
    ledger.noted(1).await;
    for call in 2..100 {
        // Only the one before it having left makes room for it.
        let mut waiting = bridge.call::<u64>("naps", args! { call: call, seconds: 0 });
        assert!(poll_immediate(&mut waiting).await.is_none());
    }
    let last = bridge.call::<u64>("naps", args! { call: 100, seconds: 0 });
    assert_eq!((running.await.unwrap()?, last.await?), (3, 300));
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [1, 100]);
    bridge.shutdown().await
}

// H2
#[tokio::test]
async fn a_call_that_is_dropped_while_it_runs_keeps_its_place_until_python_has_let_go_of_it() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).start().await?;
    let running = tokio::spawn(bridge.call::<u64>("naps", args! { call: 1, seconds: 60 }));
    let pid = ledger.noted(1).await.pid;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(bridge.call::<u64>("naps", args! { call: 2, seconds: 0 }).await?, 6);
    assert_eq!(ledger.noted(2).await.pid, pid, "interrupted, not killed");
    quiet(&bridge).await;
    bridge.shutdown().await
}

// H2, KILLG
#[tokio::test]
async fn the_worker_of_a_call_that_does_not_let_go_is_killed_and_the_event_names_the_call() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).cancel_grace(Duration::from_millis(100)).start().await?;
    let mut events = bridge.events();
    let stuck = bridge.call::<Value>("holds", args! { call: 1 }).correlation_id("order 66");
    let running = tokio::spawn(stuck);
    let pid = ledger.noted(1).await.pid;
    running.abort();
    let named = event(&mut events, |event| match event {
        Event::WorkerKilled { pid, tool, correlation_id, .. } => Some((pid, tool, correlation_id)),
        _ => None,
    });
    assert_eq!(named.await, (pid, "holds".to_owned(), Some("order 66".to_owned())));
    let reason = event(&mut events, |event| match event {
        Event::WorkerLost { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await.as_deref(), Some("a cancelled call of `holds` was still running 100ms later"));
    assert_eq!(bridge.call::<u64>("quick", args! { call: 2 }).await?, 6);
    assert!(!is_alive(pid));
    bridge.shutdown().await
}

// C2, C4, C6: the ladder's third step.
#[tokio::test]
async fn a_worker_tells_what_it_was_doing_before_it_is_killed() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).cancel_grace(Duration::from_millis(100)).start().await?;
    let mut events = bridge.events();
    for (call, (tool, place)) in (1u64..).zip([("holds", "holds"), ("jams", "jams")]) {
        let error = bridge.execute(tool, args! { call: call }).timeout(Duration::from_millis(300)).await.unwrap_err();
        // The caller does not wait for any of this.
        assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
        let stacks = event(&mut events, |event| match event {
            Event::WorkerKilled { stacks, .. } => Some(stacks.unwrap_or_default()),
            _ => None,
        });
        let stacks = stacks.await;
        assert!(stacks.contains("most recent call first") && stacks.contains(place), "{tool}: {stacks}");
        assert!(stacks.chars().all(|character| character == '\n' || !character.is_control()), "{stacks}");
        // So that the next one spends its time in a worker, and none in the queue.
        event(&mut events, |event| matches!(event, Event::WorkerReady { .. }).then_some(())).await;
    }
    bridge.shutdown().await
}

// H3
#[tokio::test]
async fn a_cancel_that_crosses_the_reply_leaves_one_outcome_and_a_worker_that_serves_on() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).cancel_grace(Duration::from_secs(60)).start().await?;
    let (mut answered, mut dropped) = (0, 0);
    for call in 0..5_000u64 {
        let mut racing = bridge.call::<u64>("quick", args! { call: call });
        let mut outcome = poll_immediate(&mut racing).await;
        for _ in 0..call % 4 {
            if outcome.is_none() {
                tokio::task::yield_now().await;
                outcome = poll_immediate(&mut racing).await;
            }
        }
        match outcome {
            Some(answer) => {
                assert_eq!(answer?, call * 3);
                answered += 1;
            }
            None => dropped += 1,
        }
    }
    assert_eq!(answered + dropped, 5_000);
    quiet(&bridge).await;
    assert_eq!(bridge.call::<u64>("quick", args! { call: 1 }).await?, 3);
    assert_eq!(bridge.workers()[0].number, 1);
    bridge.shutdown().await
}

// H10
#[tokio::test]
async fn a_future_that_is_dropped_while_its_frame_is_half_written_leaves_the_wire_whole() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).start().await?;
    let data = Bytes::from(vec![7; 900_000]);
    for call in 0..50u64 {
        // Larger than a pipe, so the first poll writes a part of it.
        let mut half_written = bridge.call::<u64>("takes", args! { data: &data });
        tokio::select! {
            biased;
            answer = &mut half_written => assert_eq!(answer?, 900_000),
            () = std::future::ready(()) => {}
        }
        drop(half_written);
        assert_eq!(bridge.call::<u64>("quick", args! { call: call }).await?, call * 3);
    }
    assert_eq!(bridge.call::<u64>("takes", args! { data: &data }).await?, 900_000);
    quiet(&bridge).await;
    assert_eq!(bridge.workers()[0].number, 1);
    bridge.shutdown().await
}

// H12
#[tokio::test]
async fn giving_up_what_has_ended_does_nothing() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).start().await?;
    let mut answered = bridge.call::<u64>("quick", args! { call: 1 });
    assert_eq!((&mut answered).await?, 3);
    drop(answered);
    let mut stream = bridge.stream::<u64>("ticks", args! { call: 2 });
    assert_eq!(stream.next().await.unwrap()?, 0);
    drop(stream);
    // Its deadline and its drop come one after the other: two cancels, one end.
    let mut slow = bridge.call::<u64>("naps", args! { call: 3, seconds: 60 }).timeout(Duration::from_millis(100));
    assert_eq!((&mut slow).await.unwrap_err().code(), "deadline_exceeded");
    drop(slow);
    let never_polled = bridge.call::<u64>("naps", args! { call: 4, seconds: 0 });
    drop(never_polled);
    quiet(&bridge).await;
    assert_eq!(bridge.call::<u64>("naps", args! { call: 5, seconds: 0 }).await?, 15);
    assert!(!ledger.runs().contains_key(&4), "what was never polled was never sent");
    assert_eq!(bridge.workers()[0].number, 1);
    bridge.shutdown().await
}
