//! Much at once on one pair of pipes: calls by the ten thousand, streams, large bodies. Alone in its process, whose memory it
//! measures.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::wire::Limits;
use snakebridge_tests::{host_memory, join_all, python_folder};

const CALLS: u64 = 10_000;
const LARGE: usize = 100 << 20;

fn builder() -> snakebridge::Builder {
    let limits = Limits { calls: 12_000, ..Limits::default() };
    let builder = Bridge::builder().adapter("multiplexing_tools:MultiplexingAdapter").python_path(python_folder());
    builder.workers(1).profile(snakebridge::Profile::Async).max_concurrency(12_000).limits(limits)
}

#[tokio::test]
async fn ten_thousand_calls_twenty_streams_and_two_large_bodies_share_one_worker() -> Result<()> {
    let bridge = builder().start().await?;
    let before = host_memory("VmRSS");
    let calls: Vec<_> =
        (0..CALLS).map(|number| tokio::spawn(bridge.call::<u64>("waits", args! { number: number }))).collect();
    while bridge.call::<u64>("waiters", args! {}).await? < CALLS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // All of them are in Python now, unanswered.
    let streams = join_all((0..20).map(|_| bridge.stream::<u64>("count", args! { n: 2_000 }).collect::<Vec<_>>()));
    let row: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    let data = Bytes::from(row.repeat(LARGE >> 20));
    let large = join_all((0..2).map(|_| bridge.call::<Bytes>("echo", args! { data: data.clone() })));
    let (streams, large) = tokio::join!(streams, large);
    for items in streams {
        assert_eq!(items.into_iter().collect::<Result<Vec<_>>>()?, (0..2_000).collect::<Vec<_>>());
    }
    for echo in large {
        assert!(echo? == data, "another body came back");
    }
    bridge.execute("release", args! {}).await?;
    for (number, call) in (0..).zip(calls) {
        assert_eq!(call.await.expect("it does not panic")?, number * 7);
    }
    // What it may hold at most: the data, two encoded arguments, two results as they come in and two as they are decoded; a
    // window a stream; 4 KiB a call.
    let peak = host_memory("VmHWM").saturating_sub(before);
    let stated = (7 * LARGE as u64 + 20 * (256 << 10)) / 1024 + CALLS * 4;
    assert!(peak < stated + (64 << 10), "{peak} KiB more than before, {stated} KiB are stated");
    bridge.shutdown().await
}
