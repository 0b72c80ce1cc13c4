//! What tools say they need for themselves, `@tool(resources=..)`, and how much of it a pool has, `.resource(..)`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use futures::FutureExt;
use snakebridge::Builder;
use snakebridge::client::AsCaller;
use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge_tests::{Gate, Ledger, eventually, kill, python_folder};

/// What is added to a call's number when its end is noted.
const ENDED: u64 = 1000;

fn loads(adapter: &str, ledger: &Ledger) -> Builder {
    let config = BTreeMap::from([("ledger", ledger.path())]);
    Bridge::builder().adapter(format!("resource_tools:{adapter}")).python_path(python_folder()).config(&config)
}

fn tools(ledger: &Ledger) -> Builder {
    loads("ResourceAdapter", ledger)
}

async fn started(builder: Builder, workers: usize) -> Result<Bridge> {
    let bridge = builder.workers(workers).start().await?;
    eventually("all workers", || (bridge.workers().len() == workers).then_some(())).await;
    Ok(bridge)
}

type Waiting = Pin<Box<dyn Future<Output = Result<u64>> + Send>>;

/// Makes a call, which runs or waits from now on.
fn begin(bridge: &Bridge, tool: &'static str, call: u64, gate: &Gate) -> Waiting {
    begun(bridge.call(tool, args! { call: call, gate: gate.path() }))
}

fn begun(call: Call<u64>) -> Waiting {
    let mut made = call.into_future().boxed();
    assert!(made.poll_unpin(&mut Context::from_waker(Waker::noop())).is_pending());
    made
}

/// How many of these calls ran at the same time at most.
fn most_at_once(ledger: &Ledger, is_meant: impl Fn(u64) -> bool) -> usize {
    let (mut running, mut most) = (0, 0);
    for entry in ledger.entries().iter().filter(|entry| is_meant(entry.call % ENDED)) {
        if entry.call < ENDED {
            running += 1;
            most = most.max(running);
        } else {
            running -= 1;
        }
    }
    most
}

#[tokio::test]
async fn calls_of_tools_that_share_the_only_unit_never_overlap_and_others_run_beside_them() -> Result<()> {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let bridge = started(tools(&ledger).resource("gpu", 1), 4).await?;
    let first = begin(&bridge, "train", 0, &gate);
    ledger.noted(0).await;
    let mut waiting: Vec<_> = ["infer", "train"]
        .into_iter()
        .cycle()
        .zip(1..20)
        .map(|(tool, call)| begin(&bridge, tool, call, &gate))
        .collect();
    // Those that wait for the unit are first in line, and hold up nobody.
    for call in 100..200 {
        bridge.call::<u64>("plain", args! { call: call }).await?;
    }
    assert_eq!((bridge.statistics().waiting, ledger.runs().len()), (19, 101));
    gate.open();
    waiting.insert(0, first);
    let answers = futures::future::join_all(waiting).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(most_at_once(&ledger, |call| call < 100), 1);
    let order: Vec<_> = ledger.entries().into_iter().map(|entry| entry.call).filter(|call| *call < 100).collect();
    assert_eq!(order, (0..20).collect::<Vec<_>>(), "in the order in which they were made, whichever the tool");
    bridge.shutdown().await
}

#[tokio::test]
async fn as_many_units_as_there_are_are_used_at_once_and_a_worker_that_dies_gives_its_own_back() -> Result<()> {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let bridge = started(loads("LargeAdapter", &ledger).resource("gpu", 2), 4).await?;
    let killed = begin(&bridge, "train", 0, &gate);
    let beside = begin(&bridge, "infer", 1, &gate);
    let (worker, _) = (ledger.noted(0).await, ledger.noted(1).await);
    let large = begin(&bridge, "train_large", 2, &gate);
    let dropped = begin(&bridge, "infer", 3, &gate);
    assert_eq!(bridge.statistics().waiting, 2);
    // It takes one of the two that the large one waits for.
    kill(worker.pid);
    ledger.noted(3).await;
    assert_eq!((bridge.statistics().waiting, killed.await.unwrap_err().code()), (1, "worker_lost"));
    drop(dropped);
    gate.open();
    assert_eq!((beside.await?, large.await?), (1, 2));
    let runs = ledger.entries().into_iter().map(|entry| entry.call).collect::<Vec<_>>();
    let began = |call| runs.iter().position(|noted| *noted == call).unwrap();
    assert!(began(2) > began(ENDED + 1), "both units were free when it began: {runs:?}");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_that_needs_two_things_waits_for_both_and_keeps_neither_from_others_meanwhile() -> Result<()> {
    let ledger = Ledger::new();
    let (gate, other) = (Gate::new(&ledger, "gate"), Gate::new(&ledger, "other"));
    let bridge = started(tools(&ledger).resource("gpu", 1).resource("license", 1), 4).await?;
    let lint = begin(&bridge, "lint", 0, &gate);
    ledger.noted(0).await;
    let render = begin(&bridge, "render", 1, &gate);
    let infer = begin(&bridge, "infer", 2, &other);
    ledger.noted(2).await;
    assert_eq!(bridge.statistics().waiting, 1, "the one that needs the license, too");
    gate.open();
    assert_eq!(lint.await?, 0);
    bridge.call::<u64>("plain", args! { call: 100 }).await?;
    assert_eq!((bridge.statistics().waiting, ledger.runs().contains_key(&1)), (1, false), "now the other one is taken");
    other.open();
    assert_eq!((infer.await?, render.await?), (2, 1));
    // Whoever needs either waits for one that has both.
    let mut calls: Vec<_> = ["render", "lint", "infer"].into_iter().cycle().take(30).zip(10_u64..).collect();
    calls.reverse();
    let made = calls.into_iter().map(|(tool, call)| bridge.call::<u64>(tool, args! { call: call, gate: gate.path() }));
    assert!(futures::future::join_all(made).await.iter().all(Result::is_ok));
    let needs = |kinds: [u64; 2]| move |call: u64| (10..40).contains(&call) && kinds.contains(&((call - 10) % 3));
    assert_eq!((most_at_once(&ledger, needs([0, 1])), most_at_once(&ledger, needs([0, 2]))), (1, 1));
    bridge.shutdown().await
}

/// Calls a tool of Python's for Python.
#[tool]
async fn runs(context: &ToolContext, tool: String, call: u64, gate: String) -> Result<u64> {
    context.caller().call_named(&tool, args! { call: call, gate: gate }).await
}

#[tokio::test]
async fn a_stream_keeps_its_unit_until_it_ends_a_batch_has_one_and_a_call_inside_another_takes_none() -> Result<()> {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let bridge = started(tools(&ledger).resource("gpu", 1).tools(tools![runs]), 2).await?;
    let mut stream = bridge.stream::<u64>("watch", args! { call: 0, gate: gate.path() });
    assert_eq!(stream.next().await.transpose()?, Some(0));
    let mut batch: Vec<_> = (1..4).map(|call| begin(&bridge, "infer_all", call, &gate)).collect();
    let nested = begun(bridge.call("ask", args! { tool: "infer", call: 4, gate: gate.path() }));
    bridge.call::<u64>("plain", args! { call: 100 }).await?;
    assert_eq!(bridge.statistics().waiting, 4, "the three that go together, and one");
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [0, 100]);
    gate.open();
    assert_eq!(stream.next().await.transpose()?, Some(0));
    assert!(stream.next().await.is_none());
    assert_eq!((nested.await?, futures::future::join_all(batch.drain(..)).await.len()), (5, 3));
    let order: Vec<_> = ledger.entries().into_iter().map(|entry| entry.call).collect();
    let began = |call| order.iter().position(|noted| *noted == call).unwrap();
    assert!((1..6).all(|call| began(call) > began(ENDED)), "{order:?}");
    assert!(began(5) < began(ENDED + 4), "inside of it, which has the only unit: {order:?}");
    bridge.shutdown().await
}

#[tokio::test]
async fn what_a_pool_says_nothing_of_bounds_nothing_and_a_call_that_waits_in_vain_says_what_to_raise() -> Result<()> {
    let ledger = Ledger::new();
    let gate = Gate::new(&ledger, "gate");
    let builder = tools(&ledger).resource("license", 1).queue_timeout(Duration::from_millis(50));
    let bridge = started(builder, 3).await?;
    let needed = bridge.manifest().unwrap().tool("render").unwrap().resources.clone();
    assert_eq!(needed, BTreeMap::from([("gpu".into(), 1), ("license".into(), 1)]));
    let beside =
        [begin(&bridge, "train", 0, &gate), begin(&bridge, "infer", 1, &gate), begin(&bridge, "lint", 2, &gate)];
    for call in 0..3 {
        ledger.noted(call).await;
    }
    let error = begin(&bridge, "lint", 3, &gate).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::QueueTimeout { .. }) && error.executed() == Executed::Never, "{error}");
    assert!(error.to_string().contains("`resource`"), "{error}");
    gate.open();
    assert!(futures::future::join_all(beside).await.iter().all(Result::is_ok));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_resource_that_no_tool_needs_or_of_which_there_is_too_little_is_an_error_when_the_bridge_starts() {
    let ledger = Ledger::new();
    let refused = async |name: &str, units: usize| {
        let error = loads("LargeAdapter", &ledger).workers(1).resource(name, units).start().await.unwrap_err();
        assert_eq!(error.code(), "start_failed", "{error}");
        error.to_string()
    };
    let error = refused("licence", 1).await;
    assert!(error.contains("`.resource(\"licence\", ..)`") && error.contains("did you mean `license`?"), "{error}");
    let error = refused("gpu", 0).await;
    assert!(error.contains("`.resource(\"gpu\", 0)`") && error.contains("at least 1"), "{error}");
    let error = refused("gpu", 1).await;
    assert!(error.contains("`train_large` needs 2 units of the resource `gpu`"), "{error}");
    assert!(error.contains("`.resource(\"gpu\", 1)`") && error.contains("raise it to 2"), "{error}");
}
