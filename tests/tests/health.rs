//! Whether workers are still there: idle ones are asked, busy ones are left alone. Rows B14, C3 and C10 of the fault
//! catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{Ledger, eventually, is_alive};

const INTERVAL: Duration = Duration::from_millis(200);

/// The reason for which the next worker is lost.
async fn lost(events: &mut tokio::sync::broadcast::Receiver<Event>) -> (u64, Option<String>) {
    loop {
        if let Event::WorkerLost { worker, reason, .. } = events.recv().await.unwrap() {
            return (worker, reason);
        }
    }
}

// B14
#[tokio::test]
async fn an_idle_worker_that_is_stopped_is_found_out_and_replaced() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).health_interval(INTERVAL).start().await?;
    let mut events = bridge.events();
    let stopped = bridge.workers()[0].pid;
    kill_process(Pid::from_raw(stopped.try_into().unwrap()).unwrap(), Signal::STOP).unwrap();
    let (worker, reason) = lost(&mut events).await;
    assert_eq!(worker, 1);
    assert!(reason.as_ref().is_some_and(|reason| reason.contains("did not answer")), "{reason:?}");
    assert_ne!(bridge.call::<u32>("pid", args! {}).await?, stopped);
    assert!(!is_alive(stopped));
    bridge.shutdown().await
}

// C10
#[tokio::test]
async fn an_idle_worker_that_works_and_does_not_answer_pings_is_replaced() -> Result<()> {
    let builder = Bridge::builder().python(env!("CARGO_BIN_EXE_hostile_worker")).adapter("lies");
    let bridge = builder.env("LIE", "ignores pings").workers(1).health_interval(INTERVAL).start().await?;
    let mut events = bridge.events();
    assert_eq!(bridge.call::<i64>("honest", args! {}).await?, 7);
    assert_eq!(lost(&mut events).await.0, 1);
    assert_eq!(bridge.call::<i64>("honest", args! {}).await?, 7);
    bridge.shutdown().await
}

// C3
#[tokio::test]
async fn a_call_that_holds_the_interpreter_in_c_for_long_returns_its_result() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).health_interval(INTERVAL).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    // Ten intervals.
    let hangs = |call: u64| {
        let arguments = args! { call: call, how: "gil", seconds: 2.0 };
        bridge.call::<String>("hangs", arguments).timeout(Duration::from_secs(60))
    };
    let (first, second) = tokio::join!(hangs(1), hangs(2));
    assert_eq!((first?.as_str(), second?.as_str()), ("gil", "gil"));
    assert_eq!(bridge.workers().iter().map(|worker| worker.number).collect::<Vec<_>>(), [1, 2]);
    assert!(ledger.runs().values().all(|&runs| runs == 1));
    bridge.shutdown().await
}

#[tokio::test]
async fn idle_workers_that_answer_stay() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).health_interval(INTERVAL).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let mut events = bridge.events();
    // Ten questions each, and three without an answer would be too many.
    assert!(tokio::time::timeout(10 * INTERVAL, lost(&mut events)).await.is_err());
    assert_eq!(bridge.workers().iter().map(|worker| worker.number).collect::<Vec<_>>(), [1, 2]);
    bridge.shutdown().await
}
