//! Workers that lie about going away.

use std::time::{Duration, Instant};

use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;

use super::{PATIENCE, hostile};

// GOAWAY
#[tokio::test]
async fn a_worker_that_hands_a_call_back_which_it_has_started_is_not_believed() -> Result<()> {
    let bridge = hostile("runs and denies it").start().await?;
    let mut events = bridge.events();
    let error = bridge.call::<i64>("lie", args! {}).timeout(PATIENCE).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WorkerLost { .. }), "{error}");
    assert_eq!((error.executed(), error.attempts()), (Executed::Maybe, 1));
    let error = bridge.call::<i64>("lie", args! {}).idempotent().timeout(PATIENCE).await.unwrap_err();
    assert_eq!((error.code(), error.attempts()), ("worker_lost", 2), "what may be repeated was, as often as it may");
    let told = std::iter::from_fn(|| events.try_recv().ok()).filter_map(|event| match event {
        Event::CallLost { executed, .. } => Some(("lost", executed)),
        Event::CallRepeated { executed, .. } => Some(("repeated", executed)),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert!(told.starts_with(&[("lost", Executed::Maybe), ("repeated", Executed::Maybe)]), "{told:?}");
    assert_eq!(bridge.call::<i64>("honest", args! {}).await?, 7);
    bridge.shutdown().await
}

// GOAWAY
#[tokio::test]
async fn workers_that_leave_as_soon_as_they_are_there_are_started_less_and_less_often() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let lie = format!("leaves at once, witness {}", folder.path().join("witness").display());
    let bridge = hostile(&lie).start().await?;
    let mut events = bridge.events();
    snakebridge_tests::kill(bridge.workers()[0].pid);
    let begun = Instant::now();
    let mut ready = 0;
    while ready < 6 {
        ready += u32::from(matches!(events.recv().await.unwrap(), Event::WorkerReady { .. }));
    }
    // At once, and after 50, 100, 200, and 400 ms, give or take a quarter.
    assert!(begun.elapsed() >= Duration::from_millis(560), "{:?}", begun.elapsed());
    bridge.shutdown().await
}

// B4
#[tokio::test]
async fn an_answer_that_was_written_before_its_worker_died_is_the_answer() -> Result<()> {
    let bridge = hostile("answers and dies").start().await?;
    let mut events = bridge.events();
    for _ in 0..5 {
        assert_eq!(bridge.call::<i64>("lie", args! {}).timeout(PATIENCE).await?, 7);
        super::lost(&mut events).await;
    }
    bridge.shutdown().await
}
