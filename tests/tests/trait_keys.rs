//! The keys of a `#[python_tool]` trait and of its methods, each doing what it says in a real worker. Names, defaults,
//! `kwargs` and `skip` are shown in `manifests.rs` and `typed_clients.rs`, a method's `session` in `session_tools.rs`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge::session::Affinity;
use snakebridge_tests::{Gate, Ledger, python_folder, session_tools};

fn order(ledger: &Ledger) -> Vec<u64> {
    ledger.entries().iter().map(|entry| entry.call).collect()
}

/// Which deadline a call missed.
fn exceeded(error: &Error) -> Duration {
    let ErrorKind::DeadlineExceeded { timeout, .. } = error.kind() else { panic!("{error}") };
    *timeout
}

#[python_tool(module = "option_tools", class = "OptionAdapter", client = "Hurried", timeout = "300ms")]
trait OfAModule {
    async fn waits(&self, call: u64, ended: u64, whole: u64) -> Result<u64>;

    #[py(timeout = "200ms")]
    fn streams(&self, n: u64, size: usize, ended: u64, whole: u64) -> impl Stream<Item = Result<Bytes>>;

    async fn notes(&self, call: u64) -> Result<u64>;
}

#[tokio::test]
async fn module_and_class_are_what_a_worker_loads_for_a_client_of_any_name() -> Result<()> {
    let ledger = Ledger::new();
    let config = BTreeMap::from([("ledger", ledger.path())]);
    let builder = Bridge::builder().client::<Hurried>().python_path(python_folder()).config(&config);
    let bridge = builder.workers(1).start().await?;
    assert_eq!(bridge.client::<Hurried>()?.notes(1).await?, 1);
    assert_eq!(order(&ledger), [1]);
    bridge.shutdown().await
}

#[tokio::test]
async fn the_timeout_of_a_trait_ends_its_calls_and_a_method_may_have_one_of_its_own() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let tools = bridge.client::<Hurried>()?;
    assert_eq!(exceeded(&tools.waits(1, 2, 3).await.unwrap_err()), Duration::from_millis(300));
    ledger.noted(2).await;
    let items: Vec<_> = tools.streams(u64::MAX, 10, 4, 5).collect().await;
    assert_eq!(exceeded(items.last().unwrap().as_ref().unwrap_err()), Duration::from_millis(200));
    ledger.noted(4).await;
    let longer = tools.waits(6, 7, 8).timeout(Duration::from_millis(400)).await.unwrap_err();
    assert_eq!(exceeded(&longer), Duration::from_millis(400), "a call may say otherwise");
    ledger.noted(7).await;
    assert_eq!(order(&ledger), [1, 2, 4, 6, 7], "each was told to stop");
    bridge.shutdown().await
}

#[python_tool(idempotent)]
trait Harmless {
    async fn dies(&self, call: u64, times: u32) -> Result<u64>;

    #[py(retry = 2)]
    fn dies_before_items(&self, call: u64, times: u32) -> impl Stream<Item = Result<u64>>;
}

#[python_tool]
trait PartlyHarmless {
    #[py(idempotent, retry = 2)]
    async fn dies(&self, call: u64, times: u32) -> Result<u64>;

    async fn dies_before_items(&self, call: u64, times: u32) -> Result<Vec<u64>>;

    async fn notes(&self, call: u64) -> Result<u64>;
}

/// A bridge that may repeat calls: at most a fifth of all calls is, and three.
async fn that_repeats(ledger: &Ledger) -> Result<Bridge> {
    let bridge = ledger.options().workers(4).queue_timeout(Duration::from_secs(60)).start().await?;
    for _ in 0..30 {
        PartlyHarmlessClient::new(&bridge).notes(9).await?;
    }
    Ok(bridge)
}

#[tokio::test]
async fn an_idempotent_tool_that_kills_its_worker_is_repeated_as_often_as_retry_says() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = that_repeats(&ledger).await?;
    let tools = PartlyHarmlessClient::new(&bridge);
    assert_eq!(tools.dies(1, 2).await?, 1);
    assert_eq!(tools.dies(2, 9).await.unwrap_err().code(), "worker_lost");
    let error = bridge.call::<u64>("dies", args! { call: 3, times: 1 }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("worker_lost", Executed::Maybe), "it is the trait that knows it");
    assert_eq!(ledger.runs(), BTreeMap::from([(1, 3), (2, 3), (3, 1), (9, 30)]));
    bridge.shutdown().await
}

#[tokio::test]
async fn what_is_idempotent_in_the_trait_is_so_in_every_method() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = that_repeats(&ledger).await?;
    let tools = bridge.client::<HarmlessClient>()?;
    assert_eq!(tools.dies(1, 1).await?, 1);
    let items: Vec<_> = tools.dies_before_items(2, 2).collect().await;
    assert_eq!(items.into_iter().collect::<Result<Vec<_>>>()?, [2]);
    assert_eq!(ledger.runs(), BTreeMap::from([(1, 2), (2, 3), (9, 30)]));
    bridge.shutdown().await
}

#[python_tool]
trait Unwatched {
    #[py(notify)]
    async fn waits(&self, call: u64, ended: u64, whole: u64) -> Result<()>;

    async fn opens(&self) -> Result<()>;
}

#[tokio::test]
async fn a_method_that_notifies_is_done_while_its_tool_still_runs() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).profile(Profile::Threads(2)).start().await?;
    let tools = bridge.client::<UnwatchedClient>()?;
    tools.waits(1, 2, 3).await?;
    ledger.noted(1).await;
    assert_eq!(order(&ledger), [1], "it cannot end before it is let go");
    tools.opens().await?;
    ledger.noted(2).await;
    assert_eq!(order(&ledger), [1, 3, 2]);
    bridge.shutdown().await
}

#[python_tool]
trait Important {
    #[py(no_cancel, timeout = "60s")]
    async fn waits(&self, call: u64, ended: u64, whole: u64) -> Result<u64>;

    #[py(priority = "high")]
    async fn notes(&self, call: u64) -> Result<u64>;

    #[py(window = "2MiB")]
    fn streams(&self, n: u64, size: usize, ended: u64, whole: u64) -> impl Stream<Item = Result<Bytes>>;
}

#[python_tool]
trait Unimportant {
    #[py(timeout = "60s")]
    async fn waits(&self, call: u64, ended: u64, whole: u64) -> Result<u64>;

    #[py(priority = "low")]
    async fn notes(&self, call: u64) -> Result<u64>;

    #[py(window = "64KiB")]
    fn streams(&self, n: u64, size: usize, ended: u64, whole: u64) -> impl Stream<Item = Result<Bytes>>;
}

#[tokio::test]
async fn a_method_that_is_not_to_be_cancelled_goes_on_when_its_caller_has_left() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).profile(Profile::Threads(3)).start().await?;
    let mut kept = bridge.client::<ImportantClient>()?.waits(10, 11, 12);
    let mut cancelled = bridge.client::<UnimportantClient>()?.waits(20, 21, 22);
    assert!(futures::poll!(&mut kept).is_pending() && futures::poll!(&mut cancelled).is_pending());
    ledger.noted(10).await;
    ledger.noted(20).await;
    drop((kept, cancelled));
    ledger.noted(21).await;
    bridge.execute("opens", args! {}).await?;
    ledger.noted(12).await;
    bridge.shutdown().await?;
    assert!(!ledger.runs().contains_key(&22), "the other one was cancelled");
    Ok(())
}

#[tokio::test]
async fn methods_of_high_priority_go_before_those_of_low_ones_when_all_wait() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).profile(Profile::Threads(1)).max_concurrency(1).start().await?;
    let (important, unimportant) = (bridge.client::<ImportantClient>()?, bridge.client::<UnimportantClient>()?);
    let running = tokio::spawn(unimportant.waits(1, 2, 3));
    ledger.noted(1).await;
    let (mut low, mut high) = (unimportant.notes(10), important.notes(12));
    let mut normal = bridge.call::<u64>("notes", args! { call: 11 });
    for call in [&mut low, &mut normal, &mut high] {
        assert!(futures::poll!(call).is_pending());
    }
    running.abort();
    assert_eq!(tokio::try_join!(low, normal, high)?, (10, 11, 12));
    assert_eq!(order(&ledger), [1, 2, 12, 11, 10]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_method_says_how_far_its_stream_may_be_ahead_of_its_reader() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    // A megabyte: it fits the large window, so that only there the tool ends although nobody reads on.
    let mut small = bridge.client::<UnimportantClient>()?.streams(100, 10_000, 20, 21);
    let mut large = bridge.client::<ImportantClient>()?.streams(100, 10_000, 10, 11);
    for stream in [&mut small, &mut large] {
        assert!(stream.next().await.unwrap().is_ok());
    }
    ledger.noted(10).await;
    assert_eq!(order(&ledger), [11, 10], "the other one waits");
    for stream in [small, large] {
        let rest = stream.collect::<Vec<_>>().await;
        assert!(rest.len() == 99 && rest.iter().all(Result::is_ok));
    }
    ledger.noted(21).await;
    bridge.shutdown().await
}

#[python_tool]
trait Pure {
    #[py(cache = "1h")]
    async fn notes(&self, call: u64) -> Result<u64>;
}

#[tokio::test]
async fn a_method_whose_results_are_kept_runs_once_for_the_same_arguments() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let tools = bridge.client::<PureClient>()?;
    for call in [1, 1, 2, 1] {
        assert_eq!(tools.notes(call).await?, call);
    }
    assert_eq!(order(&ledger), [1, 2]);
    bridge.shutdown().await
}

#[python_tool(adapter = "stateful_tools:SessionAdapter", session = "exclusive")]
trait Alone {
    async fn hold(&self, call: u64, gate: &str) -> Result<u32>;

    #[py(session = "none")]
    async fn pid(&self) -> Result<u32>;
}

#[tokio::test]
async fn the_session_key_of_a_trait_holds_for_every_method_that_does_not_take_it_back() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).profile(Profile::Threads(4)).start().await?;
    let (session, gate) = (bridge.session("s").await?, Gate::new(&ledger, "gate"));
    let tools = AloneClient::new(&session);
    let holding = tokio::spawn(tools.hold(1, gate.path()));
    ledger.noted(1).await;
    let busy = tools.hold(2, gate.path()).affinity(Affinity::StrictFailFast).await.unwrap_err();
    assert_eq!(busy.code(), "session_worker_busy");
    tools.pid().affinity(Affinity::StrictFailFast).await?;
    gate.open();
    holding.await.unwrap()?;
    bridge.shutdown().await
}
