//! Several pools in one bridge: which one a call goes to, and what one pool has to do with another.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::session::Affinity;
use snakebridge::telemetry::Event;
use snakebridge::{Builder, PoolBuilder};
use snakebridge_tests::{Ledger, kill, python_folder};
use tokio::sync::Notify;

#[python_tool(adapter = "ledger_tools:LedgerAdapter")]
trait Ledgers {
    async fn pid(&self) -> Result<u32>;
}

#[python_tool(adapter = "option_tools:OptionAdapter")]
trait Options {
    async fn notes(&self, call: u64) -> Result<u64>;
}

#[python_tool]
trait Anywhere {
    async fn echo(&self, value: u64) -> Result<u64>;
}

fn loads(pool: PoolBuilder, adapter: &str, ledger: &Ledger) -> PoolBuilder {
    let config = BTreeMap::from([("ledger", ledger.path())]);
    pool.adapter(adapter).python_path(python_folder()).config(&config).workers(1)
}

/// The ledger tools in the pool `default`, and the option tools in the pool `options`.
fn two_pools(ledger: &Ledger) -> Builder {
    ledger.tools().workers(1).pool("options", |pool| loads(pool, "option_tools:OptionAdapter", ledger))
}

fn pid_of(bridge: &Bridge, pool: &str) -> u32 {
    bridge.workers().into_iter().find(|worker| &*worker.pool == pool).unwrap().pid
}

#[tokio::test]
async fn calls_go_to_the_pool_of_their_client_and_by_name_to_the_one_that_has_the_tool() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = two_pools(&ledger).start().await?;
    assert_eq!(bridge.client::<LedgersClient>()?.pid().await?, pid_of(&bridge, "default"));
    assert_eq!(bridge.client::<OptionsClient>()?.notes(1).await?, 1);
    assert_eq!(ledger.noted(1).await.pid, pid_of(&bridge, "options"));
    assert_eq!(bridge.client::<AnywhereClient>()?.echo(2).await?, 2, "without an adapter it is the default one");
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid_of(&bridge, "default"));
    assert_eq!(bridge.call::<u64>("notes", args! { call: 3 }).await?, 3);
    let streaming = args! { n: 2, size: 1, ended: 4, whole: 5 };
    assert_eq!(bridge.stream::<Bytes>("streams", streaming).collect::<Vec<_>>().await.len(), 2);
    assert_eq!(ledger.noted(5).await.pid, pid_of(&bridge, "options"));
    let error = bridge.execute("ehco", args! {}).await.unwrap_err();
    assert!(error.code() == "tool_not_found" && error.to_string().contains("`echo`"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn workers_have_numbers_of_their_own_in_all_pools_and_say_which_they_are_in() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = two_pools(&ledger).start().await?;
    let workers = bridge.workers();
    let pools: BTreeSet<_> = workers.iter().map(|worker| &*worker.pool).collect();
    let numbers: BTreeSet<_> = workers.iter().map(|worker| worker.number).collect();
    assert_eq!((pools, numbers), (BTreeSet::from(["default", "options"]), BTreeSet::from([1, 2])));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_may_name_its_pool_and_an_unknown_one_is_an_error_that_lists_them() -> Result<()> {
    let ledger = Ledger::new();
    let again = |pool| loads(pool, "ledger_tools:LedgerAdapter", &ledger);
    let bridge = ledger.tools().workers(1).pool("second", again).start().await?;
    let pid = || bridge.call::<u32>("pid", args! {});
    assert_eq!(pid().await?, pid_of(&bridge, "default"));
    assert_eq!(pid().pool("second").await?, pid_of(&bridge, "second"));
    let error = pid().pool("thrid").await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    for part in ["`thrid`", "`default`", "`second`"] {
        assert!(error.to_string().contains(part), "`{part}` in: {error}");
    }
    let stream = bridge.stream::<u64>("count", args! { n: 1 }).pool("thrid").collect::<Vec<_>>().await;
    assert!(stream[0].is_err());
    bridge.shutdown().await
}

#[tokio::test]
async fn of_two_pools_with_the_same_adapter_a_client_names_one() -> Result<()> {
    let ledger = Ledger::new();
    let again = |pool| loads(pool, "ledger_tools:LedgerAdapter", &ledger);
    let bridge = ledger.tools().workers(1).pool("second", again).start().await?;
    let error = bridge.client::<LedgersClient>().unwrap_err().to_string();
    for part in ["`default` and `second`", "`ledger_tools:LedgerAdapter`", "client_in"] {
        assert!(error.contains(part), "`{part}` in: {error}");
    }
    let second = bridge.client_in::<LedgersClient>("second")?;
    assert_eq!(second.pid().await?, pid_of(&bridge, "second"));
    assert_eq!(second.pid().pool("default").await?, pid_of(&bridge, "default"), "what a call says counts");
    assert!(bridge.client_in::<LedgersClient>("third").is_err());
    bridge.shutdown().await
}

#[tokio::test]
async fn a_session_has_a_worker_in_each_pool() -> Result<()> {
    let ledger = Ledger::new();
    let second = |pool| loads(pool, "ledger_tools:LedgerAdapter", &ledger).workers(2);
    let bridge = ledger.tools().workers(2).pool("second", second).start().await?;
    let session = bridge.session("s").await?;
    let pid = || session.call::<u32>("pid", args! {}).affinity(Affinity::StrictQueue);
    let (first, other) = (pid().await?, pid().pool("second").await?);
    assert_ne!(first, other);
    for _ in 0..5 {
        assert_eq!((pid().await?, pid().pool("second").await?), (first, other));
    }
    assert!(session.client::<LedgersClient>().is_err(), "two pools load it");
    let client = session.client_in::<LedgersClient>("second")?;
    assert_eq!(client.pid().affinity(Affinity::StrictQueue).await?, other);
    bridge.shutdown().await
}

#[tokio::test]
async fn without_a_default_pool_every_call_finds_the_pool_that_has_its_tool() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = Bridge::builder()
        .pool("a", |pool| loads(pool, "option_tools:OptionAdapter", &ledger))
        .pool("b", |pool| loads(pool, "ledger_tools:LedgerAdapter", &ledger))
        .pool("c", |pool| loads(pool, "ledger_tools:LedgerAdapter", &ledger))
        .start()
        .await?;
    assert_eq!(bridge.call::<u64>("notes", args! { call: 1 }).await?, 1);
    let error = bridge.execute("pid", args! {}).await.unwrap_err();
    assert!(error.to_string().contains("`b` and `c`") && error.to_string().contains(".pool("), "{error}");
    let error = bridge.execute("nothing", args! {}).await.unwrap_err();
    assert!(error.code() == "tool_not_found" && error.to_string().contains("`a`, `b`, `c`"), "{error}");
    assert!(bridge.client::<AnywhereClient>().unwrap_err().to_string().contains("client_in"));
    assert!(bridge.manifest().is_none());
    assert!(bridge.manifest_of("a")?.unwrap().tool("notes").is_some());
    bridge.shutdown().await
}

#[tokio::test]
async fn a_pool_that_cannot_start_is_named_and_its_neighbours_are_ended() -> Result<()> {
    let ledger = Ledger::new();
    let broken = |pool| loads(pool, "no_such_module", &ledger);
    let error = ledger.tools().workers(1).pool("broken", broken).start().await.unwrap_err();
    assert_eq!(error.code(), "start_failed");
    assert!(error.to_string().contains("pool `broken`") && error.to_string().contains("no_such_module"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_pool_that_breaks_later_stops_no_other_and_events_say_which_it_was() -> Result<()> {
    let (ledger, lost) = (Ledger::new(), Ledger::new());
    let breaks = |pool| loads(pool, "option_tools:OptionAdapter", &lost).queue_timeout(Duration::from_secs(1));
    let bridge = ledger.tools().workers(1).pool("breaks", breaks).start().await?;
    let mut events = bridge.events();
    drop(lost);
    kill(pid_of(&bridge, "breaks"));
    let mut seen = Vec::new();
    while !matches!(seen.last(), Some(Event::StartFailed { .. })) {
        seen.push(events.recv().await.unwrap());
    }
    assert!(matches!(&seen[0], Event::WorkerLost { pool, .. } if &**pool == "breaks"), "{seen:?}");
    assert!(matches!(seen.last(), Some(Event::StartFailed { pool, .. }) if &**pool == "breaks"), "{seen:?}");
    assert_eq!(bridge.execute("echo", args! { value: 1 }).await?, Value::from(1));
    let error = bridge.execute("notes", args! { call: 1 }).await.unwrap_err();
    assert_eq!(error.executed(), Executed::Never, "{error}");
    assert_eq!(bridge.execute("echo", args! { value: 2 }).await?, Value::from(2));
    bridge.shutdown().await
}

static BEGUN: Notify = Notify::const_new();
static RELEASED: Notify = Notify::const_new();

/// Say that it has begun, and wait until it is let go.
#[tool]
async fn waits_in_rust() -> u64 {
    BEGUN.notify_one();
    RELEASED.notified().await;
    7
}

#[tokio::test]
async fn pools_share_the_tools_of_the_host_and_a_lost_worker_ends_none_that_others_call() -> Result<()> {
    let ledger = Ledger::new();
    let second = |pool| loads(pool, "ledger_tools:LedgerAdapter", &ledger);
    let bridge = ledger.tools().workers(1).pool("second", second).tools(tools![waits_in_rust]).start().await?;
    let arguments = || args! { tool: "waits_in_rust", arguments: BTreeMap::<String, u64>::new() };
    let waiting = tokio::spawn(bridge.call::<u64>("ask_host", arguments()));
    BEGUN.notified().await;
    let lost = tokio::spawn(bridge.call::<u64>("ask_host", arguments()).pool("second"));
    BEGUN.notified().await;
    kill(pid_of(&bridge, "second"));
    assert_eq!(lost.await.unwrap().unwrap_err().code(), "worker_lost");
    RELEASED.notify_one();
    assert_eq!(waiting.await.unwrap()?, 7);
    bridge.shutdown().await
}
