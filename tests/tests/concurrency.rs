//! Python tools that run at the same time in one worker: on threads, and on a loop.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{Ledger, eventually, is_alive, python_folder};

fn tools(ledger: &Ledger, profile: Profile) -> snakebridge::Builder {
    Bridge::builder()
        .adapter("concurrent_tools:ConcurrentAdapter")
        .python_path(python_folder())
        .config(&BTreeMap::from([("ledger", ledger.path())]))
        .workers(1)
        .profile(profile)
        // Tools that wait for each other in vain are to fail, not to hang.
        .call_timeout(Duration::from_secs(30))
}

#[tokio::test]
async fn as_many_synchronous_tools_run_at_once_as_there_are_threads() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger, Profile::Threads(4)).start().await?;
    for _ in 0..10 {
        let meeting = (0..4u64).map(|call| bridge.call::<u64>("meets", args! { call: call, parties: 4 }));
        let answers: Vec<u64> = join_all(meeting).await.into_iter().collect::<Result<_>>()?;
        assert_eq!(answers, [0, 3, 6, 9], "each waited for the three others");
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn async_tools_overlap_on_one_loop_up_to_the_profiles_number() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger, Profile::Async).start().await?;
    for parties in [2u64, 1000] {
        let meeting = (0..parties).map(|call| bridge.call::<u64>("gathers", args! { call: call, parties: parties }));
        let answers: Vec<u64> = join_all(meeting).await.into_iter().collect::<Result<_>>()?;
        assert_eq!(answers, (0..parties).map(|call| call * 3).collect::<Vec<_>>());
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn ten_thousand_async_calls_are_outstanding_on_one_worker_where_the_limits_allow_it() -> Result<()> {
    let ledger = Ledger::new();
    let limits = snakebridge::wire::Limits { calls: 20_000, ..Default::default() };
    let bridge = tools(&ledger, Profile::Async).max_concurrency(10_000).limits(limits).start().await?;
    let parties = 10_000u64;
    let meeting = (0..parties).map(|call| bridge.call::<u64>("gathers", args! { call: call, parties: parties }));
    let answers: Vec<u64> = join_all(meeting).await.into_iter().collect::<Result<_>>()?;
    assert!((0..parties).map(|call| call * 3).eq(answers));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_cancelled_async_tool_ends_alone() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger, Profile::Async).start().await?;
    let meeting = tokio::spawn(bridge.call::<u64>("gathers", args! { call: 1, parties: 2 }));
    let error = bridge.execute("awaits", args! { call: 2 }).timeout(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
    ledger.noted(2).await;
    let other = bridge.call::<u64>("gathers", args! { call: 3, parties: 2 }).await?;
    assert_eq!((meeting.await.unwrap()?, other), (3, 9));
    assert_eq!(bridge.workers()[0].number, 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_thread_that_does_not_let_go_is_abandoned_and_its_siblings_finish() -> Result<()> {
    let ledger = Ledger::new();
    let builder = tools(&ledger, Profile::Threads(4)).cancel_grace(Duration::from_millis(100));
    let bridge = builder.start().await?;
    let mut events = bridge.events();
    let siblings: Vec<_> =
        (1..=2u64).map(|call| tokio::spawn(bridge.call::<u64>("waits", args! { call: call }))).collect();
    let pid = ledger.noted(1).await.pid;
    ledger.noted(2).await;
    bridge.execute("opens_in", args! { seconds: 1.5 }).await?;
    let stuck = bridge.execute("stays", args! { call: 3 }).correlation_id("c-3").timeout(Duration::from_millis(200));
    let error = stuck.await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
    // The next worker is there before the siblings are done, and takes what comes.
    eventually("the next worker", || bridge.workers().into_iter().find(|worker| worker.number == 2)).await;
    assert_eq!(bridge.call::<u64>("quick", args! { call: 5 }).await?, 15);
    for (call, sibling) in (1u64..).zip(siblings) {
        assert_eq!(sibling.await.unwrap()?, call * 3, "nobody killed it");
    }
    eventually("the abandoned worker's end", || (!is_alive(pid)).then_some(())).await;
    let killed = eventually("its last words", || match events.try_recv() {
        Ok(Event::WorkerKilled { tool, correlation_id, stacks, .. }) => Some((tool, correlation_id, stacks)),
        _ => None,
    });
    let (tool, correlation_id, stacks) = killed.await;
    assert_eq!((tool.as_str(), correlation_id.as_deref()), ("stays", Some("c-3")));
    assert!(stacks.as_deref().unwrap_or_default().contains("in stays"), "{stacks:?}");
    bridge.shutdown().await
}
