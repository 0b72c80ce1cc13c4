//! Tools, arguments and workers that are at fault: who is refused, for how long, and who is not. Rows of group L of the
//! fault catalogue are named at each test.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{Ledger, eventually, join_all};

fn ends(bridge: &Bridge, call: u64, how: &str, after: f64) -> Call<String> {
    bridge.call("ends", args! { call: call, how: how, after: after })
}

// L2
#[tokio::test]
async fn a_tool_that_kills_five_workers_is_refused_until_one_call_of_it_has_gone_well() -> Result<()> {
    let ledger = Ledger::new();
    let pause = Duration::from_millis(800);
    let bridge = ledger.tools().workers(1).breaker_pause(pause).start().await?;
    let mut events = bridge.events();
    for call in 0..5u64 {
        assert_eq!(ends(&bridge, call, "segfault", 0.0).await.unwrap_err().code(), "worker_lost");
    }
    let error = ends(&bridge, 5, "nothing", 0.0).await.unwrap_err();
    let &ErrorKind::CircuitOpen { retry_after } = error.kind() else { panic!("{error}") };
    assert!(retry_after <= pause, "{retry_after:?}");
    assert_eq!((error.executed(), error.attempts()), (Executed::Never, 0));
    assert_eq!(bridge.call::<u64>("work", args! { call: 6 }).await?, 36, "other tools are served");
    let opened = Event::CircuitOpened { tool: Some("ends".into()), retry_after: pause };
    assert!(std::iter::from_fn(|| events.try_recv().ok()).any(|event| event == opened));

    // The first to come after the pause tries it out; while it does, nobody else may.
    let trial = loop {
        let mut trial = Box::pin(ends(&bridge, 7, "nothing", 60.0).into_future());
        match futures::future::poll_immediate(&mut trial).await {
            None => break trial,
            Some(refused) => assert_eq!(refused.unwrap_err().code(), "circuit_open"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    ledger.noted(7).await;
    assert_eq!(ends(&bridge, 8, "nothing", 0.0).await.unwrap_err().code(), "circuit_open");
    // A trial that is given up makes room for another, which closes the circuit.
    drop(trial);
    let mut call = 9;
    let answer = loop {
        match ends(&bridge, call, "nothing", 0.0).await {
            Ok(answer) => break answer,
            Err(error) => assert_eq!(error.code(), "circuit_open"),
        }
        call += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(answer, "nothing");
    let closed = Event::CircuitClosed { tool: Some("ends".into()) };
    assert!(std::iter::from_fn(|| events.try_recv().ok()).any(|event| event == closed));
    assert_eq!(ends(&bridge, 1000, "nothing", 0.0).await?, "nothing");
    let ran: Vec<u64> = ledger.runs().into_keys().collect();
    assert_eq!(ran, [0, 1, 2, 3, 4, 6, 7, call, 1000], "what was refused never ran");
    bridge.shutdown().await
}

// L3
#[tokio::test]
async fn a_tool_that_raises_every_time_is_never_refused_and_costs_no_worker() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    for _ in 0..200 {
        let error = bridge.execute("fails", args! { message: "as ever" }).await.unwrap_err();
        assert_eq!(error.code(), "tool", "{error}");
    }
    assert_eq!(bridge.workers().iter().map(|worker| worker.number).max(), Some(2), "no worker was lost");
    bridge.shutdown().await
}

// L7
#[tokio::test]
async fn an_argument_called_idempotent_is_an_argument() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).start().await?;
    let error = bridge.execute("claims", args! { call: 1, idempotent: true }).await.unwrap_err();
    assert_eq!((error.code(), error.executed(), error.attempts()), ("worker_lost", Executed::Maybe, 1));
    assert_eq!(ledger.runs()[&1], 1);
    bridge.shutdown().await
}

// L9
#[tokio::test]
async fn arguments_that_kill_two_workers_are_refused_and_no_others() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).start().await?;
    // Twice by one call that may be repeated: that makes two.
    let error = ends(&bridge, 1, "segfault", 0.0).idempotent().await.unwrap_err();
    assert_eq!((error.code(), error.executed(), error.attempts()), ("worker_lost", Executed::Maybe, 2));
    for _ in 0..3 {
        let error = ends(&bridge, 1, "segfault", 0.0).idempotent().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Poison { deaths: 2 }), "{error}");
        assert_eq!((error.executed(), error.attempts()), (Executed::Never, 0));
    }
    assert_eq!(ends(&bridge, 2, "nothing", 0.0).await?, "nothing", "other arguments of the same tool");
    assert_eq!(bridge.call::<u64>("work", args! { call: 3 }).await?, 9, "other tools");
    assert_eq!(ledger.runs()[&1], 2);
    bridge.shutdown().await
}

// L9
#[tokio::test]
async fn poison_that_waits_in_line_is_refused_when_it_is_found_to_be_poison() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let calls = (0..10).map(|_| ends(&bridge, 1, "abort", 0.3).into_future());
    let answers = join_all(calls.collect::<Vec<_>>()).await;
    let mut codes: Vec<_> = answers.into_iter().map(|answer| answer.unwrap_err().code().to_owned()).collect();
    codes.sort();
    assert_eq!(codes, [vec!["poison"; 8], vec!["worker_lost"; 2]].concat());
    assert_eq!(ledger.runs()[&1], 2);
    bridge.shutdown().await
}

// L6, L10
#[tokio::test]
async fn repeated_calls_are_a_fifth_of_all_calls_and_three_at_most() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(4).start().await?;
    // Killed from outside, as far as anybody can tell: neither their tool nor their arguments are at fault.
    let calls = (0..10).map(|call| ends(&bridge, call, "kill", 0.3).idempotent().into_future());
    for answer in join_all(calls.collect::<Vec<_>>()).await {
        let error = answer.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("worker_lost", Executed::Maybe), "{error}");
    }
    let attempts: usize = ledger.runs().values().sum();
    assert_eq!(attempts, 10 + 10 / 5 + 3);
    bridge.shutdown().await
}

// L11
#[tokio::test]
async fn a_worker_where_calls_fail_that_go_well_elsewhere_is_replaced_and_no_call_is_lost() -> Result<()> {
    let ledger = Ledger::new();
    let folder = tempfile::tempdir().unwrap();
    let bridge = ledger.tools().workers(4).start().await?;
    eventually("four workers", || (bridge.workers().len() == 4).then_some(())).await;
    let mut events = bridge.events();
    let bad = bridge.workers().swap_remove(1);
    std::fs::write(folder.path().join(bad.pid.to_string()), "").unwrap();
    let lanes = (0..4u64).map(|lane| {
        let (bridge, folder, bad) = (bridge.clone(), folder.path().to_owned(), bad.pid);
        async move {
            let mut failed = 0;
            for call in 0..50u64 {
                let arguments = args! { call: lane * 50 + call, folder: folder.clone() };
                match bridge.call::<u32>("sick", arguments).await {
                    Ok(pid) => assert_ne!(pid, bad),
                    Err(error) => {
                        assert_eq!(error.code(), "tool", "{error}");
                        failed += 1;
                    }
                }
            }
            failed
        }
    });
    let failed: u32 = join_all(lanes.collect::<Vec<_>>()).await.into_iter().sum();
    assert_eq!(failed, 5, "five calls failed there");
    assert!(ledger.runs().values().all(|&runs| runs == 1) && ledger.runs().len() == 200);
    let drained: Vec<_> = std::iter::from_fn(|| events.try_recv().ok())
        .filter_map(|event| match event {
            Event::WorkerDraining { worker, reason, .. } => Some((worker, reason)),
            Event::WorkerLost { .. } => panic!("{event:?}"),
            _ => None,
        })
        .collect();
    assert!(
        matches!(&drained[..], [(worker, reason)] if *worker == bad.number && reason.contains("`sick`")),
        "{drained:?}"
    );
    eventually("four workers", || (bridge.workers().len() == 4).then_some(())).await;
    bridge.shutdown().await
}
