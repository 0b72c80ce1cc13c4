//! What is left of bridges that were given up. A program of its own, because it counts its children.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use snakebridge_tests::{Ledger, eventually};

#[tokio::test]
async fn an_abandoned_start_leaves_nothing_behind() {
    let ledger = Ledger::new();
    for millis in 0..20 {
        let start = ledger.tools().workers(2).start();
        drop(tokio::time::timeout(std::time::Duration::from_millis(millis * 3), start).await);
    }
    eventually("all children to be gone", || children().is_empty().then_some(())).await;
}

/// Processes that this one has started, zombies included, by the file that they run.
fn children() -> Vec<u32> {
    let this = std::process::id();
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|&pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = status.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields.get(1) == Some(&this.to_string().as_str())
    })
    .collect()
}
