//! What is left of bridges that were given up. A program of its own, because it counts its children.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use snakebridge_tests::{Ledger, children, eventually};

#[tokio::test]
async fn an_abandoned_start_leaves_nothing_behind() {
    let ledger = Ledger::new();
    for millis in 0..20 {
        let start = ledger.tools().workers(2).start();
        drop(tokio::time::timeout(std::time::Duration::from_millis(millis * 3), start).await);
    }
    eventually("all children to be gone", || children().is_empty().then_some(())).await;
}
