//! Rust streams as arguments: Python iterates over them while they come.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use futures::stream;
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::{eventually, python_folder};
use tokio::sync::mpsc;

/// Tools that take streams.
#[python_tool(adapter = "multiplexing_tools:StreamsInAdapter")]
trait StreamsIn {
    async fn total(&self, values: impl Stream<Item = u64>) -> Result<u64>;
    async fn total_async(&self, values: impl Stream<Item = u64>) -> Result<u64>;
    fn running(&self, start: i64, values: impl Stream<Item = i64>) -> impl Stream<Item = Result<i64>>;
    fn running_async(&self, start: i64, values: impl Stream<Item = i64>) -> impl Stream<Item = Result<i64>>;
    async fn first(&self, values: impl Stream<Item = Bytes>) -> Result<Bytes>;
    async fn zipped(
        &self,
        left: impl Stream<Item = String>,
        right: impl Stream<Item = Bytes>,
    ) -> Result<Vec<(String, u64)>>;
    async fn lengths(&self, values: impl Stream<Item = Bytes>) -> Result<Vec<usize>>;
}

async fn start() -> Result<(Bridge, StreamsInClient)> {
    let builder = Bridge::builder().client::<StreamsInClient>().python_path(python_folder());
    let bridge = builder.workers(1).start().await?;
    let client = bridge.client()?;
    Ok((bridge, client))
}

/// A channel as a stream.
fn channel() -> (mpsc::UnboundedSender<i64>, impl Stream<Item = i64> + Send + 'static) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver))))
}

#[tokio::test]
async fn a_rust_stream_is_an_iterator_in_python_and_an_async_iterator() -> Result<()> {
    let (bridge, client) = start().await?;
    assert_eq!(client.total(stream::iter(1..=10_000)).await?, 50_005_000);
    assert_eq!(client.total_async(stream::iter(1..=10_000)).await?, 50_005_000);
    assert_eq!(client.total(stream::empty()).await?, 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_list_does_where_a_stream_is_expected() -> Result<()> {
    let (bridge, _) = start().await?;
    assert_eq!(bridge.call::<u64>("total", args! { values: [1, 2, 3] }).await?, 6);
    assert_eq!(bridge.call::<u64>("total", args! { values: Input::new(stream::iter([1, 2, 3])) }).await?, 6);
    bridge.shutdown().await
}

#[tokio::test]
async fn both_directions_at_once_answer_item_by_item() -> Result<()> {
    let (bridge, client) = start().await?;
    for is_async in [false, true] {
        let (sender, values) = channel();
        let mut sums: std::pin::Pin<Box<dyn Stream<Item = Result<i64>> + Send>> =
            if is_async { Box::pin(client.running_async(100, values)) } else { Box::pin(client.running(100, values)) };
        let mut expected = 100;
        for value in 0..200 {
            // The next item is made only when the answer to the one before it is here.
            sender.send(value).unwrap();
            expected += value;
            assert_eq!(sums.next().await.unwrap()?, expected);
        }
        drop(sender);
        assert!(sums.next().await.is_none());
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn two_streams_are_taken_at_the_same_time() -> Result<()> {
    let (bridge, client) = start().await?;
    let left = stream::iter(["a", "b", "c"].map(str::to_owned));
    let right = stream::iter([1, 200_000, 3].map(|size| Bytes::from(vec![0; size])));
    let zipped = client.zipped(left, right).await?;
    assert_eq!(zipped, [("a".to_owned(), 1), ("b".to_owned(), 200_000), ("c".to_owned(), 3)]);
    bridge.shutdown().await
}

#[tokio::test]
async fn items_larger_than_the_window_and_than_a_fragment_pass() -> Result<()> {
    let (bridge, client) = start().await?;
    let sizes = vec![0, 1, 65_536, 3_000_000, 5];
    let items = stream::iter(sizes.clone()).map(|size| Bytes::from(vec![1; size]));
    assert_eq!(client.lengths(items).await?, sizes);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_that_takes_one_item_ends_the_stream_and_pulls_no_more_than_a_window() -> Result<()> {
    let (bridge, client) = start().await?;
    let (pulled, alive) = (Arc::new(AtomicU64::new(0)), Arc::new(()));
    let (count, held) = (Arc::clone(&pulled), Arc::clone(&alive));
    let endless = stream::repeat(()).map(move |()| {
        let _ = (&held, count.fetch_add(1, SeqCst));
        Bytes::from_static(&[7; 16 * 1024])
    });
    assert_eq!(client.first(endless).await?.len(), 16 * 1024);
    eventually("the stream to be dropped", || (Arc::strong_count(&alive) == 1).then_some(())).await;
    assert!(pulled.load(SeqCst) <= 17 + 8, "{} items of 16 KiB for a window of 256 KiB", pulled.load(SeqCst));
    bridge.shutdown().await
}

#[tokio::test]
async fn an_item_of_the_wrong_type_is_named() -> Result<()> {
    let (bridge, _) = start().await?;
    let mixed = Input::new(stream::iter([Value::from(1), Value::from("two")]));
    let error = bridge.call::<u64>("total", args! { values: mixed }).await.unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    assert!(error.to_string().contains("values"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_that_waits_for_an_item_can_be_cancelled_and_the_worker_serves_on() -> Result<()> {
    let (bridge, client) = start().await?;
    let pid = bridge.workers()[0].pid;
    let error = client.total(stream::pending()).timeout(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
    let dropped = tokio::time::timeout(Duration::from_millis(100), client.total_async(stream::pending())).await;
    assert!(dropped.is_err());
    assert_eq!(client.total(stream::iter([1, 2])).await?, 3);
    assert_eq!(bridge.workers()[0].pid, pid);
    bridge.shutdown().await
}

/// Ends the process when what it returns is not dropped within 20 seconds: a runtime whose threads wait for a lock cannot.
fn watchdog(what: &'static str) -> std::sync::mpsc::Sender<()> {
    let (alive, gone) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        if gone.recv_timeout(Duration::from_secs(20)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{what}: this test cannot even end");
            std::process::exit(1);
        }
    });
    alive
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_lets_go_of_a_stream_that_is_a_waiting_call_of_the_same_bridge() -> Result<()> {
    let builder = Bridge::builder().adapter("multiplexing_tools:StreamsInAdapter").python_path(python_folder());
    let bridge = builder.workers(1).queue_limit(1).start().await?;
    let total = || bridge.call::<u64>("total", args! { values: Input::new(stream::pending::<u64>()) });
    let busy = tokio::spawn(total());
    eventually("the worker to be busy", || (bridge.workers()[0].in_flight == 1).then_some(())).await;
    for (timeout, code) in [(Duration::ZERO, "deadline_exceeded"), (Duration::from_secs(60), "queue_full")] {
        let values = Input::new(stream::pending::<i64>());
        let mut waiting = bridge.stream::<i64>("running_async", args! { start: 0, values: values });
        assert!(futures::future::poll_immediate(waiting.next()).await.is_none(), "it waits");
        let piped = Input::new(waiting.map(|sum| sum.unwrap_or(0)));
        let watched = watchdog("a refused call holds the pool's lock");
        let error = bridge.call::<u64>("total", args! { values: piped }).timeout(timeout).await.unwrap_err();
        drop(watched);
        assert_eq!((error.code(), error.executed()), (code, Executed::Never));
    }
    busy.abort();
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_whose_stream_was_pulled_and_that_never_ran_is_lost_as_such() -> Result<()> {
    let bridge = Bridge::builder()
        .adapter("multiplexing_tools:StreamsInAdapter")
        .python_path(python_folder())
        .workers(1)
        .profile(Profile::Threads(1))
        .max_concurrency(2)
        .start()
        .await?;
    let pulled = Arc::new(AtomicU64::new(0));
    let values = || {
        let pulled = Arc::clone(&pulled);
        Input::new(stream::once(async move { pulled.fetch_add(1, SeqCst) }).chain(stream::pending()))
    };
    let running = tokio::spawn(bridge.call::<u64>("total", args! { values: values() }));
    eventually("a stream to be pulled", || (pulled.load(SeqCst) == 1).then_some(())).await;
    let waiting = tokio::spawn(bridge.call::<u64>("total", args! { values: values() }));
    eventually("the other to be pulled", || (pulled.load(SeqCst) == 2).then_some(())).await;
    snakebridge_tests::kill(bridge.workers()[0].pid);
    assert_eq!(running.await.unwrap().unwrap_err().executed(), Executed::Maybe);
    assert_eq!(waiting.await.unwrap().unwrap_err().executed(), Executed::Never);
    bridge.shutdown().await
}
