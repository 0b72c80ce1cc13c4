//! More than anybody needs.

use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::eventually;

use super::{assert_breaches, assert_taken, hostile, resident_bytes};

// E17
#[tokio::test]
async fn floods_of_frames_that_cost_nothing_end_their_worker() {
    assert_breaches(&[
        ("pings", "flood"),
        ("pongs", "flood"),
        ("events", "flood"),
        ("empty events", "flood"),
        ("optional frames", "flood"),
        ("cancels", "flood"),
        ("credits", "flood"),
    ])
    .await;
}

// E17
#[tokio::test]
async fn events_that_cannot_be_are_breaches_and_those_that_make_no_sense_are_dropped() {
    assert_breaches(&[
        ("an event over 16 KiB", "frame_too_large"),
        ("an event in a call that was never made", "id"),
        ("an event in a call of its own", "id"),
    ])
    .await;
    assert_taken(&["events of nonsense"]).await;
}

// E17, E18
#[tokio::test]
async fn a_worker_that_asks_and_never_listens_is_ended_and_the_host_does_not_grow() -> Result<()> {
    let bridge = hostile("questions").start().await?;
    let before = resident_bytes();
    let mut events = bridge.events();
    let call = tokio::spawn(bridge.call::<i64>("lie", args! {}).timeout(std::time::Duration::from_secs(60)));
    assert!(call.await.unwrap().is_err());
    let lost = eventually("the worker's end", || {
        std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
            Event::WorkerLost { worker: 1, .. } => Some(()),
            _ => None,
        })
    });
    lost.await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 300 << 20, "{grown} bytes");
    bridge.shutdown().await
}
