//! Pools that grow while calls wait, and shrink while workers have nothing to do.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::eventually;

fn scripted() -> snakebridge::Builder {
    Bridge::builder().python(env!("CARGO_BIN_EXE_scripted_worker")).adapter("scripted")
}

fn serving(bridge: &Bridge) -> usize {
    bridge.workers().iter().filter(|worker| !worker.draining).count()
}

#[tokio::test]
async fn a_pool_grows_to_its_most_while_calls_wait_and_shrinks_to_its_fewest_when_they_are_gone() -> Result<()> {
    let builder = scripted().workers(1).max_workers(4).idle_timeout(Duration::from_millis(300));
    let bridge = builder.start().await?;
    let mut events = bridge.events();
    for round in 0..3 {
        // Of each of these a worker runs one, for as long as it is wanted.
        let held: Vec<_> = (0..6).map(|_| tokio::spawn(bridge.call::<u32>("hold", args! {}).into_future())).collect();
        eventually("all workers to be busy", || {
            let busy = bridge.workers().iter().filter(|worker| worker.in_flight == 1).count();
            (busy == 4).then_some(())
        })
        .await;
        assert_eq!(bridge.statistics().waiting, 2, "round {round}: two wait, and no fifth worker comes");
        for call in held {
            call.abort();
        }
        eventually("all but one to leave", || (bridge.workers().len() == 1).then_some(())).await;
        assert_ne!(bridge.call::<u32>("answer", args! {}).await?, 0);
    }
    assert_eq!(serving(&bridge), 1);
    let mut left = 0;
    for event in std::iter::from_fn(|| events.try_recv().ok()) {
        match event {
            Event::WorkerRetired { .. } => left += 1,
            Event::WorkerLost { .. } => panic!("{event:?}"),
            _ => {}
        }
    }
    assert_eq!(left, 9, "three in each round, in good order");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_dies_in_a_pool_that_has_grown_is_replaced() -> Result<()> {
    let bridge = scripted().workers(1).max_workers(2).start().await?;
    let held: Vec<_> = (0..2).map(|_| tokio::spawn(bridge.call::<u32>("hold", args! {}).into_future())).collect();
    eventually("the second worker", || (serving(&bridge) == 2).then_some(())).await;
    for worker in bridge.workers() {
        snakebridge_tests::kill(worker.pid);
    }
    for call in held {
        call.await.unwrap().unwrap_err();
    }
    eventually("both to be back", || (serving(&bridge) == 2).then_some(())).await;
    bridge.shutdown().await
}
