//! A storm of cancels, row H9 of the fault catalogue. A program of its own, because it counts its descriptors.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use futures::future::poll_immediate;
use snakebridge::prelude::*;
use snakebridge_tests::{eventually, python_folder};

const CALLS: u64 = 10_000;

#[tokio::test]
async fn a_storm_of_ten_thousand_cancels_leaves_everything_where_it_was() -> Result<()> {
    // All wait but those that are prefetched; all wait but those for the threads; all are with the worker at once.
    weather(Profile::Process, "spins").await?;
    weather(Profile::Threads(2), "spins").await?;
    weather(Profile::Async, "dozes").await
}

async fn weather(profile: Profile, tool: &'static str) -> Result<()> {
    let builder = Bridge::builder().adapter("race_tools:RaceAdapter").python_path(python_folder()).workers(1);
    let builder = builder.queue_limit(20_000).cancel_grace(Duration::from_secs(60)).profile(profile);
    let limits = snakebridge::wire::Limits { calls: 2 * CALLS, ..Default::default() };
    let at_once = if profile == Profile::Async { 10_000 } else { 20 };
    let bridge = builder.limits(limits).max_concurrency(at_once).start().await?;
    // What the first round makes grow, the others must not.
    storm(&bridge, tool).await;
    let (files, memory) = (open_files(), resident_bytes());
    for _ in 0..3 {
        storm(&bridge, tool).await;
    }
    assert_eq!(open_files(), files);
    let grown = resident_bytes().saturating_sub(memory);
    assert!(grown < 16 << 20, "{profile:?}: {grown} bytes");
    assert_eq!(bridge.call::<u64>(tool, args! { number: 1, micros: 0 }).await?, 8);
    assert_eq!(bridge.workers()[0].number, 1, "nobody was killed for it");
    bridge.shutdown().await
}

/// Makes so many calls and drops them: some before they are sent, some in the worker, some answered; from the front,
/// from the back and in between.
async fn storm(bridge: &Bridge, tool: &str) {
    let mut storm = Vec::new();
    for number in 0..CALLS {
        let mut made = bridge.call::<u64>(tool, args! { number: number, micros: 0 });
        if let Some(answer) = poll_immediate(&mut made).await {
            assert_eq!(answer.unwrap(), number * 7 + 1);
        } else {
            storm.push(made);
        }
    }
    let back = storm.split_off(storm.len() / 2);
    drop(back.into_iter().rev().collect::<Vec<_>>());
    tokio::task::yield_now().await;
    while !storm.is_empty() {
        drop(storm.swap_remove(storm.len() / 3));
    }
    eventually("every call to be settled", || (bridge.workers()[0].in_flight == 0).then_some(())).await;
}

/// Descriptors of this process.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Memory of this process.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
