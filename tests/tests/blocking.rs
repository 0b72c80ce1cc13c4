//! Calls that are waited for on a thread, and bridges that drive themselves.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::OnceLock;

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, eventually, is_alive};
use tokio::runtime::Runtime;

fn one_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_program_without_a_runtime_calls_streams_and_shuts_down() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start_blocking()?;
    assert_eq!(bridge.call::<u64>("work", args! { call: 7 }).wait()?, 49);
    let error = bridge.execute("fails", args! { message: "too odd" }).wait().unwrap_err();
    assert_eq!((error.code(), error.executed()), ("tool", Executed::Yes));
    let items = bridge.stream::<u64>("count", args! { n: 1000 }).wait().collect::<Result<Vec<_>>>()?;
    assert_eq!(items, (0..1000).collect::<Vec<_>>());
    let mut failing = bridge.stream::<u64>("count_then_fail", args! { n: 1 }).wait();
    assert_eq!(failing.next().unwrap()?, 0);
    assert!(failing.next().unwrap().is_err() && failing.next().is_none());
    bridge.execute("work", args! { call: 8 }).notify().wait()?;
    bridge.shutdown_blocking()?;
    let error = bridge.execute("pid", args! {}).wait().unwrap_err();
    assert_eq!(error.code(), "shutting_down");
    Ok(())
}

#[test]
fn whatever_a_bridge_can_be_asked_for_can_be_waited_for() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start_blocking()?;
    let session = bridge.wait_for(bridge.session("s"))??;
    bridge.wait_for(session.state().set("key", "value"))??;
    let kept: Option<String> = bridge.wait_for(session.state().get("key"))??;
    assert_eq!(kept.as_deref(), Some("value"));
    assert_eq!(session.call::<u64>("work", args! { call: 3 }).wait()?, 9);
    let (two, three) = (bridge.call::<u64>("work", args! { call: 2 }), bridge.call::<u64>("work", args! { call: 3 }));
    let (two, three) = bridge.wait_for(async { tokio::join!(two, three) })?;
    assert_eq!((two?, three?), (4, 9));
    bridge.shutdown_blocking()
}

#[test]
fn leaving_the_loop_closes_the_generator() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start_blocking()?;
    for item in bridge.stream::<u64>("count", args! { n: 1_000_000_000_u64, note: 5 }).wait() {
        if item? == 3 {
            break;
        }
    }
    one_thread().block_on(ledger.noted(5));
    bridge.shutdown_blocking()
}

#[test]
fn a_bridge_with_a_runtime_of_its_own_outlives_those_that_call_it() -> Result<()> {
    static BRIDGE: OnceLock<Bridge> = OnceLock::new();
    let ledger = Ledger::new();
    let bridge = one_thread().block_on(ledger.tools().workers(1).own_runtime().start())?;
    let bridge = BRIDGE.get_or_init(|| bridge);
    let pids: Vec<u32> =
        (0..3).map(|_| one_thread().block_on(async { bridge.call("pid", args! {}).await })).collect::<Result<_>>()?;
    assert!(pids.iter().all(|&pid| pid == pids[0]), "{pids:?}");
    one_thread().block_on(bridge.shutdown())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_task_of_a_runtime_with_several_threads_may_wait() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let waiting = tokio::spawn({
        let bridge = bridge.clone();
        async move { bridge.call::<u64>("work", args! { call: 3 }).wait() }
    });
    assert_eq!(waiting.await.unwrap()?, 9);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_runtime_with_one_thread_that_drives_the_bridge_is_told_not_to_wait_for_itself() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let error = bridge.execute("work", args! { call: 1 }).wait().unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    assert!(error.to_string().contains("own_runtime"), "{error}");
    let mut items = bridge.stream::<u64>("count", args! { n: 3, note: 2 }).wait();
    assert!(items.next().unwrap().is_err() && items.next().is_none());
    assert!(bridge.shutdown_blocking().is_err());
    bridge.shutdown().await?;
    assert_eq!(ledger.entries(), []);
    Ok(())
}

#[tokio::test]
async fn a_task_may_wait_as_often_as_it_likes_for_a_bridge_that_drives_itself() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start_blocking()?;
    // More than a task may do in one turn.
    for call in 0..500_u64 {
        assert_eq!(bridge.call::<u64>("echo", args! { value: call }).wait()?, call);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn dropping_a_bridge_that_drives_itself_ends_its_workers_and_panics_nowhere() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).own_runtime().start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    drop(bridge);
    eventually("the end of the worker", || (!is_alive(pid)).then_some(())).await;
    Ok(())
}
