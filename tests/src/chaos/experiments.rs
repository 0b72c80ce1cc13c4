//! What is tried on purpose before and during a run, because chance alone would hardly come to it.

use std::time::Duration;

use futures::StreamExt as _;
use futures::future::poll_immediate;
use snakebridge::error::ErrorKind;
use snakebridge::prelude::*;

/// An item of a stream: the call, its place, and bytes.
type Item = (u64, usize, Bytes);

/// How many calls may wait, by the pool's default.
const QUEUE: usize = 1000;

/// Far more calls at once than may wait, made without a break and given up together. Returns how many waited at most, and how
/// many may.
///
/// Only while nothing else goes on: calls that come back from a lost worker wait beyond the limit.
pub(super) async fn herd(bridge: &Bridge) -> (usize, usize) {
    let mut waited = 0;
    let mut calls = Vec::new();
    let mut refused = 0;
    while refused < 20 {
        let burn = args! { call: u64::MAX, milliseconds: 5, gil: false };
        let mut call = bridge.call::<u64>("burn", burn).timeout(Duration::from_secs(20));
        match poll_immediate(&mut call).await {
            // The queue is full, or as good as: a place may have become free meanwhile.
            Some(Err(_)) => {
                refused += 1;
                waited = waited.max(bridge.statistics().waiting);
            }
            _ => calls.push(call),
        }
    }
    (waited, QUEUE)
}

/// Streams whose worker has written its item when it dies: that is there, and then comes the error. Returns what is not so.
///
/// Only while nothing else goes on: the item is more than a worker holds back, and fits into an empty pipe. So few that their
/// deaths do not look like a crash loop.
pub(super) async fn last_words(bridge: &Bridge, first: u64) -> Vec<String> {
    let size = 40 * 1024;
    let mut wrong = Vec::new();
    for call in first..first + 8 {
        let stream = bridge.stream::<Item>("last_items", args! { call: call, n: 1, size: size });
        let seen: Vec<_> = stream.collect().await;
        let whole = seen.iter().filter(|item| item.as_ref().is_ok_and(|item| item.2.len() == size)).count();
        let ending = seen.last().and_then(|last| last.as_ref().err());
        if whole < 1 || ending.is_none_or(|error| error.code() != "worker_lost") {
            wrong.push(format!("{whole} of 1 item that was written, and then {ending:?}"));
        }
    }
    wrong
}

/// Lets a tool kill workers until its circuit opens, gives the call that tries it out up, and then wants the tool back.
/// Returns what is wrong, if anything.
pub(super) async fn lost_permit(bridge: &Bridge, first: u64) -> Option<String> {
    let cursed =
        |call, dies| bridge.call::<()>("cursed", args! { call: call, dies: dies }).timeout(Duration::from_secs(5));
    let mut call = first..;
    let mut next = |dies| cursed(call.next().unwrap_or_default(), dies);
    for _ in 0..5 {
        // The death of a worker that has just begun, or has done nothing yet, is not held against the tool.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let burn = || bridge.call::<u64>("burn", args! { call: u64::MAX, milliseconds: 2, gil: false });
        futures::future::join_all((0..32).map(|_| burn())).await;
        let _ = next(true).await;
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        // It may be the one; whoever drops it gives the permit back.
        drop(poll_immediate(&mut next(false)).await);
    }
    let begun = std::time::Instant::now();
    loop {
        match next(false).await {
            Err(error) if matches!(error.kind(), ErrorKind::CircuitOpen { .. }) => {
                if begun.elapsed() > Duration::from_secs(10) {
                    return Some(format!("a tool is refused {:?} after its pause: {error}", begun.elapsed()));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // It ran, or something else happened to its worker.
            _ => return None,
        }
    }
}
