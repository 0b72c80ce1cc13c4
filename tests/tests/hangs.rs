//! Calls that do not come back. Rows of group C of the fault catalogue are named at each test.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{Duration, Instant};

use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, is_alive};

// C1, C2, C4, C6, C8
#[tokio::test]
async fn whatever_a_call_hangs_in_it_ends_at_its_deadline_and_its_place_is_served_again() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let ways = ["loop", "gil", "sum", "two locks", "swallow", "regular expression", "power"];
    for (call, how) in (1u64..).zip(ways) {
        let timeout = Duration::from_millis(300);
        let hang = bridge.execute("hangs", args! { call: call, how: how, seconds: 60 }).timeout(timeout);
        let error = hang.await.expect_err(how);
        let ErrorKind::DeadlineExceeded { .. } = error.kind() else { panic!("{how}: {error}") };
        assert_eq!(error.executed(), Executed::Maybe, "{how}");
        let next = 100 + call;
        assert_eq!(bridge.call::<u64>("work", args! { call: next }).await?, next * next, "{how}: the next call");
    }
    assert!(ledger.runs().values().all(|&runs| runs == 1));
    bridge.shutdown().await
}

// C5, C9
#[tokio::test]
async fn threads_and_handlers_that_never_end_hold_up_neither_recycling_nor_a_shutdown() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    bridge.call::<()>("leave_thread", args! { call: 1 }).await?;
    let first = ledger.noted(1).await.pid;
    bridge.recycle(1).await?;
    let second: u32 = bridge.call("linger", args! {}).await?;
    assert_ne!(first, second);
    let begun = Instant::now();
    bridge.shutdown().await?;
    assert!(begun.elapsed() < Duration::from_secs(20), "a minute was not waited for: {:?}", begun.elapsed());
    assert!(!is_alive(first) && !is_alive(second));
    Ok(())
}

// C7
#[tokio::test]
async fn a_call_that_names_no_deadline_has_the_pools() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).call_timeout(Duration::from_millis(300)).start().await?;
    let error = bridge.execute("hangs", args! { call: 1, how: "sleep", seconds: 60 }).await.unwrap_err();
    let &ErrorKind::DeadlineExceeded { timeout, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(timeout, Duration::from_millis(300));
    bridge.shutdown().await
}
