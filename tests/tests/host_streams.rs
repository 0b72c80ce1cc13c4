//! Rust tools that answer Python with streams: credit, ends, errors, and who tells whom to stop.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures::stream;
use serde::Serialize;
use snakebridge::Builder;
use snakebridge::error::ErrorKind;
use snakebridge::prelude::*;
use snakebridge::tools::{Answer, Descriptor, HostTool, Tools};
use snakebridge_tests::{eventually, python_folder};

type Items = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;
/// Makes the items for an `n`.
type Make = fn(u64) -> Items;

/// What a tool's stream did, seen from its own side.
#[derive(Default)]
struct Seen {
    pulled: AtomicU64,
    dropped: AtomicU64,
}

/// A streaming tool: what it is called, and its items for an `n`.
struct Streaming {
    name: &'static str,
    says_so: bool,
    timeout: Option<Duration>,
    items: Make,
    seen: Arc<Seen>,
}

/// Notes how far a stream was pulled, and that it has gone.
struct Noting {
    items: Items,
    seen: Arc<Seen>,
}

impl Stream for Noting {
    type Item = Result<Bytes>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let next = self.items.as_mut().poll_next(context);
        self.seen.pulled.fetch_add(u64::from(next.is_ready()), SeqCst);
        next
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        self.seen.dropped.fetch_add(1, SeqCst);
    }
}

impl HostTool for Streaming {
    fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::new(self.name);
        (descriptor.streaming, descriptor.timeout) = (self.says_so, self.timeout);
        descriptor
    }

    fn call(&self, _: ToolContext, arguments: Bytes) -> Answer {
        let arguments: std::collections::BTreeMap<String, u64> = snakebridge::body::decode(&arguments).unwrap();
        Answer::Stream(Box::pin(Noting { items: (self.items)(arguments["n"]), seen: Arc::clone(&self.seen) }))
    }
}

fn encoded(item: &impl Serialize) -> Result<Bytes> {
    snakebridge::body::encode(item)
}

fn numbers(n: u64) -> Items {
    Box::pin(stream::iter(0..n).map(|number| encoded(&number)))
}

fn endless(_: u64) -> Items {
    Box::pin(stream::iter(0_u64..).map(|number| encoded(&number)))
}

fn fails_after(n: u64) -> Items {
    let error = Error::from(ToolError::new("out_of_items", "there are no more"));
    Box::pin(numbers(n).chain(stream::iter([Err(error)])))
}

fn panics_after(n: u64) -> Items {
    Box::pin(numbers(n).chain(stream::poll_fn(|_| panic!("on purpose"))))
}

fn slow(_: u64) -> Items {
    Box::pin(numbers(3).chain(stream::pending()))
}

fn silent(_: u64) -> Items {
    Box::pin(stream::pending())
}

/// Items that grow: single frames, then fragments.
fn blobs(n: u64) -> Items {
    Box::pin(stream::iter(0..n).map(|power| encoded(&Bytes::from(vec![7; 1 << power]))))
}

#[tool]
fn single(n: u64) -> u64 {
    n
}

/// All of them, each noting on its own.
struct Host {
    tools: Tools,
    seen: Vec<(&'static str, Arc<Seen>)>,
}

impl Host {
    fn new() -> Self {
        let mut host = Self { tools: tools![single], seen: Vec::new() };
        let all: [(&'static str, Make); 7] = [
            ("count", numbers),
            ("endless", endless),
            ("fails_after", fails_after),
            ("panics_after", panics_after),
            ("slow", slow),
            ("silent", silent),
            ("blobs", blobs),
        ];
        for (name, items) in all {
            let timeout = (name == "slow").then_some(Duration::from_millis(200));
            host.add(Streaming { name, says_so: true, timeout, items, seen: Arc::default() });
        }
        host.add(Streaming { name: "liar", says_so: false, timeout: None, items: numbers, seen: Arc::default() });
        host
    }

    fn add(&mut self, tool: Streaming) {
        self.seen.push((tool.name, Arc::clone(&tool.seen)));
        self.tools = std::mem::take(&mut self.tools).with(tool);
    }

    fn bridge(&self) -> Builder {
        let adapter = "host_stream_tools:HostStreamAdapter";
        Bridge::builder().adapter(adapter).python_path(python_folder()).workers(1).tools(self.tools.clone())
    }

    fn seen(&self, name: &str) -> &Seen {
        &self.seen.iter().find(|(tool, _)| *tool == name).unwrap().1
    }

    async fn dropped(&self, name: &str, times: u64) {
        let seen = self.seen(name);
        let what = format!("the stream of `{name}` to be dropped");
        eventually(&what, || (seen.dropped.load(SeqCst) == times).then_some(())).await;
    }
}

const PROFILES: [Profile; 3] = [Profile::Process, Profile::Threads(1), Profile::Async];

/// The tools that read, wherever they wait.
const READERS: [&str; 4] = ["reads", "reads_async", "reads_in_a_loop_of_its_own", "reads_in_a_thread"];

#[tokio::test]
async fn python_reads_a_stream_of_the_host_from_wherever_it_runs() -> Result<()> {
    for profile in PROFILES {
        let host = Host::new();
        let bridge = host.bridge().profile(profile).start().await?;
        for reader in READERS {
            // More than a window, at 64 bytes each.
            let read: Vec<u64> = bridge.call(reader, args! { target: "count", n: 10_000 }).await?;
            assert!(read.into_iter().eq(0..10_000), "{profile:?} {reader}");
            let read: Vec<u64> = bridge.call(reader, args! { target: "count", n: 0 }).await?;
            assert!(read.is_empty(), "{profile:?} {reader}");
        }
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn items_come_before_the_error_that_ends_the_stream() -> Result<()> {
    let host = Host::new();
    let bridge = host.bridge().profile(Profile::Async).start().await?;
    for reader in ["reads", "reads_async"] {
        for (target, said) in [
            ("fails_after", "there are no more"),
            ("panics_after", "host tool `panics_after` panicked: on purpose"),
            ("slow", "the deadline of 200ms passed"),
        ] {
            let read: Vec<Value> = bridge.call(reader, args! { target: target, n: 3 }).await?;
            let (error, items) = read.split_last().unwrap();
            assert_eq!(items, [0.into(), 1.into(), 2.into()], "{reader} {target}");
            assert!(error.as_str().unwrap().contains(said), "{reader} {target}: {error}");
        }
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn a_stream_is_pulled_no_further_than_its_reader_has_room() -> Result<()> {
    for profile in PROFILES {
        let host = Host::new();
        let bridge = host.bridge().profile(profile).start().await?;
        for (how, times) in [("closed", 1), ("dropped", 2), ("kept", 3)] {
            let taken: Vec<u64> = bridge.call("takes", args! { how: how, count: 5 }).await?;
            assert_eq!(taken, [0, 1, 2, 3, 4]);
            host.dropped("endless", times).await;
            // A window of 256 KiB at 64 bytes, each time.
            let pulled = host.seen("endless").pulled.load(SeqCst);
            assert!((5 * times..=4096 * times).contains(&pulled), "{profile:?} {how}: {pulled}");
        }
        let after: String = bridge.call("kept_on", args! {}).await?;
        assert!(after.contains("ended"), "{profile:?}: {after}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn large_items_pass_in_fragments() -> Result<()> {
    let host = Host::new();
    let bridge = host.bridge().start().await?;
    let total: u64 = bridge.call("adds_lengths", args! { target: "blobs", n: 24 }).await?;
    assert_eq!(total, (1 << 24) - 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_stream_may_come_of_a_stream() -> Result<()> {
    for (profile, tool) in
        [(Profile::Process, "passes_on"), (Profile::Threads(1), "passes_on"), (Profile::Async, "passes_on_async")]
    {
        let host = Host::new();
        let bridge = host.bridge().profile(profile).start().await?;
        let mut items = bridge.stream::<u64>(tool, args! { n: 10_000 });
        let mut total = 0;
        while let Some(item) = items.next().await {
            total += item?;
        }
        assert_eq!(total, 9_999 * 10_000, "{profile:?}");
        // Whoever leaves the outer one leaves the inner one.
        let mut items = bridge.stream::<u64>(tool, args! { n: 1_000_000 });
        assert_eq!(items.next().await.unwrap()?, 0);
        drop(items);
        host.dropped("count", 2).await;
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wait_for_an_item_ends_with_the_call_and_so_does_the_stream() -> Result<()> {
    for (profile, tool) in
        [(Profile::Process, "waits"), (Profile::Threads(1), "waits"), (Profile::Async, "waits_async")]
    {
        let host = Host::new();
        let bridge = host.bridge().profile(profile).start().await?;
        let call = bridge.execute(tool, args! {}).timeout(Duration::from_millis(200));
        assert_eq!(call.await.unwrap_err().code(), "deadline_exceeded", "{profile:?}");
        host.dropped("silent", 1).await;
        // A coroutine hears of it in its own time.
        let mut noted: Vec<String> = Vec::new();
        while noted.is_empty() {
            noted = bridge.call("noted", args! {}).timeout(Duration::from_secs(20)).await?;
        }
        assert_eq!(noted, ["cancelled"], "{profile:?}");
        assert_eq!(bridge.workers()[0].number, 1, "{profile:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_asks_in_the_wrong_manner_is_told_the_right_one() -> Result<()> {
    let host = Host::new();
    let bridge = host.bridge().start().await?;
    let said: String = bridge.call("asks_wrongly", args! { how: "stream" }).await?;
    assert!(said.contains("`single` answers with one value") && said.contains("call_tool(\"single\""), "{said}");
    let said: String = bridge.call("asks_wrongly", args! { how: "value" }).await?;
    assert!(said.contains("`count` answers with a stream") && said.contains("stream_tool(\"count\""), "{said}");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_that_does_not_do_as_it_says_is_named() -> Result<()> {
    let host = Host::new();
    let bridge = host.bridge().start().await?;
    let error = bridge.execute("reads", args! { target: "liar", n: 3 }).await;
    // It says that it gives one value, and so it is not asked for a stream.
    assert!(error.unwrap().to_string().contains("`liar` answers with one value"));
    assert_eq!(host.seen("liar").pulled.load(SeqCst), 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_stream_of_a_worker_that_dies_is_dropped() -> Result<()> {
    let host = Host::new();
    let bridge = host.bridge().start().await?;
    let mut call = Box::pin(bridge.execute("waits", args! {}));
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut call).await.is_err());
    snakebridge_tests::kill(bridge.workers()[0].pid);
    assert!(matches!(call.await.unwrap_err().kind(), ErrorKind::WorkerLost { .. }));
    host.dropped("silent", 1).await;
    bridge.shutdown().await
}
