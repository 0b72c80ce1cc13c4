//! Spare workers: ready before they are needed, they take the place of one that is lost, replaced, or one too few.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use snakebridge::error::{ErrorKind, StartFailure};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge::{Builder, Restrictions, WorkerInfo, WorkerState};
use snakebridge_tests::{Ledger, eventually, is_alive, kill, python_folder};

/// A ledger, and a door behind which workers wait before they are ready.
struct Stage {
    ledger: Ledger,
    folder: tempfile::TempDir,
}

impl Stage {
    /// With the door open.
    fn new() -> Self {
        let stage = Self { ledger: Ledger::new(), folder: tempfile::TempDir::new().unwrap() };
        stage.open();
        stage
    }

    fn door(&self) -> PathBuf {
        self.folder.path().join("door")
    }

    fn open(&self) {
        std::fs::write(self.door(), "").unwrap();
    }

    /// From now on no worker gets ready.
    fn close(&self) {
        std::fs::remove_file(self.door()).unwrap();
    }

    fn tools(&self) -> Builder {
        let config = BTreeMap::from([("ledger", self.ledger.path()), ("door", self.door())]);
        Bridge::builder().adapter("load_tools:LoadAdapter").python_path(python_folder()).config(&config)
    }

    fn gate(&self) -> String {
        self.folder.path().join("gate").to_str().unwrap().to_owned()
    }

    fn open_gate(&self) {
        std::fs::write(self.gate(), "").unwrap();
    }
}

fn in_state(bridge: &Bridge, state: WorkerState) -> Vec<WorkerInfo> {
    bridge.workers().into_iter().filter(|worker| worker.state() == state).collect()
}

/// Waits until so many are spare, and so many serve.
async fn settled(bridge: &Bridge, serving: usize, spare: usize) {
    eventually(&format!("{serving} to serve and {spare} to be spare"), || {
        let statistics = bridge.statistics();
        ((statistics.workers, statistics.spares) == (serving, spare)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_spare_serves_the_next_call_after_a_loss_before_any_other_worker_could_start() -> Result<()> {
    let stage = Stage::new();
    let bridge = stage.tools().workers(1).spares(1).start().await?;
    let mut events = bridge.events();
    settled(&bridge, 1, 1).await;
    let spare = in_state(&bridge, WorkerState::Spare).remove(0);
    assert!(spare.spare && spare.calls == 0 && spare.memory().is_some());
    let served = bridge.call::<u32>("pid", args! {}).await?;
    assert_ne!(served, spare.pid, "it gets no calls");
    stage.close();
    kill(served);
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, spare.pid);
    let statistics = bridge.statistics();
    assert_eq!((statistics.workers, statistics.spares, statistics.workers_started), (1, 0, 2));
    // Another one is started in its stead.
    stage.open();
    settled(&bridge, 1, 1).await;
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, spare.pid);
    let mut told = Vec::new();
    for event in std::iter::from_fn(|| events.try_recv().ok()) {
        match event {
            Event::WorkerSpare { worker, .. } => told.push(("spare", worker)),
            Event::WorkerLost { worker, .. } => told.push(("lost", worker)),
            Event::WorkerReady { worker, .. } => told.push(("ready", worker)),
            _ => {}
        }
    }
    let place = |event| told.iter().position(|other| *other == event).unwrap();
    assert!(place(("lost", 1)) < place(("ready", spare.number)), "{told:?}");
    assert_eq!(told.last(), Some(&("spare", spare.number + 1)), "{told:?}");
    bridge.shutdown().await?;
    assert!(!is_alive(spare.pid) && bridge.workers().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_recycled_is_replaced_by_a_spare_at_once() -> Result<()> {
    let stage = Stage::new();
    let bridge = stage.tools().workers(1).spares(1).start().await?;
    settled(&bridge, 1, 1).await;
    let spare = in_state(&bridge, WorkerState::Spare).remove(0);
    let serving = in_state(&bridge, WorkerState::Idle).remove(0);
    stage.close();
    let mut events = bridge.events();
    bridge.recycle(serving.number).await?;
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, spare.pid);
    stage.open();
    settled(&bridge, 1, 1).await;
    // A spare may be recycled too.
    let spare = in_state(&bridge, WorkerState::Spare).remove(0);
    bridge.recycle(spare.number).await?;
    eventually("another spare", || {
        let spares = in_state(&bridge, WorkerState::Spare);
        spares.first().filter(|other| other.number != spare.number).map(drop)
    })
    .await;
    eventually("the old one to be gone", || (!is_alive(spare.pid)).then_some(())).await;
    let lost = std::iter::from_fn(|| events.try_recv().ok()).find(|event| matches!(event, Event::WorkerLost { .. }));
    assert_eq!(lost, None, "both leave in good order");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_spare_that_dies_is_replaced_and_costs_no_call() -> Result<()> {
    let stage = Stage::new();
    let bridge = stage.tools().workers(1).spares(2).start().await?;
    settled(&bridge, 1, 2).await;
    for spare in in_state(&bridge, WorkerState::Spare) {
        kill(spare.pid);
    }
    eventually("both to be counted", || (bridge.statistics().workers_lost == 2).then_some(())).await;
    assert_eq!(bridge.call::<u64>("work", args! { call: 3 }).await?, 9);
    settled(&bridge, 1, 2).await;
    bridge.shutdown().await
}

#[tokio::test]
async fn a_pool_that_grows_takes_its_spares_first() -> Result<()> {
    let stage = Stage::new();
    let bridge =
        stage.tools().workers(1).max_workers(3).spares(1).idle_timeout(Duration::from_millis(200)).start().await?;
    settled(&bridge, 1, 1).await;
    let spare = in_state(&bridge, WorkerState::Spare).remove(0);
    stage.close();
    let call = |number: u64| {
        tokio::spawn(bridge.call::<u64>("wait", args! { call: number, gate: stage.gate() }).into_future())
    };
    let (first, second) = (call(1), call(2));
    assert_eq!(
        [stage.ledger.noted(1).await.pid, stage.ledger.noted(2).await.pid].into_iter().find(|pid| *pid == spare.pid),
        Some(spare.pid)
    );
    stage.open();
    settled(&bridge, 2, 1).await;
    stage.open_gate();
    assert_eq!((first.await.unwrap()?, second.await.unwrap()?), (1, 4));
    // What had grown leaves again, and the spare stays.
    settled(&bridge, 1, 1).await;
    bridge.shutdown().await
}

#[tokio::test]
async fn spares_are_forked_or_sandboxed_like_all_workers() -> Result<()> {
    let ledger = Ledger::new();
    let restrictions = Restrictions::new().writable(ledger.path().parent().unwrap());
    for builder in [ledger.tools().preload(true), ledger.tools().sandbox(restrictions)] {
        let bridge = match builder.workers(1).spares(1).start().await {
            // Not every kernel can.
            Err(error) if matches!(error.kind(), ErrorKind::StartFailed { why: StartFailure::Sandbox, .. }) => continue,
            started => started?,
        };
        settled(&bridge, 1, 1).await;
        let [serving, spare] = &bridge.workers()[..] else { panic!("two") };
        assert_eq!(serving.sandboxed, spare.sandboxed);
        let (of_spare, served) = if spare.spare { (spare.pid, serving.pid) } else { (serving.pid, spare.pid) };
        kill(served);
        assert_eq!(bridge.call::<u32>("pid", args! {}).await?, of_spare);
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_bridge_that_is_dropped_takes_its_spares_along() -> Result<()> {
    let stage = Stage::new();
    let bridge = stage.tools().workers(1).spares(1).start().await?;
    settled(&bridge, 1, 1).await;
    let pids: Vec<_> = bridge.workers().iter().map(|worker| worker.pid).collect();
    drop(bridge);
    eventually("both to be gone", || (!pids.iter().any(|pid| is_alive(*pid))).then_some(())).await;
    Ok(())
}

#[tokio::test]
async fn a_shutdown_waits_for_no_spare_that_is_still_starting() -> Result<()> {
    let stage = Stage::new();
    let bridge = stage.tools().workers(1).spares(1).start().await?;
    settled(&bridge, 1, 1).await;
    stage.close();
    kill(in_state(&bridge, WorkerState::Spare)[0].pid);
    eventually("it to be gone", || (bridge.statistics().spares == 0).then_some(())).await;
    // The next one cannot get ready.
    let begun = Instant::now();
    bridge.shutdown().await?;
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    Ok(())
}

#[tokio::test]
async fn workers_that_die_as_soon_as_they_serve_end_in_a_pause_with_spares_as_without() -> Result<()> {
    let stage = Stage::new();
    let bridge = stage.tools().workers(1).spares(1).start().await?;
    settled(&bridge, 1, 1).await;
    let mut events = bridge.events();
    let opened = tokio::spawn(async move {
        loop {
            if let Event::CircuitOpened { tool: None, .. } = events.recv().await.unwrap() {
                return;
            }
        }
    });
    // Whoever serves or is about to is killed before it has done anything.
    while !opened.is_finished() {
        for worker in bridge.workers().into_iter().filter(|worker| is_alive(worker.pid)) {
            // It may be gone by now.
            let pid = rustix::process::Pid::from_raw(worker.pid.try_into().unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    opened.await.unwrap();
    let error = bridge.call::<u64>("work", args! { call: 3 }).await;
    if let Err(error) = error {
        assert_eq!(error.code(), "circuit_open");
    }
    // It comes back by itself, with its spare.
    settled(&bridge, 1, 1).await;
    assert_eq!(bridge.call::<u64>("work", args! { call: 4 }).await?, 16);
    bridge.shutdown().await
}
