//! A consumer that is slower than its producer. Alone in its process, whose memory it measures.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{Duration, Instant};

use snakebridge::prelude::*;
use snakebridge_tests::{host_memory, python_folder};

/// `SNAKEBRIDGE_SOAK_SECONDS` makes it as long as one likes.
#[tokio::test]
async fn a_slow_consumer_leaves_the_memory_of_both_sides_flat() -> Result<()> {
    let seconds = std::env::var("SNAKEBRIDGE_SOAK_SECONDS").map_or(2, |seconds| seconds.parse().unwrap());
    let bridge = Bridge::builder()
        .adapter("multiplexing_tools:MultiplexingAdapter")
        .python_path(python_folder())
        .workers(1)
        .start()
        .await?;
    let mut items = bridge.stream::<Bytes>("count", args! { n: 1_000_000_000_u64, size: 64 * 1024 });
    for _ in 0..100 {
        items.next().await.unwrap()?;
    }
    let worker = || bridge.call::<u64>("memory", args! {});
    let (host_before, worker_before) = (host_memory("VmRSS"), worker().await?);
    let begun = Instant::now();
    let mut taken = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        // A gigabyte would be here by now if nothing held it back.
        tokio::time::sleep(Duration::from_millis(10)).await;
        items.next().await.unwrap()?;
        taken += 1;
    }
    assert!(taken > 10);
    let (host_after, worker_after) = (host_memory("VmRSS"), worker().await?);
    assert!(host_after < host_before + 4096, "the host grew from {host_before} to {host_after} KiB");
    assert!(worker_after < worker_before + 4096, "the worker grew from {worker_before} to {worker_after} KiB");
    bridge.shutdown().await
}
