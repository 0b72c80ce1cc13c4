//! Statistics that are true: every call is counted once, as what it came to, and workers are shown as they are.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::telemetry::CallStatistics;
use snakebridge::{WorkerInfo, WorkerState};
use snakebridge_tests::{Ledger, eventually, join_all, kill, python_folder};

#[tokio::test]
async fn each_call_is_counted_once_as_what_it_came_to() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).queue_limit(2).start().await?;
    for call in 0..5u64 {
        bridge.call::<u64>("work", args! { call: call, seconds: 0.02 }).await?;
    }
    for _ in 0..3 {
        bridge.execute("fails", args! { message: "as ever" }).await.unwrap_err();
    }
    let late = bridge.call::<u64>("work", args! { call: 5, seconds: 60 }).timeout(Duration::from_millis(100));
    assert_eq!(late.await.unwrap_err().code(), "deadline_exceeded");

    eventually("the worker to be idle", || (bridge.workers()[0].in_flight == 0).then_some(())).await;

    // One runs, two wait, and for the fourth there is no room.
    let call =
        |number: u64| tokio::spawn(bridge.call::<u64>("work", args! { call: number, seconds: 0.2 }).into_future());
    let first = call(6);
    ledger.noted(6).await;
    let waiting = [call(7), call(8)];
    eventually("two to wait", || (bridge.statistics().waiting == 2).then_some(())).await;
    assert_eq!(bridge.statistics().calls.outstanding(), 3);
    assert_eq!(call(9).await.unwrap().unwrap_err().code(), "queue_full");
    // Who waits may leave, and who runs.
    let [left, stayed] = waiting;
    left.abort();
    assert_eq!((first.await.unwrap()?, stayed.await.unwrap()?), (36, 64));

    let again = tokio::spawn(bridge.call::<u64>("work_again", args! { call: 10, seconds: 0.3 }).into_future());
    kill(ledger.noted(10).await.pid);
    assert_eq!(again.await.unwrap()?, 100);

    let statistics = bridge.statistics();
    let work = &statistics.tools["work"];
    assert_eq!((work.requests, work.succeeded, work.errors, work.cancelled), (10, 7, 2, 1), "{work:?}");
    assert_eq!((work.timeouts, work.saturated, work.queued, work.retries), (1, 1, 2, 0), "{work:?}");
    assert_eq!(work.run_time.count, 7, "those that a worker has answered");
    assert!(work.run_time.sum >= Duration::from_millis(500) && work.run_time.max >= Duration::from_millis(200));
    assert!(work.queue_time.max >= Duration::from_millis(100), "one waited for another: {work:?}");
    let fails = &statistics.tools["fails"];
    assert_eq!((fails.requests, fails.errors, fails.timeouts, fails.run_time.count), (3, 3, 0, 3), "{fails:?}");
    let again = &statistics.tools["work_again"];
    assert_eq!((again.requests, again.succeeded, again.retries), (1, 1, 1), "{again:?}");
    assert_eq!((statistics.calls.requests, statistics.calls.outstanding()), (14, 0));
    assert_eq!((statistics.workers, statistics.workers_started, statistics.workers_lost), (1, 2, 1));
    bridge.shutdown().await
}

#[tokio::test]
async fn whatever_happens_to_calls_and_workers_the_numbers_add_up() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(3).start().await?;
    let calls = (0..300u64).map(|call| {
        let bridge = bridge.clone();
        async move {
            let timeout = Duration::from_millis(if call % 7 == 0 { 30 } else { 60_000 });
            let answer = match call % 5 {
                0 => {
                    let stream = bridge.stream::<u64>("count", args! { n: 50 }).timeout(timeout);
                    let taken = if call % 2 == 0 { 3 } else { 1000 };
                    stream.take(taken).collect::<Vec<_>>().await.into_iter().collect::<Result<Vec<_>>>().map(drop)
                }
                1 if call % 20 == 1 => bridge.execute("ends", args! { call: call, how: "kill" }).await.map(drop),
                2 => bridge.execute("fails", args! { message: "no" }).await.map(drop),
                _ => bridge.call::<u64>("work", args! { call: call, seconds: 0.01 }).timeout(timeout).await.map(drop),
            };
            answer.is_ok()
        }
    });
    let well = join_all(calls.collect::<Vec<_>>()).await.into_iter().filter(|well| *well).count();
    let calls = bridge.statistics().calls;
    assert_eq!((calls.requests, calls.outstanding()), (300, 0), "{calls:?}");
    // A stream that was dropped half-way is one that went well for its caller.
    assert_eq!(usize::try_from(calls.succeeded + calls.cancelled).unwrap(), well, "{calls:?}");
    assert_eq!(calls.run_time.cumulative().last().unwrap().1, calls.run_time.count);
    bridge.shutdown().await
}

/// What callers saw of one tool's calls.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    requests: u64,
    succeeded: u64,
    errors: u64,
    timeouts: u64,
    saturated: u64,
}

/// Makes a call of some kind, by its number. Returns its tool and what it came to; `None` for one that was dropped.
async fn mixed(bridge: &Bridge, call: u64) -> (&'static str, Option<Result<()>>) {
    match call % 8 {
        0 => ("work", Some(bridge.call::<u64>("work", args! { call: call }).await.map(drop))),
        1 => ("fails", Some(bridge.execute("fails", args! { message: "no" }).await.map(drop))),
        2 => ("ends", Some(bridge.execute("ends", args! { call: call, how: "_exit" }).await.map(drop))),
        3 => {
            let again = bridge.call::<u64>("work_again", args! { call: call, seconds: 0.01 });
            ("work_again", Some(again.await.map(drop)))
        }
        4 => {
            let late = bridge.call::<u64>("work", args! { call: call, seconds: 0.5 });
            ("work", Some(late.timeout(Duration::from_millis(20)).await.map(drop)))
        }
        5 => {
            let dropped = bridge.execute("hangs", args! { call: call, how: "sleep", seconds: 5 });
            let ended = tokio::time::timeout(Duration::from_millis(20), dropped).await;
            ("hangs", ended.ok().map(|answer| answer.map(drop)))
        }
        6 => ("size", Some(bridge.execute("size", args! { data: 5 }).await.map(drop))),
        _ => {
            let items: Vec<_> = bridge.stream::<u64>("count", args! { n: 5 }).collect().await;
            ("count", Some(items.into_iter().collect::<Result<Vec<_>>>().map(drop)))
        }
    }
}

#[tokio::test]
async fn statistics_say_what_callers_and_the_ledger_say() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).spares(1).queue_limit(3).start().await?;
    let clients = (0..12u64).map(|client| {
        let bridge = bridge.clone();
        async move {
            let mut seen = Vec::new();
            for number in 0..40 {
                let call = 1 + client + 12 * number;
                let (tool, outcome) = mixed(&bridge, call).await;
                if let Some(pause) = outcome.as_ref().and_then(|outcome| outcome.as_ref().err()?.retry_after()) {
                    tokio::time::sleep(pause.min(Duration::from_millis(5))).await;
                }
                seen.push((call, tool, outcome));
            }
            seen
        }
    });
    let seen: Vec<_> = join_all(clients.collect::<Vec<_>>()).await.into_iter().flatten().collect();
    eventually("nothing to be in flight", || bridge.workers().iter().all(|worker| worker.in_flight == 0).then_some(()))
        .await;
    let (statistics, runs) = (bridge.statistics(), ledger.runs());
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for (call, tool, outcome) in &seen {
        let tally = tallies.entry(tool).or_default();
        tally.requests += 1;
        match outcome {
            Some(Ok(())) => tally.succeeded += 1,
            Some(Err(error)) => {
                tally.errors += 1;
                tally.timeouts += u64::from(matches!(error.code(), "deadline_exceeded" | "queue_timeout"));
                tally.saturated += u64::from(error.code() == "queue_full");
                let ran = runs.contains_key(call);
                assert!(!ran || error.executed() != Executed::Never, "call {call} has run: {error}");
            }
            None => {}
        }
    }
    for (tool, tally) in &tallies {
        let calls = &statistics.tools[*tool];
        assert_eq!(calls.requests, calls.succeeded + calls.errors + calls.cancelled, "`{tool}`: {calls:?}");
        // One that is dropped at the moment of its end is what that was.
        if *tool != "hangs" {
            let counted = Tally {
                requests: calls.requests,
                succeeded: calls.succeeded,
                errors: calls.errors,
                timeouts: calls.timeouts,
                saturated: calls.saturated,
            };
            assert_eq!((&counted, calls.cancelled), (tally, 0), "`{tool}`");
        }
        // Whatever has run was sent, and what was sent is counted.
        let of_tool = |call: &u64| seen.iter().any(|(number, name, _)| number == call && name == tool);
        let ran: usize = runs.iter().filter(|(call, _)| of_tool(call)).map(|(_, runs)| runs).sum();
        assert!(ran as u64 <= calls.queue_time.count + calls.retries, "`{tool}` ran {ran} times: {calls:?}");
        assert!(calls.queue_time.count <= calls.requests - calls.saturated, "`{tool}`: {calls:?}");
    }
    let sum = |of: fn(&CallStatistics) -> u64| statistics.tools.values().map(of).sum::<u64>();
    let calls = &statistics.calls;
    assert_eq!((calls.requests, calls.requests), (480, sum(|calls| calls.requests)));
    assert_eq!((calls.errors, calls.retries), (sum(|calls| calls.errors), sum(|calls| calls.retries)));
    assert_eq!((statistics.waiting, calls.outstanding()), (0, 0));
    assert!(calls.saturated > 0 && calls.timeouts > 0 && calls.cancelled > 0 && statistics.workers_lost > 0);
    // Of each worker it is known what it does, or became of it.
    let whole = eventually("all workers to be back", || {
        let statistics = bridge.statistics();
        ((statistics.workers, statistics.spares) == (2, 1)).then_some(statistics)
    })
    .await;
    assert_eq!(whole.workers_started, 3 + whole.workers_lost + whole.workers_retired);
    bridge.shutdown().await
}

#[tokio::test]
async fn each_pool_has_statistics_of_its_own() -> Result<()> {
    let ledger = Ledger::new();
    let config = BTreeMap::from([("ledger", ledger.path())]);
    let second = |pool: snakebridge::PoolBuilder| {
        pool.adapter("ledger_tools:LedgerAdapter").python_path(python_folder()).config(&config).workers(1)
    };
    let bridge = ledger.tools().workers(1).pool("second", second).start().await?;
    for (call, pool) in [(1, "default"), (2, "second"), (3, "second")] {
        bridge.call::<u64>("work", args! { call: call }).pool(pool).await?;
    }
    let of = |pool| bridge.statistics_of(pool).map(|statistics| (statistics.calls.requests, statistics.workers));
    assert_eq!((of("default")?, of("second")?), ((1, 1), (2, 1)));
    assert_eq!((bridge.statistics().calls.requests, bridge.statistics().tools["work"].succeeded), (3, 3));
    assert!(of("third").unwrap_err().to_string().contains("`second`"));
    bridge.shutdown().await
}

fn only(bridge: &Bridge) -> WorkerInfo {
    bridge.workers().into_iter().next().unwrap()
}

#[tokio::test]
async fn workers_are_shown_with_what_they_do_and_have_done() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let idle = only(&bridge);
    assert_eq!((idle.state(), idle.calls, idle.in_flight, &idle.current), (WorkerState::Idle, 0, 0, &None));
    let memory = idle.memory().unwrap();
    assert!(memory > 4 << 20, "a Python that holds {memory} bytes");
    bridge.call::<u64>("size", args! { data: Bytes::from(vec![1; 100]) }).await?;
    let running = tokio::spawn(bridge.call::<u64>("work", args! { call: 1, seconds: 1.0 }).into_future());
    ledger.noted(1).await;
    let busy = eventually("it to be busy for a while", || {
        Some(only(&bridge)).filter(|worker| {
            worker.current.as_ref().is_some_and(|current| current.running_for > Duration::from_millis(50))
        })
    })
    .await;
    assert_eq!((busy.state(), busy.calls, busy.in_flight), (WorkerState::Busy, 1, 1));
    assert_eq!(busy.current.as_ref().unwrap().tool, "work");
    assert!(busy.age > idle.age);
    // Replaced while it works, it drains.
    bridge.recycle(1).await?;
    let states: Vec<_> = bridge.workers().iter().map(|worker| (worker.number, worker.state())).collect();
    assert_eq!(states, [(1, WorkerState::Draining), (2, WorkerState::Idle)]);
    running.await.unwrap()?;
    eventually("it to be gone", || (only(&bridge).number == 2).then_some(())).await;
    assert_eq!(busy.memory(), None, "its process has ended");
    bridge.shutdown().await
}
