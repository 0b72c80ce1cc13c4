//! Streams whose consumer is slow, gone or too many, and generators that resist: group G of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::error::ErrorKind;
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, python_folder};

/// The odd tools, on one worker.
fn odd(ledger: &Ledger) -> snakebridge::Builder {
    Bridge::builder()
        .adapter("odd_tools:OddAdapter")
        .python_path(python_folder())
        .config(&BTreeMap::from([("ledger", ledger.path())]))
        .workers(1)
}

/// Memory of this process.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

// G1
#[tokio::test]
async fn a_consumer_that_never_polls_again_holds_one_window_of_gigabytes() -> Result<()> {
    const SIZE: usize = 500_000;
    let ledger = Ledger::new();
    let bridge = odd(&ledger).start().await?;
    let before = resident_bytes();
    let mut stream = bridge.stream::<Bytes>("produce", args! { n: 20_000, size: SIZE, ready: 0 });
    assert_eq!(stream.next().await.unwrap()?.len(), SIZE);
    // The worker serves these behind whatever it could produce, and twice in turn.
    for call in 0..50 {
        assert_eq!(bridge.call::<u64>("echo", args! { value: call }).await?, call);
    }
    let produced = ledger.entries().len();
    assert!(produced <= 4, "{produced} items of {SIZE} bytes for a window of 256 KiB");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 150 << 20, "{grown} bytes for a stream of ten gigabytes");
    drop(stream);
    assert_eq!(bridge.call::<u64>("echo", args! { value: 1 }).await?, 1);
    bridge.shutdown().await
}

// G1
#[tokio::test]
async fn half_a_gigabyte_that_is_consumed_leaves_the_hosts_memory_flat() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).start().await?;
    let before = resident_bytes();
    let mut stream = bridge.stream::<Bytes>("produce", args! { n: 1000, size: 500_000, ready: 0 });
    let mut items = 0;
    while let Some(item) = stream.next().await {
        assert_eq!(item?.len(), 500_000);
        items += 1;
    }
    assert_eq!(items, 1000);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 150 << 20, "{grown} bytes");
    bridge.shutdown().await
}

// G2
#[tokio::test]
async fn a_stream_that_nobody_reads_holds_up_neither_calls_nor_other_streams() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).start().await?;
    let mut idle = bridge.stream::<Bytes>("produce", args! { n: 1000, size: 100_000, ready: 0 });
    idle.next().await.unwrap()?;
    for call in 0..100 {
        assert_eq!(bridge.call::<u64>("echo", args! { value: call }).await?, call);
    }
    let busy: Vec<_> = bridge.stream::<Bytes>("produce", args! { n: 50, size: 100_000, ready: 5000 }).collect().await;
    assert!(busy.len() == 50 && busy.iter().all(Result::is_ok));
    assert_eq!(idle.collect::<Vec<_>>().await.len(), 999, "and nothing of it is lost");
    bridge.shutdown().await
}

// G3: the worker lives, so the generator was closed within the grace.
#[tokio::test]
async fn a_dropped_stream_closes_its_generator_sync_or_async_within_the_grace() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).start().await?;
    for round in 0..20 {
        let mut sync = bridge.stream::<u64>("endless", args! { ended: 2 * round });
        assert_eq!(sync.next().await.unwrap()?, 0);
        drop(sync);
        ledger.noted(2 * round).await;
        let endless = args! { n: 1_000_000_000, ended: 2 * round + 1 };
        let mut asynchronous = bridge.stream::<u64>("count_later", endless);
        assert_eq!(asynchronous.next().await.unwrap()?, 0);
        drop(asynchronous);
        ledger.noted(2 * round + 1).await;
    }
    assert_eq!(bridge.call::<u64>("echo", args! { value: 1 }).await?, 1);
    assert_eq!(bridge.workers()[0].number, 1, "it was never killed for it");
    bridge.shutdown().await
}

// G4
#[tokio::test]
async fn a_generator_that_resists_being_closed_harms_no_later_call() -> Result<()> {
    for (how, survives) in [("yields", true), ("raises", true), ("ignores", true), ("hangs", false)] {
        let ledger = Ledger::new();
        let bridge = odd(&ledger).cancel_grace(Duration::from_millis(100)).start().await?;
        let mut stream = bridge.stream::<u64>("clings", args! { how: how, began: 1 });
        assert_eq!(stream.next().await.unwrap()?, 0);
        drop(stream);
        for call in 0..20 {
            let echo = bridge.call::<u64>("echo", args! { value: call }).timeout(Duration::from_secs(20));
            assert_eq!(echo.await?, call, "{how}");
        }
        if survives {
            assert_eq!(bridge.workers()[0].number, 1, "{how}: Python ends such a generator with an exception");
        } else {
            assert!(bridge.workers()[0].number > 1, "{how}: it cost its worker");
        }
        assert_eq!(ledger.runs()[&1], 1, "{how}");
        bridge.shutdown().await?;
    }
    Ok(())
}

// G5, F14
#[tokio::test]
async fn an_item_that_cannot_leave_comes_as_an_error_behind_the_items_before_it() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).start().await?;
    for what in ["object", "nested 65", "itself", "conversion that raises", "lone surrogate"] {
        let mut items: Vec<_> = bridge.stream::<Value>("yield_then", args! { n: 50, what: what }).collect().await;
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!(error.code(), "unserializable", "{what}: {error}");
        let items: Vec<Value> = items.into_iter().collect::<Result<_>>()?;
        assert_eq!(items, (0..50).map(Value::from).collect::<Vec<Value>>(), "{what}");
    }
    assert_eq!(bridge.workers()[0].number, 1, "no worker was lost");
    bridge.shutdown().await
}

// G6
#[tokio::test]
async fn a_stream_without_an_end_ends_at_the_pools_deadline_for_streams() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).stream_timeout(Duration::from_millis(200)).start().await?;
    let mut items: Vec<_> = bridge.stream::<u64>("endless", args! { ended: 1 }).collect().await;
    let error = items.pop().unwrap().unwrap_err();
    let ErrorKind::DeadlineExceeded { timeout, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(*timeout, Duration::from_millis(200));
    assert!(items.into_iter().zip(0..).all(|(item, number)| item.is_ok_and(|item| item == number)));
    ledger.noted(1).await;
    assert_eq!(bridge.call::<u64>("echo", args! { value: 1 }).await?, 1);
    assert_eq!(bridge.workers()[0].number, 1, "the generator was closed, the worker lives");
    bridge.shutdown().await
}

// G8
#[tokio::test]
async fn asynchronous_generators_are_streams_with_ends_errors_and_deadlines() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).start().await?;
    let items: Vec<_> = bridge.stream::<u64>("count_later", args! { n: 1000, ended: 1 }).collect().await;
    assert_eq!(items.into_iter().collect::<Result<Vec<_>>>()?, (0..1000).collect::<Vec<_>>());
    let mut failed: Vec<_> = bridge.stream::<u64>("fail_later", args! { n: 3 }).collect().await;
    let error = failed.pop().unwrap().unwrap_err();
    // Python makes a RuntimeError of an exception that would end another iteration.
    assert_eq!((error.code(), failed.len()), ("tool", 3));
    assert_eq!(error.exception().unwrap().causes.as_ref().unwrap()[0].type_name, "StopAsyncIteration");
    let stuck = bridge.stream::<u64>("wait_for_ever", args! { began: 2, ended: 3 }).timeout(Duration::from_millis(300));
    let mut stuck: Vec<_> = stuck.collect().await;
    assert_eq!(stuck.pop().unwrap().unwrap_err().code(), "deadline_exceeded");
    ledger.noted(3).await;
    assert_eq!(bridge.call::<u64>("echo", args! { value: 1 }).await?, 1);
    assert_eq!(bridge.workers()[0].number, 1, "the await was cancelled, the worker lives");
    bridge.shutdown().await
}

// G11
#[tokio::test]
async fn ten_thousand_streams_at_once_are_refused_beyond_the_queue_and_the_rest_are_whole() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).queue_timeout(Duration::from_secs(60)).start().await?;
    let streams = (0..10_000).map(|_| {
        let stream = bridge.stream::<Bytes>("yield_empty", args! { n: 3 });
        async move { stream.collect::<Vec<_>>().await }
    });
    let (mut whole, mut refused) = (0, 0);
    for mut items in snakebridge_tests::join_all(streams.collect::<Vec<_>>()).await {
        match items.pop().unwrap() {
            Ok(_) => {
                assert!(items.len() == 2 && items.iter().all(Result::is_ok));
                whole += 1;
            }
            Err(error) => {
                assert_eq!((error.code(), items.len()), ("queue_full", 0), "{error}");
                refused += 1;
            }
        }
    }
    assert!(whole >= 1000 && refused > 0, "{whole} were admitted, {refused} refused");
    assert_eq!(bridge.call::<u64>("echo", args! { value: 1 }).await?, 1);
    bridge.shutdown().await
}

// E19: neither side may stop reading because it cannot write.
#[tokio::test]
async fn both_sides_may_have_more_to_write_than_a_pipe_holds() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).start().await?;
    let data: Bytes = (0..=255).cycle().take(900_000).collect::<Vec<u8>>().into();
    let calls = (0..16).map(|_| bridge.call::<Bytes>("echo", args! { value: data })).collect::<Vec<_>>();
    for answer in snakebridge_tests::join_all(calls).await {
        assert!(answer? == data);
    }
    bridge.shutdown().await
}
