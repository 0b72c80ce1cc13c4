//! Workers that are replaced because they have served long enough, or by hand: no call fails, and there are never fewer of
//! them. Rows M1 and M3 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{Ledger, eventually};
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;

fn scripted() -> snakebridge::Builder {
    Bridge::builder().python(env!("CARGO_BIN_EXE_scripted_worker")).adapter("scripted")
}

fn serving(bridge: &Bridge) -> usize {
    bridge.workers().iter().filter(|worker| !worker.draining).count()
}

/// Callers that go on until they are stopped, and somebody who counts the workers meanwhile.
struct Traffic {
    stop: Arc<AtomicBool>,
    lanes: Vec<JoinHandle<u32>>,
    fewest: JoinHandle<usize>,
}

impl Traffic {
    fn start(bridge: &Bridge) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let lanes: Vec<_> = (0..4)
            .map(|_| {
                let (bridge, stop) = (bridge.clone(), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut answered = 0;
                    while !stop.load(Ordering::Relaxed) {
                        bridge.call::<u32>("answer", args! {}).await.unwrap();
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        let (bridge, stopped) = (bridge.clone(), Arc::clone(&stop));
        let fewest = tokio::spawn(async move {
            let mut fewest = usize::MAX;
            while !stopped.load(Ordering::Relaxed) {
                fewest = fewest.min(serving(&bridge));
                tokio::task::yield_now().await;
            }
            fewest
        });
        Self { stop, lanes, fewest }
    }

    /// How many calls were answered, all of them well, and the fewest workers there were.
    async fn end(self) -> (u32, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let mut answered = 0;
        for lane in self.lanes {
            answered += lane.await.unwrap();
        }
        (answered, self.fewest.await.unwrap())
    }
}

/// What happened to workers, as words; whatever says that something was lost fails the test.
fn told(events: &mut Receiver<Event>) -> Vec<&'static str> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| match event {
            Event::WorkerReady { .. } => "ready",
            Event::WorkerDraining { .. } => "draining",
            Event::WorkerRetired { .. } => "retired",
            _ => panic!("{event:?}"),
        })
        .collect()
}

/// Each draining worker was preceded by one that is ready: one at a time, and the successor first.
fn assert_successions(told: &[&str], at_least: usize) {
    let turns: Vec<_> = told.iter().filter(|word| **word != "retired").collect();
    assert!(turns.len() / 2 >= at_least, "{} successions", turns.len() / 2);
    for turn in turns.chunks_exact(2) {
        assert_eq!(turn, [&"ready", &"draining"]);
    }
}

#[tokio::test]
async fn two_hundred_workers_are_recycled_by_hand_under_load_and_nobody_notices() -> Result<()> {
    let bridge = scripted().workers(3).start().await?;
    eventually("three workers", || (serving(&bridge) == 3).then_some(())).await;
    let mut events = bridge.events();
    let traffic = Traffic::start(&bridge);
    for _ in 0..200 {
        let oldest = bridge.workers().into_iter().find(|worker| !worker.draining).unwrap();
        bridge.recycle(oldest.number).await?;
        assert_eq!(serving(&bridge), 3);
    }
    let (answered, fewest) = traffic.end().await;
    assert!(answered > 200, "{answered} calls were answered");
    assert_eq!(fewest, 3, "there were never fewer");
    eventually("the old ones to be gone", || (bridge.workers().len() == 3).then_some(())).await;
    let told = told(&mut events);
    assert_eq!(told.iter().filter(|word| **word == "retired").count(), 200);
    assert_successions(&told, 200);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_is_not_there_cannot_be_recycled_and_one_that_is_asked_twice_is_replaced_once() -> Result<()> {
    let bridge = scripted().workers(1).start().await?;
    let error = bridge.recycle(99).await.unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    assert!(error.to_string().contains("no worker 99"), "{error}");
    let (first, second) = tokio::join!(bridge.recycle(1), bridge.recycle(1));
    first?;
    second?;
    eventually("the old one to be gone", || (bridge.workers().len() == 1).then_some(())).await;
    assert_eq!(bridge.workers()[0].number, 2);
    bridge.shutdown().await
}

// M3
#[tokio::test]
async fn workers_that_have_answered_enough_calls_are_replaced_one_at_a_time() -> Result<()> {
    let bridge = scripted().workers(4).max_calls(200).start().await?;
    eventually("four workers", || (serving(&bridge) == 4).then_some(())).await;
    let mut events = bridge.events();
    let traffic = Traffic::start(&bridge);
    eventually("twenty successions", || (bridge.workers().iter().any(|worker| worker.number > 24)).then_some(())).await;
    let (answered, fewest) = traffic.end().await;
    assert!(answered >= 20 * 180, "{answered} calls, a tenth less than 200 for each at the least");
    assert_eq!(fewest, 4, "there were never fewer");
    assert_successions(&told(&mut events), 20);
    bridge.shutdown().await
}

#[tokio::test]
async fn workers_that_are_old_enough_are_replaced_while_nobody_calls() -> Result<()> {
    let bridge = scripted().workers(2).max_age(Duration::from_millis(300)).start().await?;
    eventually("two workers", || (serving(&bridge) == 2).then_some(())).await;
    let mut events = bridge.events();
    let mut reasons = Vec::new();
    while reasons.len() < 4 {
        if let Event::WorkerDraining { reason, .. } = events.recv().await.unwrap() {
            reasons.push(reason);
        }
        assert_eq!(serving(&bridge), 2);
    }
    assert!(reasons.iter().all(|reason| reason.contains(" old")), "{reasons:?}");
    bridge.shutdown().await
}

// M1
#[tokio::test]
async fn a_worker_that_leaks_is_replaced_between_calls() -> Result<()> {
    let ledger = Ledger::new();
    let limit = 150 << 20;
    let bridge = ledger.tools().workers(1).max_memory(limit).start().await?;
    let mut events = bridge.events();
    let mut pids = std::collections::BTreeSet::new();
    for call in 0..80u64 {
        pids.insert(bridge.call::<u32>("leak", args! { call: call, mebibytes: 10 }).await?);
    }
    assert!(pids.len() >= 2, "800 MiB were leaked by {} processes", pids.len());
    assert!(ledger.runs().len() == 80 && ledger.runs().values().all(|&runs| runs == 1));
    let reason = std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
        Event::WorkerDraining { reason, .. } => Some(reason),
        _ => None,
    });
    assert!(reason.as_ref().is_some_and(|reason| reason.contains("MiB")), "{reason:?}");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_dies_while_its_successor_starts_is_replaced_like_any_other() -> Result<()> {
    let bridge = scripted().workers(1).start().await?;
    for _ in 0..5 {
        let worker = bridge.workers().into_iter().max_by_key(|worker| worker.number).unwrap();
        let recycled = tokio::spawn({
            let bridge = bridge.clone();
            async move { bridge.recycle(worker.number).await }
        });
        tokio::task::yield_now().await;
        snakebridge_tests::kill(worker.pid);
        recycled.await.unwrap()?;
        let last = bridge.call::<u32>("answer", args! {}).await?;
        assert_ne!(last, worker.pid);
    }
    eventually("one worker", || (bridge.workers().len() == 1).then_some(())).await;
    bridge.shutdown().await
}
