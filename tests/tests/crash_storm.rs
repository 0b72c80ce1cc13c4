//! Workers that are killed at random while they work: who is told, and that nothing is left behind. Row M4 of the fault
//! catalogue, and the crash storm that this project's predecessor accepted 79 errors in.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, eventually, kill};

const WORKERS: usize = 8;
const ROUNDS: u64 = 30;

/// What came of a storm: how many calls went well, and those that did not.
struct Aftermath {
    well: u64,
    failed: Vec<(u64, Error)>,
}

/// Kills two workers thirty times, while sixteen callers go on with `tool`.
async fn storm(bridge: &Bridge, tool: &'static str) -> Aftermath {
    eventually("all workers", || (bridge.workers().len() == WORKERS).then_some(())).await;
    let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let lanes: Vec<_> = (0..16)
        .map(|_| {
            let (bridge, stop, next) = (bridge.clone(), Arc::clone(&stop), Arc::clone(&next));
            tokio::spawn(async move {
                let (mut well, mut failed) = (0, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    let call = next.fetch_add(1, Ordering::Relaxed);
                    let work = bridge.call::<u64>(tool, args! { call: call, seconds: 0.01 });
                    // What is repeated waits a tenth of a second first, and may be where the next round strikes.
                    let work = if tool == "work_again" { work.retries(3) } else { work };
                    match work.await {
                        Ok(square) => {
                            assert_eq!(square, call * call, "the answer to another call");
                            well += 1;
                        }
                        Err(error) => failed.push((call, error)),
                    }
                }
                (well, failed)
            })
        })
        .collect();
    let mut seed = 0x5eed_u64;
    for _ in 0..ROUNDS {
        // What is done between two rounds pays for what is repeated after them.
        let calls = next.load(Ordering::Relaxed) + 40;
        eventually("calls", || (next.load(Ordering::Relaxed) >= calls).then_some(())).await;
        let alive = eventually("six workers", || Some(bridge.workers()).filter(|workers| workers.len() >= 6)).await;
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let first = usize::try_from(seed >> 40).unwrap() % alive.len();
        kill(alive[first].pid);
        kill(alive[(first + 1) % alive.len()].pid);
    }
    stop.store(true, Ordering::Relaxed);
    let mut aftermath = Aftermath { well: 0, failed: Vec::new() };
    for lane in lanes {
        let (well, failed) = lane.await.unwrap();
        aftermath.well += well;
        aftermath.failed.extend(failed);
    }
    aftermath
}

// M4
#[tokio::test]
async fn sixty_killed_workers_cost_calls_that_may_be_repeated_nothing() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(WORKERS).start().await?;
    let Aftermath { well, failed } = storm(&bridge, "work_again").await;
    assert!(failed.is_empty(), "{failed:?}");
    let runs: usize = ledger.runs().values().sum();
    let (made, ran) = (usize::try_from(well).unwrap(), ledger.runs().len());
    assert_eq!(made, ran, "each ran");
    assert!(runs <= made + made / 5 + 3, "{runs} runs of {made} calls");
    eventually("the pool to be whole", || (bridge.workers().len() == WORKERS).then_some(())).await;
    assert_eq!(bridge.statistics().calls.outstanding(), 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn sixty_killed_workers_cost_other_calls_no_more_than_each_was_running() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(WORKERS).start().await?;
    let Aftermath { failed, .. } = storm(&bridge, "work").await;
    assert!(failed.len() <= 60, "{} failed", failed.len());
    let runs = ledger.runs();
    for (call, error) in &failed {
        assert_eq!((error.code(), error.executed()), ("worker_lost", Executed::Maybe), "call {call}: {error}");
    }
    assert!(runs.values().all(|&runs| runs == 1), "nothing ran twice");
    assert_eq!(bridge.statistics().workers_lost, 60);
    bridge.shutdown().await
}
