//! More calls than there are workers for: who waits, who is refused, and that the books balance afterwards. Group K of the
//! fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use snakebridge::error::{ErrorKind, Executed, QueueLimit};
use snakebridge::prelude::*;
use snakebridge::session::Affinity;
use snakebridge::{Builder, Error};
use snakebridge_tests::{Ledger, eventually, kill, python_folder};

/// A file that tools wait for, in a folder of its own.
struct Gate(tempfile::TempDir);

impl Gate {
    fn new() -> Self {
        Self(tempfile::TempDir::new().unwrap())
    }

    fn path(&self) -> String {
        self.0.path().join("gate").to_str().unwrap().to_owned()
    }

    fn open(&self) {
        std::fs::write(self.path(), "").unwrap();
    }

    fn close(&self) {
        std::fs::remove_file(self.path()).unwrap();
    }
}

fn tools(ledger: &Ledger) -> Builder {
    let config = BTreeMap::from([("ledger", ledger.path())]);
    Bridge::builder().adapter("load_tools:LoadAdapter").python_path(python_folder()).config(&config)
}

fn work(bridge: &Bridge, call: u64) -> Call<u64> {
    bridge.call("work", args! { call: call })
}

fn wait(bridge: &Bridge, call: u64, gate: &Gate) -> Call<u64> {
    bridge.call("wait", args! { call: call, gate: gate.path() })
}

/// A call that has been made, and waits or runs.
type Waiting = Pin<Box<dyn Future<Output = Result<u64>> + Send>>;

/// Makes a call: it waits or runs from now on, or is refused at once.
fn begin(call: Call<u64>) -> Result<Waiting> {
    let mut future = call.into_future().boxed();
    match future.poll_unpin(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        Poll::Pending => Ok(future),
        Poll::Ready(Err(error)) => Err(error),
        Poll::Ready(Ok(_)) => panic!("it was to wait"),
    }
}

/// Gives each of `workers` something to do until the gate opens, noted under numbers from 0 on.
async fn occupy(bridge: &Bridge, ledger: &Ledger, gate: &Gate, workers: u64) -> Vec<Waiting> {
    let held = (0..workers).map(|call| begin(wait(bridge, call, gate)).unwrap()).collect();
    for call in 0..workers {
        ledger.noted(call).await;
    }
    held
}

fn limit(error: &Error) -> QueueLimit {
    assert!(error.executed() == Executed::Never && error.is_retryable(), "{error}");
    match error.kind() {
        ErrorKind::QueueFull { limit, retry_after } => {
            assert_eq!(error.retry_after(), Some(*retry_after));
            assert!(*retry_after >= Duration::from_millis(1) && *retry_after <= Duration::from_secs(60), "{error}");
            *limit
        }
        _ => panic!("{error}"),
    }
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

// K1
#[tokio::test]
async fn calls_run_in_the_order_in_which_they_were_made_however_many_come_later() -> Result<()> {
    let (ledger, gate) = (Ledger::new(), Gate::new());
    let bridge = tools(&ledger).workers(1).start().await?;
    let held = occupy(&bridge, &ledger, &gate, 1).await;
    let mut last = 50;
    let mut waiting: FuturesUnordered<_> = (1..=last).map(|call| begin(work(&bridge, call)).unwrap()).collect();
    gate.open();
    // For each that is answered another one comes, so that somebody always waits.
    while let Some(answer) = waiting.next().await {
        answer?;
        if last < 500 {
            last += 1;
            waiting.push(work(&bridge, last).into_future().boxed());
        }
    }
    futures::future::join_all(held).await;
    let order: Vec<u64> = ledger.entries().iter().map(|entry| entry.call).collect();
    // Those that come later are made when the one before them is seen to have ended, in whatever order that is.
    assert!(order[..=50].is_sorted(), "{order:?}");
    for (place, call) in order.iter().enumerate() {
        assert!(place.abs_diff(usize::try_from(*call).unwrap()) <= 50, "call {call} ran as number {place}: {order:?}");
    }
    bridge.shutdown().await
}

// K2
#[tokio::test]
async fn a_full_queue_refuses_at_once_and_keeps_nothing_of_what_it_refused() -> Result<()> {
    let (ledger, gate) = (Ledger::new(), Gate::new());
    let bridge = tools(&ledger).workers(1).queue_limit(10).start().await?;
    let mut made = occupy(&bridge, &ledger, &gate, 1).await;
    made.extend((1..=10).map(|call| begin(work(&bridge, call)).unwrap()));
    let refuse = |calls: u64| {
        for call in 0..calls {
            let error = begin(work(&bridge, 1000 + call)).err().unwrap();
            assert_eq!(limit(&error), QueueLimit::Calls(10));
        }
    };
    refuse(1000);
    let before = resident_bytes();
    refuse(50_000);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "50000 refused calls left {grown} bytes behind");
    gate.open();
    assert!(futures::future::join_all(made).await.iter().all(Result::is_ok));
    let calls = bridge.statistics().calls;
    assert_eq!((calls.requests, calls.succeeded, calls.saturated, calls.outstanding()), (51_011, 11, 51_000, 0));
    assert_eq!(ledger.runs().len(), 11);
    bridge.shutdown().await
}

#[tokio::test]
async fn callers_that_come_back_when_they_were_told_are_all_served() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).queue_limit(10).start().await?;
    let calls = (0..100u64).map(|call| {
        let bridge = bridge.clone();
        async move {
            let mut refusals = 0;
            loop {
                match bridge.call::<u64>("work", args! { call: call, seconds: 0.01 }).await {
                    Ok(answer) => return (answer, refusals),
                    Err(error) => {
                        refusals += 1;
                        tokio::time::sleep(error.retry_after().unwrap()).await;
                    }
                }
            }
        }
    });
    let answers = snakebridge_tests::join_all(calls.collect::<Vec<_>>()).await;
    let refusals: u64 = answers.iter().map(|(_, refusals)| refusals).sum();
    assert!(refusals > 0 && answers.iter().all(|(_, refusals)| *refusals < 1000), "{answers:?}");
    let statistics = bridge.statistics();
    assert_eq!((statistics.calls.succeeded, statistics.calls.saturated, statistics.waiting), (100, refusals, 0));
    assert!(ledger.runs().values().all(|runs| *runs == 1), "who was refused has not run");
    bridge.shutdown().await
}

// K3
#[tokio::test]
async fn arguments_that_wait_are_bounded_in_bytes_until_they_are_sent() -> Result<()> {
    let (ledger, gate) = (Ledger::new(), Gate::new());
    let bridge = tools(&ledger).workers(1).queue_bytes(1 << 20).start().await?;
    let sized = |call: u64, bytes: usize| -> Call<u64> {
        bridge.call("weigh", args! { call: call, data: Bytes::from(vec![0; bytes]) })
    };
    let mut held = occupy(&bridge, &ledger, &gate, 1).await;
    held.push(begin(sized(1, 400_000))?);
    let second = begin(sized(2, 400_000))?;
    let error = begin(sized(3, 400_000)).err().unwrap();
    assert_eq!(limit(&error), QueueLimit::Bytes(1 << 20));
    assert!(error.to_string().contains("`queue_bytes`"), "{error}");
    held.push(begin(sized(4, 100_000))?);
    drop(second);
    // Who leaves takes its bytes along.
    held.push(begin(sized(5, 400_000))?);
    assert_eq!(limit(&begin(sized(6, 400_000)).err().unwrap()), QueueLimit::Bytes(1 << 20));
    gate.open();
    assert!(futures::future::join_all(held).await.iter().all(Result::is_ok));
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [0, 1, 4, 5]);
    // A worker that is free takes what could never wait.
    assert_eq!(sized(7, 3 << 20).await?, 3 << 20);
    bridge.shutdown().await
}

// K4
#[tokio::test]
async fn of_ten_thousand_callers_at_once_those_for_whom_there_is_room_are_served_and_the_books_balance() -> Result<()> {
    let (ledger, gate) = (Ledger::new(), Gate::new());
    let bridge = tools(&ledger).workers(4).queue_timeout(Duration::from_secs(120)).start().await?;
    eventually("all workers", || (bridge.workers().len() == 4).then_some(())).await;
    let mut admitted = Vec::new();
    let mut refused = 0;
    for call in 0..10_000 {
        match begin(wait(&bridge, call, &gate)) {
            Ok(waiting) => admitted.push(waiting),
            Err(error) => {
                assert!(matches!(limit(&error), QueueLimit::Calls(1000)), "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!((admitted.len(), refused), (1004, 8996));
    gate.open();
    let answers = futures::future::join_all(admitted).await;
    assert!(answers.iter().all(Result::is_ok));
    let runs = ledger.runs();
    assert!(runs.len() == 1004 && runs.values().all(|runs| *runs == 1));
    let statistics = bridge.statistics();
    let calls = &statistics.calls;
    assert_eq!((calls.requests, calls.succeeded, calls.saturated, calls.errors), (10_000, 1004, 8996, 8996));
    assert_eq!((calls.outstanding(), calls.cancelled, calls.queued, statistics.waiting), (0, 0, 1000, 0));
    assert!(bridge.workers().iter().all(|worker| worker.in_flight == 0));
    bridge.shutdown().await
}

// K5
#[tokio::test]
async fn a_tool_with_a_limit_leaves_the_other_workers_to_others() -> Result<()> {
    let (ledger, gate) = (Ledger::new(), Gate::new());
    let bridge = tools(&ledger).workers(4).tool_concurrency("wait", 2).start().await?;
    eventually("all workers", || (bridge.workers().len() == 4).then_some(())).await;
    let mut slow = occupy(&bridge, &ledger, &gate, 2).await;
    slow.extend((2..20).map(|call| begin(wait(&bridge, call, &gate)).unwrap()));
    // Those that wait for the limit are first in line, and hold up nobody.
    for call in 100..200 {
        work(&bridge, call).await?;
    }
    assert_eq!((bridge.statistics().waiting, ledger.runs().len()), (18, 102));
    // Who leaves makes room for the next, whether it waited or ran.
    drop(slow.drain(..3));
    ledger.noted(3).await;
    ledger.noted(4).await;
    assert_eq!(bridge.statistics().waiting, 15);
    // A worker that dies gives its places back.
    kill(ledger.noted(3).await.pid);
    ledger.noted(5).await;
    gate.open();
    let answers = futures::future::join_all(slow).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1, "what ran in the killed worker");
    let runs: Vec<_> = ledger.runs().into_keys().filter(|call| *call < 100).collect();
    assert_eq!(runs, (0..20).filter(|call| *call != 2).collect::<Vec<_>>(), "2 left before its turn");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_limit_of_a_tool_that_is_not_there_is_an_error_and_one_of_none_too() {
    let ledger = Ledger::new();
    let refused = |tool, calls| tools(&ledger).workers(1).tool_concurrency(tool, calls).start();
    let error = refused("wiat", 2).await.unwrap_err();
    assert!(error.code() == "start_failed" && error.to_string().contains("did you mean `wait`?"), "{error}");
    let error = refused("wait", 0).await.unwrap_err();
    assert!(error.to_string().contains("`.tool_concurrency(\"wait\", 0)`"), "{error}");
}

// K6
#[tokio::test]
async fn a_session_that_everybody_wants_takes_its_workers_share_of_the_queue_and_no_more() -> Result<()> {
    let (ledger, gate) = (Ledger::new(), Gate::new());
    let bridge = tools(&ledger).workers(2).queue_limit(10).start().await?;
    eventually("both workers", || (bridge.workers().len() == 2).then_some(())).await;
    let session = bridge.session("hot").await?;
    let strict = |call: u64| {
        session.call::<u64>("wait", args! { call: call, gate: gate.path() }).affinity(Affinity::StrictQueue)
    };
    let mut made = vec![begin(strict(0))?, begin(wait(&bridge, 1, &gate))?];
    made.extend((2..7).map(|call| begin(strict(call)).unwrap()));
    assert_eq!(limit(&begin(strict(7)).err().unwrap()), QueueLimit::Worker(5));
    made.extend((8..13).map(|call| begin(work(&bridge, call)).unwrap()));
    assert_eq!(limit(&begin(work(&bridge, 13)).err().unwrap()), QueueLimit::Calls(10));
    gate.open();
    assert!(futures::future::join_all(made).await.iter().all(Result::is_ok));
    bridge.shutdown().await
}

// K7
#[tokio::test]
async fn calls_wait_for_their_time_in_a_pool_whose_workers_do_not_come_back_and_run_when_they_do() -> Result<()> {
    let (ledger, door) = (Ledger::new(), Gate::new());
    door.open();
    let config = BTreeMap::from([("ledger", ledger.path()), ("door", door.path().into())]);
    let bridge = tools(&ledger).config(&config).workers(1).queue_timeout(Duration::from_millis(300)).start().await?;
    door.close();
    kill(bridge.call::<u32>("pid", args! {}).await?);
    eventually("the worker to be gone", || bridge.workers().is_empty().then_some(())).await;
    let error = work(&bridge, 1).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("queue_timeout", Executed::Never));
    let error = work(&bridge, 2).timeout(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Never));
    door.open();
    eventually("a worker to be back", || (bridge.workers().len() == 1).then_some(())).await;
    assert_eq!(work(&bridge, 3).await?, 9);
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [3]);
    bridge.shutdown().await
}

// M10
#[tokio::test]
async fn calls_are_refused_instead_of_waiting_while_less_memory_is_left_than_is_reserved() -> Result<()> {
    let (ledger, gate) = (Ledger::new(), Gate::new());
    // No machine has so much, and each has a byte.
    let config = BTreeMap::from([("ledger", ledger.path())]);
    let modest = |pool: snakebridge::PoolBuilder| {
        let pool = pool.adapter("load_tools:LoadAdapter").python_path(python_folder()).config(&config);
        pool.workers(1).memory_reserve(1)
    };
    let bridge = tools(&ledger).workers(1).memory_reserve(u64::MAX).pool("modest", modest).start().await?;
    let mut made = occupy(&bridge, &ledger, &gate, 1).await;
    let error = eventually("it to be known how much is left", || begin(work(&bridge, 1)).err()).await;
    assert!(matches!(limit(&error), QueueLimit::Memory(left) if left > 0), "{error}");
    made.push(begin(wait(&bridge, 2, &gate).pool("modest"))?);
    made.push(begin(work(&bridge, 3).pool("modest"))?);
    gate.open();
    assert!(futures::future::join_all(made).await.iter().all(Result::is_ok));
    assert_eq!(work(&bridge, 4).await?, 16, "a free worker takes it");
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [0, 2, 3, 4]);
    bridge.shutdown().await
}
