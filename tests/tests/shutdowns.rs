//! How a bridge ends: in good order, at once, by being dropped wherever that happens, twice, and before it has begun.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::Builder;
use snakebridge::client::AsCaller;
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::{Gate, Ledger, eventually, is_alive, python_folder};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// More than anything here takes, and less than the default drain.
const PATIENCE: Duration = Duration::from_secs(25);

#[tool]
async fn twice_the_square(context: &ToolContext, number: u64) -> Result<u64> {
    Ok(2 * context.caller().call_named::<u64>("square", args! { number: number }).await?)
}

fn config(ledger: &Ledger, gate: &Gate) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("ledger", ledger.path().to_str().unwrap().to_owned()), ("gate", gate.path().to_owned())])
}

fn tools(ledger: &Ledger, gate: &Gate) -> Builder {
    let builder = Bridge::builder().adapter("draining_tools:DrainingAdapter").python_path(python_folder());
    builder.config(&config(ledger, gate)).tools(tools![twice_the_square])
}

fn spawned(call: Call<u64>) -> tokio::task::JoinHandle<Result<u64>> {
    tokio::spawn(call.into_future())
}

fn outcome<T: std::fmt::Debug>(result: Result<T>) -> (String, Executed) {
    let error = result.unwrap_err();
    (error.code().to_owned(), error.executed())
}

fn pids(bridge: &Bridge) -> Vec<u32> {
    bridge.workers().iter().map(|worker| worker.pid).collect()
}

async fn all_gone(pids: &[u32]) {
    eventually("all workers to be gone", || pids.iter().all(|&pid| !is_alive(pid)).then_some(())).await;
}

// N3
#[tokio::test]
async fn a_drain_lets_calls_streams_and_callbacks_end_and_answers_what_waits() -> Result<()> {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let bridge = tools(&ledger, &gate).workers(3).max_concurrency(1).start().await?;
    eventually("three workers", || (bridge.workers().len() == 3).then_some(())).await;
    let pids = pids(&bridge);
    let running = spawned(bridge.call::<u64>("waits", args! { call: 1 }));
    let asking = spawned(bridge.call("asks", args! { call: 2 }));
    let mut items = bridge.stream::<u64>("counts", args! { call: 3, n: 1000 });
    assert_eq!(items.next().await.unwrap()?, 0);
    for call in 1..=3 {
        ledger.noted(call).await;
    }
    let waiting = spawned(bridge.call::<u64>("waits", args! { call: 4 }));
    eventually("it to wait", || (bridge.statistics().waiting == 1).then_some(())).await;

    let shutdown = tokio::spawn({
        let bridge = bridge.clone();
        async move { bridge.shutdown().await }
    });
    assert_eq!(outcome(waiting.await.unwrap()), ("shutting_down".into(), Executed::Never));
    let late = bridge.call::<u64>("square", args! { number: 5 }).await;
    assert_eq!(outcome(late), ("shutting_down".into(), Executed::Never));
    assert!(!running.is_finished() && !shutdown.is_finished());

    gate.open();
    assert_eq!((running.await.unwrap()?, asking.await.unwrap()?), (1, 8));
    let rest: Vec<u64> = items.collect::<Vec<_>>().await.into_iter().collect::<Result<_>>()?;
    assert_eq!(rest, (1..1000).collect::<Vec<_>>());
    shutdown.await.unwrap()?;
    all_gone(&pids).await;
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [1, 2, 3], "what waited never ran");
    Ok(())
}

// N3
#[tokio::test]
async fn what_goes_on_when_the_drain_is_over_is_cancelled_and_streams_have_no_clean_end() -> Result<()> {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let builder = tools(&ledger, &gate).drain(Duration::from_millis(300)).cancel_grace(PATIENCE);
    let mut config = config(&ledger, &gate);
    config.insert("notes_its_end", "yes".to_owned());
    let bridge = builder.config(&config).workers(2).max_concurrency(1).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let pids = pids(&bridge);
    let running = spawned(bridge.call::<u64>("waits", args! { call: 1 }));
    let mut items = bridge.stream::<u64>("counts", args! { call: 2, n: 10 });
    for expected in 0..5 {
        assert_eq!(items.next().await.unwrap()?, expected);
    }
    ledger.noted(1).await;
    tokio::time::timeout(PATIENCE, bridge.shutdown()).await.expect("it ends")?;
    assert_eq!(outcome(running.await.unwrap()), ("shutting_down".into(), Executed::Maybe));
    assert_eq!(outcome(items.next().await.unwrap()), ("shutting_down".into(), Executed::Maybe));
    assert!(items.next().await.is_none());
    all_gone(&pids).await;
    // The tools have let go, and the adapters have cleaned up.
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [1, 2, 101, 1000]);
    assert_eq!(ledger.runs()[&1000], 2);
    Ok(())
}

#[tokio::test]
async fn a_shutdown_that_does_not_wait_ends_running_calls_and_a_drain_that_is_under_way() -> Result<()> {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let bridge = tools(&ledger, &gate).workers(1).drain(Duration::from_hours(1)).start().await?;
    let pids = pids(&bridge);
    let running = spawned(bridge.call::<u64>("waits", args! { call: 1 }));
    ledger.noted(1).await;
    let waiting = spawned(bridge.call::<u64>("waits", args! { call: 2 }));
    eventually("it to wait", || (bridge.statistics().waiting == 1).then_some(())).await;
    let draining = tokio::spawn({
        let bridge = bridge.clone();
        async move { bridge.shutdown().await }
    });
    assert_eq!(outcome(waiting.await.unwrap()), ("shutting_down".into(), Executed::Never));
    tokio::time::timeout(PATIENCE, bridge.shutdown_now()).await.expect("it does not wait")?;
    assert_eq!(outcome(running.await.unwrap()), ("shutting_down".into(), Executed::Maybe));
    tokio::time::timeout(PATIENCE, draining).await.expect("it has ended by that").unwrap()?;
    all_gone(&pids).await;
    Ok(())
}

// N9
#[tokio::test]
async fn shutdowns_may_be_as_many_as_one_likes_at_once_and_after_one_another() -> Result<()> {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let bridge = tools(&ledger, &gate).workers(1).start().await?;
    let running = spawned(bridge.call::<u64>("waits", args! { call: 1 }));
    ledger.noted(1).await;
    let waiting = spawned(bridge.call::<u64>("waits", args! { call: 2 }));
    eventually("it to wait", || (bridge.statistics().waiting == 1).then_some(())).await;
    let shutdowns: Vec<_> = (0..8)
        .map(|_| {
            let bridge = bridge.clone();
            tokio::spawn(async move { bridge.shutdown().await })
        })
        .collect();
    assert_eq!(outcome(waiting.await.unwrap()), ("shutting_down".into(), Executed::Never));
    gate.open();
    assert_eq!(running.await.unwrap()?, 1);
    for shutdown in shutdowns {
        tokio::time::timeout(PATIENCE, shutdown).await.expect("all of them end").unwrap()?;
    }
    bridge.shutdown().await?;
    bridge.shutdown_now().await?;
    bridge.shutdown().await
}

// N9
#[tokio::test]
async fn a_shutdown_ends_workers_that_are_still_starting() -> Result<()> {
    let folder = TempDir::new().unwrap();
    let noted = folder.path().join("noted");
    let builder = Bridge::builder().adapter("second_import").python_path(python_folder());
    let bridge = builder.env("FIRST", folder.path().join("first")).env("NOTED", &noted).workers(3).start().await?;
    // Two at a time start, on a machine with two cores.
    let starting = eventually("another one to be importing", || {
        let text = std::fs::read_to_string(&noted).unwrap_or_default();
        text.ends_with('\n').then(|| text.lines().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>())
    })
    .await;
    let first: u32 = bridge.call("pid", args! {}).await?;
    tokio::time::timeout(PATIENCE, bridge.shutdown()).await.expect("it does not wait for their start")?;
    all_gone(&[&starting[..], &[first]].concat()).await;
    Ok(())
}

// N9
#[tokio::test]
async fn a_bridge_may_start_while_another_one_shuts_down() -> Result<()> {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let old = tools(&ledger, &gate).workers(1).start().await?;
    let running = spawned(old.call("waits", args! { call: 1 }));
    ledger.noted(1).await;
    let shutdown = tokio::spawn({
        let old = old.clone();
        async move { old.shutdown().await }
    });
    let new = tools(&ledger, &gate).workers(1).start().await?;
    assert_eq!(new.call::<u64>("square", args! { number: 3 }).await?, 9);
    gate.open();
    assert_eq!(running.await.unwrap()?, 1);
    shutdown.await.unwrap()?;
    assert_eq!(new.call::<u64>("square", args! { number: 4 }).await?, 16);
    new.shutdown().await
}

// N6
#[test]
fn a_bridge_may_be_dropped_inside_a_runtime_in_another_one_and_in_none() {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let runtime = Runtime::new().unwrap();
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = |own: bool| {
        let builder = tools(&ledger, &gate).workers(1);
        let builder = if own { builder.own_runtime() } else { builder };
        let bridge = runtime.block_on(builder.start()).unwrap();
        let pids = pids(&bridge);
        (bridge, pids)
    };
    for own in [false, true] {
        let (bridge, pids) = start(own);
        runtime.block_on(async move { drop(bridge) });
        runtime.block_on(all_gone(&pids));

        let (bridge, pids) = start(own);
        // In the middle of a call, which keeps the bridge until it is dropped as well.
        let mut call = Box::pin(bridge.call::<u64>("waits", args! { call: 1 }).into_future());
        runtime.block_on(async {
            tokio::select! {
                answer = &mut call => panic!("{answer:?}"),
                _ = ledger.noted(1) => {}
            }
        });
        drop(bridge);
        assert!(pids.iter().all(|&pid| is_alive(pid)));
        other.block_on(async move { drop(call) });
        runtime.block_on(all_gone(&pids));

        let (bridge, pids) = start(own);
        drop(bridge);
        runtime.block_on(all_gone(&pids));

        let (bridge, pids) = start(own);
        std::thread::spawn(move || drop(bridge)).join().unwrap();
        runtime.block_on(all_gone(&pids));
    }
    let (bridge, pids) = start(false);
    drop(runtime);
    // Its runtime is gone; it can be asked for anything nonetheless, and dropped.
    other.block_on(bridge.shutdown()).unwrap();
    drop(bridge);
    Runtime::new().unwrap().block_on(all_gone(&pids));
}
