//! Deadlines: what they count from, what they reach, and that nothing about them can be said wrong. Rows of group H of
//! the fault catalogue are named at each test.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use snakebridge::error::{ErrorKind, Executed, Phase};
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, eventually, python_folder};

fn tools(ledger: &Ledger) -> snakebridge::Builder {
    Bridge::builder()
        .adapter("deadline_tools:DeadlineAdapter")
        .python_path(python_folder())
        .config(&BTreeMap::from([("ledger", ledger.path())]))
        .workers(1)
}

/// Which deadline an error is about.
fn exceeded(error: &Error) -> (Duration, Phase, Executed) {
    let ErrorKind::DeadlineExceeded { timeout, phase, .. } = error.kind() else { panic!("{error}") };
    (*timeout, *phase, error.executed())
}

// H4
#[tokio::test]
async fn an_answer_around_its_deadline_is_an_answer_or_an_error_and_never_both() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).cancel_grace(Duration::from_secs(60)).start().await?;
    let (mut answered, mut expired) = (0, 0);
    for call in 0..300u64 {
        // Before, at, and after the moment at which it takes as long as it may.
        let timeout = Duration::from_micros(2_000 + call * 10);
        // A few take so long that no answer can come first, however late somebody looks at the clock.
        let seconds = if call % 50 == 0 { 1.0 } else { 0.002 };
        match bridge.call::<u64>("naps", args! { call: call, seconds: seconds }).timeout(timeout).await {
            Ok(answer) => {
                assert_eq!(answer, call * 3);
                answered += 1;
            }
            Err(error) => {
                assert_eq!(exceeded(&error).0, timeout);
                expired += 1;
            }
        }
    }
    assert_eq!(answered + expired, 300);
    assert!(expired >= 6, "those that take a second");
    eventually("every call to be settled", || (bridge.workers()[0].in_flight == 0).then_some(())).await;
    assert_eq!(bridge.workers()[0].number, 1);
    assert!(ledger.runs().values().all(|&runs| runs == 1));
    bridge.shutdown().await
}

// H5
#[tokio::test]
async fn deadlines_beyond_sense_neither_panic_nor_end_a_call_early() -> Result<()> {
    let ledger = Ledger::new();
    let huge =
        [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 40), Duration::from_millis(1 << 53)];
    // In every place where a builder takes one, too.
    let builder = tools(&ledger).call_timeout(huge[0]).stream_timeout(huge[0]).queue_timeout(huge[0]);
    let builder = builder.health_interval(huge[0]).max_age(huge[0]).breaker_pause(huge[0]).idle_timeout(huge[0]);
    let bridge = builder.max_workers(2).start_timeout(huge[0]).cancel_grace(huge[0]).drain(huge[0]).start().await?;
    for timeout in huge {
        let remaining = bridge.call::<Option<f64>>("remaining", args! {}).timeout(timeout).await?;
        assert!(remaining.is_none_or(|seconds| seconds > 1e9), "{timeout:?}: {remaining:?}");
        assert_eq!(bridge.call::<u64>("naps", args! { call: 1, seconds: 0 }).timeout(timeout).await?, 3);
    }
    drop(bridge.call::<u64>("naps", args! { call: 2, seconds: 0 }));
    assert_eq!(bridge.call::<u64>("naps", args! { call: 3, seconds: 0 }).await?, 9, "the bridge's own are as long");
    for timeout in [Duration::ZERO, Duration::from_nanos(1)] {
        let error = bridge.call::<u64>("naps", args! { call: 4, seconds: 0 }).timeout(timeout).await.unwrap_err();
        assert_eq!(exceeded(&error), (timeout, Phase::Queue, Executed::Never));
    }
    assert!(!ledger.runs().contains_key(&4));
    bridge.shutdown().await
}

// H6
#[tokio::test]
async fn a_call_whose_deadline_passes_while_it_waits_never_runs() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).start().await?;
    let running = tokio::spawn(bridge.call::<u64>("naps", args! { call: 1, seconds: 0.5 }));
    ledger.noted(1).await;
    let timeout = Duration::from_millis(100);
    let error = bridge.call::<u64>("naps", args! { call: 2, seconds: 0 }).timeout(timeout).await.unwrap_err();
    assert_eq!(exceeded(&error), (timeout, Phase::Queue, Executed::Never));
    assert_eq!(running.await.unwrap()?, 3);
    assert_eq!(bridge.call::<u64>("naps", args! { call: 3, seconds: 0 }).await?, 9);
    assert_eq!(ledger.runs().into_keys().collect::<Vec<_>>(), [1, 3]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_deadline_counts_from_the_moment_the_call_was_made() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).start().await?;
    let timeout = Duration::from_secs(100);
    let made = bridge.call::<f64>("remaining", args! {}).timeout(timeout);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let remaining = made.await?;
    assert!(remaining <= 99.7, "{remaining} s are left of 100 s, 0.3 s later");
    bridge.shutdown().await
}

/// The bridge that the tools below call; one test uses them.
static BRIDGE: OnceLock<Bridge> = OnceLock::new();

/// Asks Python how long the tool's own call has, and how long that asks for less has.
#[tool]
async fn measures(context: &ToolContext) -> Result<(f64, f64, f64)> {
    let bridge = BRIDGE.get().unwrap();
    let own = context.remaining().unwrap().as_secs_f64();
    // More than there is, or nothing said: what is left. Less: that.
    let more = bridge.call("remaining", args! {}).timeout(Duration::from_secs(3600)).await?;
    let less = bridge.call("remaining", args! {}).timeout(Duration::from_secs(5)).await?;
    Ok((own, more, less))
}

/// Calls Python when its own caller has stopped waiting; what comes of that is told by a file.
#[tool]
async fn comes_late(context: &ToolContext) {
    let bridge = BRIDGE.get().unwrap();
    // Made in the tool's task, so it belongs to the call that the tool serves, wherever it is awaited.
    let nested = bridge.call::<u64>("naps", args! { call: 66, seconds: 0 });
    let deadline = context.deadline().unwrap();
    tokio::spawn(async move {
        tokio::time::sleep_until((deadline + Duration::from_millis(20)).into()).await;
        LATE.set(nested.await).unwrap();
    });
    std::future::pending::<()>().await;
}

static LATE: OnceLock<Result<u64>> = OnceLock::new();

// H7
#[tokio::test]
async fn what_a_tool_of_the_host_calls_has_the_time_that_is_left_of_the_call_it_serves() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = tools(&ledger).workers(2).tools(tools![measures, comes_late]).start().await?;
    assert!(BRIDGE.set(bridge.clone()).is_ok());
    let begun = Instant::now();
    let outer = bridge.call::<(f64, f64, f64)>("asks", args! { tool: "measures" }).timeout(Duration::from_secs(20));
    let (own, more, less) = outer.await?;
    let passed = begun.elapsed().as_secs_f64();
    assert!(own <= 20.0 && own > 19.9 - passed, "{own}");
    assert!(more <= own && more > 19.9 - passed, "{more}: what is left, not an hour");
    assert!(less <= 5.0 && less > 4.9 - passed, "{less}: what was asked for");

    let timeout = Duration::from_millis(150);
    let error = bridge.execute("asks", args! { tool: "comes_late" }).timeout(timeout).await.unwrap_err();
    assert_eq!(exceeded(&error).1, Phase::Run);
    let late = eventually("the nested call's end", || LATE.get()).await.as_ref().unwrap_err();
    let (had, phase, executed) = exceeded(late);
    assert_eq!((phase, executed), (Phase::Queue, Executed::Never));
    assert!(had <= timeout, "{had:?} of {timeout:?}");
    assert!(!ledger.runs().contains_key(&66));
    // Outside of a tool nothing is inherited.
    assert_eq!(bridge.call::<u64>("naps", args! { call: 7, seconds: 0 }).await?, 21);
    bridge.shutdown().await
}
