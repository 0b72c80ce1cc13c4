//! Workers that are told to end while they work: SIGTERM, GOAWAY, and a pool in which nobody notices.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{eventually, python_folder};

fn races() -> snakebridge::Builder {
    Bridge::builder().adapter("race_tools:RaceAdapter").python_path(python_folder()).workers(2)
}

/// Sends SIGTERM.
fn terminate(pid: u32) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
}

/// Calls one after the other, and now and then a stream, until told to stop; tells how many there were.
async fn keep_calling(bridge: Bridge, lane: u64, stop: Arc<AtomicBool>) -> u64 {
    let mut made = 0;
    while !stop.load(Ordering::Relaxed) {
        let number = lane * 1_000_000 + made;
        let arguments = args! { number: number, micros: 300 };
        if made % 10 == 9 {
            let items: Vec<u64> = bridge.stream::<u64>("counts", arguments).map(Result::unwrap).collect().await;
            assert_eq!(items, (0..4).map(|step| number * 7 + 1 + step).collect::<Vec<_>>());
        } else {
            assert_eq!(bridge.call::<u64>("spins", arguments).await.unwrap(), number * 7 + 1);
        }
        made += 1;
    }
    made
}

#[tokio::test]
async fn workers_that_are_terminated_under_load_lose_no_call() -> Result<()> {
    let bridge = races().start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let mut events = bridge.events();
    let stop = Arc::new(AtomicBool::new(false));
    let lanes: Vec<_> =
        (1..=20).map(|lane| tokio::spawn(keep_calling(bridge.clone(), lane, Arc::clone(&stop)))).collect();
    for _ in 0..6 {
        // Of the two, the one that has served longest.
        let oldest = eventually("two workers that take calls", || {
            let taking: Vec<_> = bridge.workers().into_iter().filter(|worker| !worker.draining).collect();
            (taking.len() == 2 && taking[0].in_flight > 0).then(|| taking[0].clone())
        });
        let oldest = oldest.await;
        terminate(oldest.pid);
        eventually("its end", || bridge.workers().iter().all(|worker| worker.number != oldest.number).then_some(()))
            .await;
    }
    stop.store(true, Ordering::Relaxed);
    for lane in lanes {
        assert!(lane.await.unwrap() > 0, "every lane was served");
    }
    bridge.shutdown().await?;
    let (mut draining, mut retired) = (0, 0);
    while let Ok(event) = events.try_recv() {
        match event {
            Event::WorkerDraining { .. } => draining += 1,
            Event::WorkerRetired { .. } => retired += 1,
            Event::WorkerLost { worker, exit, .. } => {
                // The end of the bridge ends the last two.
                assert!(worker > 6, "worker {worker} ended with {exit}, in the middle of it");
            }
            Event::CallRepeated { .. } | Event::CallLost { .. } => panic!("{event:?}"),
            _ => {}
        }
    }
    assert_eq!((draining, retired), (6, 6));
    Ok(())
}

#[tokio::test]
async fn an_idle_worker_that_is_terminated_is_replaced() -> Result<()> {
    let bridge = races().workers(1).start().await?;
    let mut events = bridge.events();
    for round in 1..=3u64 {
        let worker =
            eventually("a worker", || bridge.workers().into_iter().find(|worker| worker.number == round)).await;
        terminate(worker.pid);
        assert_eq!(bridge.call::<u64>("spins", args! { number: round, micros: 0 }).await?, round * 7 + 1);
        eventually("its end", || bridge.workers().iter().all(|worker| worker.number != round).then_some(())).await;
    }
    let ends: Vec<_> = std::iter::from_fn(|| events.try_recv().ok())
        .filter(|event| matches!(event, Event::WorkerRetired { .. } | Event::WorkerLost { .. }))
        .collect();
    assert!(ends.iter().all(|event| matches!(event, Event::WorkerRetired { .. })) && ends.len() == 3, "{ends:?}");
    bridge.shutdown().await
}
