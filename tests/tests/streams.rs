//! Streams out of Python: order, ends, errors, backpressure.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::Ledger;

#[tokio::test]
async fn ten_thousand_items_arrive_in_order_and_the_stream_ends() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let mut stream = bridge.stream::<u64>("count", args! { n: 10_000 });
    let mut expected = 0;
    while let Some(item) = stream.next().await {
        assert_eq!(item?, expected);
        expected += 1;
    }
    assert_eq!(expected, 10_000);
    assert!(stream.next().await.is_none(), "an ended stream stays ended");
    bridge.shutdown().await
}

#[tokio::test]
async fn an_empty_stream_is_a_stream() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    assert!(bridge.stream::<u64>("count", args! { n: 0 }).next().await.is_none());
    bridge.shutdown().await
}

#[tokio::test]
async fn an_exception_after_n_items_delivers_the_n_items_first() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let mut items: Vec<_> = bridge.stream::<u64>("count_then_fail", args! { n: 100 }).collect().await;
    let error = items.pop().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "tool `count_then_fail`: ValueError: after 100");
    assert_eq!(items.into_iter().collect::<Result<Vec<_>>>()?, (0..100).collect::<Vec<_>>());
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_dies_delivers_what_it_sent_and_never_a_clean_end() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let mut items: Vec<_> = bridge.stream::<u64>("count_then_die", args! { n: 50 }).idempotent().collect().await;
    let error = items.pop().unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed()), ("worker_lost", Executed::Maybe));
    assert_eq!(
        items.into_iter().collect::<Result<Vec<_>>>()?,
        (0..50).collect::<Vec<_>>(),
        "not repeated: it had begun"
    );
    bridge.shutdown().await
}

#[tokio::test]
async fn a_dropped_stream_closes_the_generator_and_runs_its_finally() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let mut stream = bridge.stream::<u64>("count", args! { n: 1_000_000_000_i64, note: 77 });
    assert_eq!(stream.next().await.unwrap()?, 0);
    assert_eq!(ledger.entries(), []);
    drop(stream);
    let pid = ledger.noted(77).await.pid;
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid, "the worker lives");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_consumer_that_does_not_consume_stops_the_generator_at_the_window() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    // Far more than a window; the note is written when the generator ends.
    let mut stream = bridge.stream::<Bytes>("count", args! { n: 400, size: 10_000, note: 5 });
    assert_eq!(stream.next().await.unwrap()?.len(), 10_000);
    // A worker whose stream waits for credit serves other calls meanwhile.
    for call in 0..20 {
        assert_eq!(bridge.call::<u64>("echo", args! { value: call }).await?, call);
    }
    assert_eq!(ledger.entries(), [], "400 items of 10 000 bytes do not fit the window: the generator waits");
    let rest = stream.collect::<Vec<_>>().await;
    assert_eq!(rest.len(), 399);
    assert!(rest.iter().all(Result::is_ok));
    ledger.noted(5).await;
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_made_for_each_item_of_a_stream_runs_on_the_same_single_worker() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let mut stream = bridge.stream::<u64>("count", args! { n: 100 });
    while let Some(item) = stream.next().await {
        let item = item?;
        assert_eq!(bridge.call::<u64>("echo", args! { value: item }).await?, item);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn an_item_larger_than_the_window_passes() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let items = bridge.stream::<Bytes>("count", args! { n: 5, size: 900_000 }).collect::<Vec<_>>().await;
    assert_eq!(items.len(), 5);
    assert!(items.into_iter().all(|item| item.is_ok_and(|item| item.len() == 900_000)));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_dropped_stream_that_does_not_let_go_costs_its_worker_and_not_the_next_call() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).cancel_grace(Duration::from_millis(100)).start().await?;
    let mut stream = bridge.stream::<u64>("count_then_hang", args! { n: 1, call: 9 });
    assert_eq!(stream.next().await.unwrap()?, 0);
    ledger.noted(9).await;
    drop(stream);
    assert_eq!(bridge.call::<u64>("work", args! { call: 3 }).timeout(Duration::from_secs(20)).await?, 9);
    assert_eq!(ledger.runs()[&3], 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn chunks_show_the_final_mark_and_the_metadata() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let chunks = bridge.stream::<Value>("chunks", args! { n: 3 }).chunks().collect::<Vec<_>>().await;
    let chunks = chunks.into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(chunks.iter().map(|chunk| chunk.is_final).collect::<Vec<_>>(), [false, false, true]);
    assert!(chunks.iter().all(|chunk| chunk.metadata["of"].as_i64() == Some(3)));
    assert_eq!(chunks[1].data["i"].as_i64(), Some(1));
    bridge.shutdown().await
}

#[tokio::test]
async fn what_a_generator_returns_is_there_once_the_stream_has_ended() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let mut stream = bridge.stream::<u64>("count_and_sum", args! { n: 101 });
    assert_eq!(stream.returned::<u64>()?, None, "not yet");
    while let Some(item) = stream.next().await {
        item?;
    }
    assert_eq!(stream.returned::<u64>()?, Some(5050));
    assert_eq!(stream.returned::<String>().unwrap_err().code(), "unserializable");
    let mut plain = bridge.stream::<u64>("count", args! { n: 0 });
    assert!(plain.next().await.is_none());
    assert_eq!(plain.returned::<u64>()?, None, "it returns nothing");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_stream_has_a_deadline_too() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let endless = args! { n: 1_000_000_000_i64 };
    let mut stream = bridge.stream::<u64>("count", endless).timeout(Duration::from_millis(200));
    let error = loop {
        match stream.next().await.expect("an error comes before the end") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "deadline_exceeded");
    assert!(stream.next().await.is_none());
    bridge.shutdown().await
}

#[tokio::test]
async fn calling_a_stream_or_streaming_a_call_is_refused_with_the_right_way() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let error = bridge.execute("count", args! { n: 1 }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    assert!(error.to_string().contains("stream"), "{error}");
    let error = bridge.stream::<u64>("pid", args! {}).next().await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    bridge.shutdown().await
}
