//! Results that are kept for calls with the same arguments.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::body::Input;
use snakebridge::client::{AsCaller, ToolDeclaration};
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::{Gate, Ledger, eventually, python_folder};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_result_that_is_kept_is_not_computed_again() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let notes = |call: u64| bridge.call::<u64>("notes", args! { call: call });
    assert_eq!((notes(1).cache(HOUR).await?, notes(1).cache(HOUR).await?), (1, 1));
    assert_eq!(notes(2).cache(HOUR).await?, 2);
    assert_eq!(ledger.runs(), BTreeMap::from([(1, 1), (2, 1)]));
    notes(1).await?;
    notes(1).cache(HOUR).no_cache().await?;
    assert_eq!(ledger.runs()[&1], 3, "who does not ask for it runs");
    let statistics = bridge.cache_statistics();
    assert_eq!((statistics.hits, statistics.misses, statistics.entries), (1, 2, 2));
    bridge.shutdown().await
}

#[tokio::test]
async fn what_may_make_a_difference_is_kept_apart() -> Result<()> {
    let ledger = Ledger::new();
    let second = |pool: snakebridge::PoolBuilder| {
        let config = BTreeMap::from([("ledger", ledger.path())]);
        pool.adapter("option_tools:OptionAdapter").python_path(python_folder()).config(&config).workers(1)
    };
    let bridge = ledger.options().workers(1).pool("second", second).create_sessions().start().await?;
    let context = || bridge.execute("context", args! {}).cache(HOUR);
    let plain = context().await?;
    assert_ne!(context().session("s").await?, plain);
    assert_ne!(context().session("t").await?, context().session("s").await?);
    assert_ne!(context().metadata("tenant", "a").await?, context().metadata("tenant", "b").await?);
    let pid = |pool: &str| bridge.call::<u32>("pid", args! {}).cache(HOUR).pool(pool);
    assert_ne!(pid("default").await?, pid("second").await?);
    assert_eq!(context().await?, plain);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_session_has_nothing_of_one_that_had_its_id_before() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let notes = || bridge.call::<u64>("notes", args! { call: 1 }).cache(HOUR);
    let session = bridge.session("s").await?;
    notes().session(&session).await?;
    notes().session("s").await?;
    assert_eq!(ledger.runs()[&1], 1, "it is the same one");
    session.close().await?;
    assert_eq!(notes().session(&session).await.unwrap_err().code(), "session_expired");
    assert_eq!(notes().session("s").await.unwrap_err().code(), "session_not_found");
    notes().session(&bridge.session("s").await?).await?;
    assert_eq!(ledger.runs()[&1], 2);
    bridge.shutdown().await
}

#[tokio::test]
async fn errors_are_not_kept() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    for _ in 0..2 {
        bridge.execute("notes_and_raises", args! { call: 1 }).cache(HOUR).await.unwrap_err();
    }
    assert_eq!(ledger.runs()[&1], 2);
    bridge.shutdown().await
}

#[tokio::test]
async fn the_builder_bounds_what_is_kept() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).cache_entries(2).cache_bytes(1000).start().await?;
    let notes = |call: u64| bridge.call::<u64>("notes", args! { call: call }).cache(HOUR);
    for call in [1, 2, 3, 1] {
        notes(call).await?;
    }
    assert_eq!(ledger.runs()[&1], 2, "it had to go for the third");
    let statistics = bridge.cache_statistics();
    assert_eq!((statistics.evicted, statistics.entries), (2, 2));
    for _ in 0..2 {
        bridge.execute("echo_bytes", args! { data: Bytes::from(vec![0; 1000]) }).cache(HOUR).await?;
    }
    assert_eq!(bridge.cache_statistics().hits, 0, "too large to be kept");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_declaration_may_say_it_and_streams_are_never_kept() -> Result<()> {
    const NOTES: ToolDeclaration = ToolDeclaration::call("notes").cache(HOUR);
    const STREAMS: ToolDeclaration = ToolDeclaration::stream("streams").cache(HOUR);
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let caller = bridge.caller();
    for _ in 0..2 {
        assert_eq!(caller.call::<u64, Error>(&NOTES, args! { call: 1 }).await?, 1);
    }
    assert_eq!(ledger.runs()[&1], 1);
    let arguments = args! { n: 1, size: 1, ended: 2, whole: 3 };
    let error = caller.stream::<Bytes, Error>(&STREAMS, arguments).next().await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{error}");
    let input = Input::new(futures::stream::iter([1_u64]));
    let error = bridge.execute("notes", args! { call: input }).cache(HOUR).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{error}");
    bridge.shutdown().await
}

/// A file that opens the way for tools.
fn gate(ledger: &Ledger) -> (Gate, String) {
    let gate = Gate::new(ledger, "gate");
    let path = gate.path().to_owned();
    (gate, path)
}

#[tokio::test]
async fn a_tool_says_in_python_that_its_results_are_kept() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let kept = |call: u64| bridge.call::<u64>("kept", args! { call: call });
    assert_eq!((kept(1).await?, kept(1).await?, kept(2).await?), (1, 1, 1));
    assert_eq!((kept(1).no_cache().await?, kept(1).await?), (2, 1));
    kept(3).notify().await?;
    let brief = || bridge.call::<u64>("kept_briefly", args! { call: 4 });
    assert_eq!(brief().await?, 1);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(brief().await?, 2, "no longer than it says");
    let statistics = bridge.statistics();
    let of = |tool: &str| (statistics.tools[tool].requests, statistics.tools[tool].kept);
    assert_eq!((of("kept"), of("kept_briefly"), statistics.calls.kept), ((4, 2), (2, 0), 2));
    assert_eq!(bridge.manifest().unwrap().tool("kept").unwrap().cache_ms, Some(3_600_000));
    bridge.shutdown().await
}

#[tokio::test]
async fn calls_that_ask_for_the_same_at_the_same_time_run_once() -> Result<()> {
    let ledger = Ledger::new();
    let (gate, path) = gate(&ledger);
    let bridge = ledger.options().workers(4).start().await?;
    let call = |call: u64| tokio::spawn(bridge.call::<u64>("kept_behind_a_gate", args! { call: call, gate: &path }));
    let calls: Vec<_> = [1; 20].map(call).into();
    let other = call(2);
    ledger.noted(1).await;
    gate.open();
    for call in calls {
        assert_eq!(call.await.unwrap()?, 1);
    }
    assert_eq!((other.await.unwrap()?, ledger.runs()), (1, BTreeMap::from([(1, 1), (2, 1)])));
    let statistics = bridge.cache_statistics();
    assert_eq!((statistics.misses, statistics.followed, statistics.hits), (2, 19, 0));
    bridge.shutdown().await
}

#[tokio::test]
async fn when_the_one_that_runs_fails_or_leaves_the_next_one_runs() -> Result<()> {
    let ledger = Ledger::new();
    let (gate, path) = gate(&ledger);
    let bridge = ledger.options().workers(1).start().await?;
    let call = |fails: u64| {
        tokio::spawn(bridge.call::<u64>("kept_behind_a_gate", args! { call: 1, gate: &path, fails: fails }))
    };
    let leaves = call(2);
    ledger.noted(1).await;
    let (fails, gone, answered, also) = (call(2), call(2), call(2), call(2));
    tokio::task::yield_now().await;
    gone.abort();
    leaves.abort();
    eventually("a second run", || (ledger.runs()[&1] == 2).then_some(())).await;
    gate.open();
    let error = fails.await.unwrap().unwrap_err();
    assert_eq!((error.executed(), &*error.exception().unwrap().message), (Executed::Yes, "2"), "and that is its own");
    assert_eq!((answered.await.unwrap()?, also.await.unwrap()?), (3, 3));
    assert_eq!(ledger.runs()[&1], 3);
    let statistics = bridge.cache_statistics();
    assert_eq!((statistics.misses, statistics.followed, statistics.entries), (3, 1, 1));
    bridge.shutdown().await
}

#[tokio::test]
async fn who_waits_for_another_ones_run_has_its_own_deadline() -> Result<()> {
    let ledger = Ledger::new();
    let (gate, path) = gate(&ledger);
    let bridge = ledger.options().workers(1).start().await?;
    let call = || bridge.call::<u64>("kept_behind_a_gate", args! { call: 1, gate: &path });
    let first = tokio::spawn(call());
    ledger.noted(1).await;
    let error = call().timeout(Duration::from_millis(30)).await.unwrap_err();
    assert_eq!(
        (error.code(), error.executed(), error.tool()),
        ("deadline_exceeded", Executed::Never, Some("kept_behind_a_gate"))
    );
    gate.open();
    assert_eq!((first.await.unwrap()?, call().await?), (1, 1));
    bridge.shutdown().await
}

#[tokio::test]
async fn what_is_forgotten_is_computed_again_even_if_it_was_being_computed() -> Result<()> {
    let ledger = Ledger::new();
    let (gate, path) = gate(&ledger);
    let bridge = ledger.options().workers(2).start().await?;
    let kept = |call: u64| bridge.call::<u64>("kept", args! { call: call });
    assert_eq!((kept(1).await?, kept(2).await?), (1, 1));
    assert_eq!((bridge.forget_results_of("notes"), bridge.forget_results_of("kept")), (0, 2));
    assert_eq!((kept(1).await?, bridge.forget_results(), kept(1).await?), (2, 1, 3));

    let gated = || bridge.call::<u64>("kept_behind_a_gate", args! { call: 5, gate: &path });
    let before = tokio::spawn(gated());
    ledger.noted(5).await;
    bridge.forget_results();
    let after = tokio::spawn(gated());
    eventually("a run of its own", || (ledger.runs()[&5] == 2).then_some(())).await;
    gate.open();
    assert_eq!((before.await.unwrap()?, after.await.unwrap()?, gated().await?), (1, 2, 2));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_session_that_ends_meanwhile_gives_nobody_anything() -> Result<()> {
    let ledger = Ledger::new();
    let (gate, path) = gate(&ledger);
    let bridge = ledger.options().workers(1).start().await?;
    let session = bridge.session("s").await?;
    let call = || bridge.call::<u64>("kept_behind_a_gate", args! { call: 1, gate: &path }).session(&session);
    let (first, second) = (tokio::spawn(call()), {
        tokio::task::yield_now().await;
        tokio::spawn(call())
    });
    ledger.noted(1).await;
    session.close_now().await?;
    assert_eq!(first.await.unwrap().unwrap_err().code(), "cancelled");
    assert_eq!(second.await.unwrap().unwrap_err().code(), "session_expired");
    gate.open();
    assert_eq!(call().await.unwrap_err().code(), "session_expired");
    assert_eq!(bridge.cache_statistics().entries, 0);
    bridge.shutdown().await
}

/// Calls the tool that has called it.
#[tool]
async fn again(context: &ToolContext, call: u64, depth: u64) -> Result<u64> {
    context.caller().call_named("kept_and_nested", args! { call: call, depth: depth }).await
}

#[tokio::test]
async fn a_nested_call_does_not_wait_for_one_that_waits_for_it() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().tools(tools![again]).workers(1).start().await?;
    assert_eq!(bridge.call::<u64>("kept_and_nested", args! { call: 1, depth: 1 }).await?, 2);
    bridge.shutdown().await
}

#[tokio::test]
async fn of_calls_that_go_together_each_result_is_kept() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let kept = |call: u64| bridge.call::<u64>("kept_together", args! { call: call });
    let all = futures::future::join_all([1, 2, 1, 3].map(kept)).await;
    assert_eq!(all.into_iter().collect::<Result<Vec<_>>>()?, [1, 2, 1, 3]);
    assert_eq!(kept(2).await?, 2);
    assert_eq!(ledger.runs(), BTreeMap::from([(1, 1), (2, 1), (3, 1)]));
    let statistics = &bridge.statistics().tools["kept_together"];
    assert_eq!((statistics.requests, statistics.batched, statistics.kept), (3, 3, 1));
    bridge.shutdown().await
}
