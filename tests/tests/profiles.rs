//! Workers that run many calls at once: how many they are given, what a call that does not let go costs, and how they
//! leave.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use futures::future::{join_all, poll_immediate};
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge::{Builder, WorkerInfo};
use snakebridge_tests::eventually;
use tokio::sync::broadcast::Receiver;

/// A bridge to one worker that does what calls are named after.
fn scripted() -> Builder {
    Bridge::builder().python(env!("CARGO_BIN_EXE_scripted_worker")).adapter("scripted").workers(1)
}

/// Calls `tool`; the answer is the process that served it.
fn call(bridge: &Bridge, tool: &str) -> Call<u32> {
    bridge.call(tool, args! {})
}

/// Makes so many calls of `tool`, each sent or queued when this returns.
async fn begin(bridge: &Bridge, tool: &str, number: usize) -> Vec<Call<u32>> {
    let mut calls: Vec<_> = (0..number).map(|_| call(bridge, tool)).collect();
    for call in &mut calls {
        assert!(poll_immediate(call).await.is_none(), "`{tool}` is not answered yet");
    }
    calls
}

fn worker(bridge: &Bridge, number: u64) -> Option<WorkerInfo> {
    bridge.workers().into_iter().find(|worker| worker.number == number)
}

/// Waits until a worker of this number serves.
async fn ready(bridge: &Bridge, number: u64) -> WorkerInfo {
    eventually("the worker to be ready", || worker(bridge, number)).await
}

/// The events so far, as words.
fn told(events: &mut Receiver<Event>) -> Vec<&'static str> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| match event {
            Event::WorkerReady { .. } => "ready",
            Event::WorkerDraining { .. } => "draining",
            Event::WorkerRetired { .. } => "retired",
            Event::WorkerKilled { .. } => "killed",
            Event::WorkerLost { .. } => "lost",
            _ => "another",
        })
        .collect()
}

#[tokio::test]
async fn each_profile_gives_its_worker_its_number_of_calls_and_the_rest_wait() -> Result<()> {
    for (builder, expected) in [
        (scripted(), 1),
        (scripted().profile(Profile::Threads(3)), 3 + 16),
        (scripted().profile(Profile::Async), 1000),
        (scripted().profile(Profile::Async).max_concurrency(5), 5),
        (scripted().profile(Profile::Threads(3)).max_concurrency(1500), 1500),
    ] {
        // `release` has to get in beside them, so one place is left for it.
        let bridge = builder.queue_limit(3000).start().await?;
        let held = begin(&bridge, "hold", 2000).await;
        assert_eq!(bridge.workers()[0].in_flight, expected);
        drop(held);
        eventually("all to be cancelled", || (bridge.workers()[0].in_flight == 0).then_some(())).await;
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_is_told_how_many_threads_it_has() -> Result<()> {
    for (profile, threads) in [(Profile::Process, 0), (Profile::Threads(7), 7), (Profile::Async, 0)] {
        let bridge = scripted().profile(profile).start().await?;
        assert_eq!(call(&bridge, "threads").await?, threads, "{profile:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn ten_thousand_calls_are_outstanding_on_one_worker_and_answered_in_an_order_of_its_own() -> Result<()> {
    let bridge = scripted().profile(Profile::Async).max_concurrency(10_001).start().await?;
    let held = begin(&bridge, "hold", 10_000).await;
    assert_eq!(bridge.workers()[0].in_flight, 10_000);
    let pid = call(&bridge, "release").await?;
    assert!(join_all(held).await.into_iter().all(|answer| answer.unwrap() == pid));
    assert_eq!(bridge.workers()[0].in_flight, 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn calls_go_to_the_worker_that_has_the_fewest() -> Result<()> {
    let bridge = scripted().workers(2).profile(Profile::Async).start().await?;
    ready(&bridge, 1).await;
    ready(&bridge, 2).await;
    let held = begin(&bridge, "hold", 100).await;
    assert!(bridge.workers().iter().all(|worker| worker.in_flight == 50), "{:?}", bridge.workers());
    drop(held);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_that_does_not_let_go_costs_its_siblings_nothing() -> Result<()> {
    let grace = Duration::from_millis(50);
    let bridge = scripted().profile(Profile::Async).cancel_grace(grace).start().await?;
    let mut events = bridge.events();
    let first = bridge.workers()[0].pid;
    let mut siblings = begin(&bridge, "hold", 20).await;
    drop(begin(&bridge, "stubborn", 1).await);
    // The next worker is there while the first still has its siblings to finish.
    ready(&bridge, 2).await;
    let draining = worker(&bridge, 1).unwrap();
    assert!(draining.draining && draining.in_flight == 21, "{draining:?}");
    let second = call(&bridge, "answer").await?;
    assert_ne!(second, first, "no more calls for the first");
    assert_eq!(told(&mut events), ["draining", "ready"]);
    // The last sibling's end is its end.
    for sibling in &mut siblings {
        assert!(poll_immediate(sibling).await.is_none(), "still waited for");
    }
    drop(siblings);
    eventually("the first worker's end", || worker(&bridge, 1).is_none().then_some(())).await;
    assert_eq!(told(&mut events), ["killed", "lost"]);
    assert_eq!(call(&bridge, "answer").await?, second);
    bridge.shutdown().await
}

#[tokio::test]
async fn at_its_deadline_a_call_is_answered_whatever_its_worker_does_and_siblings_keep_theirs() -> Result<()> {
    let bridge = scripted().profile(Profile::Threads(4)).cancel_grace(Duration::from_millis(50)).start().await?;
    let sibling = call(&bridge, "hold").timeout(Duration::from_millis(900));
    let stubborn = call(&bridge, "stubborn").timeout(Duration::from_millis(100));
    let (sibling, (stubborn, served_by)) = tokio::join!(sibling, async {
        let error = stubborn.await.unwrap_err();
        ready(&bridge, 2).await;
        assert!(worker(&bridge, 1).is_some(), "its sibling is still running");
        (error, call(&bridge, "answer").await.unwrap())
    });
    for error in [stubborn, sibling.unwrap_err()] {
        assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
    }
    assert_eq!(ready(&bridge, 2).await.pid, served_by);
    eventually("the first worker's end", || worker(&bridge, 1).is_none().then_some(())).await;
    bridge.shutdown().await
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_what_does_not_let_go() -> Result<()> {
    let bridge = scripted()
        .profile(Profile::Async)
        .cancel_grace(Duration::from_millis(50))
        .drain(Duration::from_secs(3600))
        .start()
        .await?;
    drop(begin(&bridge, "stubborn", 3).await);
    tokio::time::timeout(Duration::from_secs(30), bridge.shutdown()).await.expect("it ends")
}

#[tokio::test]
async fn beside_those_that_serve_as_many_may_be_draining_and_no_more() -> Result<()> {
    let bridge = scripted().profile(Profile::Async).cancel_grace(Duration::from_millis(50)).start().await?;
    let mut siblings = Vec::new();
    for number in [1, 2] {
        ready(&bridge, number).await;
        siblings.push(begin(&bridge, "hold", 1).await);
        drop(begin(&bridge, "stubborn", 1).await);
        eventually("it to drain", || worker(&bridge, number).unwrap().draining.then_some(())).await;
    }
    let waiting = begin(&bridge, "answer", 1).await;
    assert!(worker(&bridge, 3).is_none(), "there is room for one beside the one that serves");
    siblings.remove(0);
    let third = ready(&bridge, 3).await;
    assert!(join_all(waiting).await.into_iter().all(|answer| answer.unwrap() == third.pid));
    drop(siblings);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_goes_away_finishes_what_it_has_and_the_rest_runs_elsewhere_unnoticed() -> Result<()> {
    let bridge = scripted().profile(Profile::Async).start().await?;
    let mut events = bridge.events();
    let first = bridge.workers()[0].pid;
    let held = begin(&bridge, "hold", 10).await;
    // On their way before the worker has said anything.
    let last = begin(&bridge, "go_away", 1).await;
    let late = begin(&bridge, "answer", 40).await;
    let served_by_first = join_all(held.into_iter().chain(last)).await;
    assert!(served_by_first.into_iter().all(|answer| answer.unwrap() == first));
    let second = ready(&bridge, 2).await.pid;
    for answer in join_all(late).await {
        assert_eq!(answer?, second, "it never ran on the first");
    }
    eventually("the first worker's end", || worker(&bridge, 1).is_none().then_some(())).await;
    let mut told = told(&mut events);
    told.sort_unstable();
    assert_eq!(told, ["draining", "ready", "retired"], "in good order: nothing was lost");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_runs_one_call_at_a_time_may_go_away_too() -> Result<()> {
    let bridge = scripted().start().await?;
    for round in 1..=5u64 {
        let pid = ready(&bridge, round).await.pid;
        let calls = ["answer", "go_away", "answer", "answer"].map(|tool| call(&bridge, tool));
        let answers: Vec<u32> = join_all(calls).await.into_iter().collect::<Result<_>>()?;
        assert_eq!(answers[..2], [pid, pid]);
        assert_eq!(answers[2..], [ready(&bridge, round + 1).await.pid; 2]);
    }
    bridge.shutdown().await
}

// B13
#[tokio::test]
async fn a_worker_that_dies_with_eight_calls_is_one_death_and_eight_answers() -> Result<()> {
    let bridge = scripted().profile(Profile::Threads(8)).start().await?;
    let mut events = bridge.events();
    let held = begin(&bridge, "hold", 8).await;
    // What is answered behind them has been read behind them.
    let victim = call(&bridge, "answer").await?;
    snakebridge_tests::kill(victim);
    for answer in join_all(held).await {
        let error = answer.unwrap_err();
        assert_eq!((error.code(), error.executed(), error.attempts()), ("worker_lost", Executed::Maybe, 1));
    }
    assert_ne!(call(&bridge, "answer").await?, 0, "the pool goes on");
    let lost: Vec<_> = std::iter::from_fn(|| events.try_recv().ok())
        .filter_map(|event| match event {
            Event::WorkerLost { maybe, never, .. } => Some((maybe, never)),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [(8, 0)]);
    bridge.shutdown().await
}
