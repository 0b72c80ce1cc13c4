//! Workers that are killed and do not end. The kernel's uninterruptible waits cannot be had at will; a process that this
//! one may not kill stands in for one. Row B15 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Write;
use std::time::Duration;

use rustix::process::getuid;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{eventually, is_alive, kill, python_folder};

/// Whether this thread may signal processes of other users.
fn may_kill(allowed: bool) {
    let mut mine = capabilities(None).unwrap();
    mine.effective.set(CapabilitySet::KILL, allowed);
    set_capabilities(None, mine).unwrap();
}

/// Whether this is left out: it takes root to make a process that one may not kill.
fn left_out() -> bool {
    let left_out = !getuid().is_root();
    if left_out {
        // Not by a macro, whose output the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "left out: only root's worker becomes one that is not to be killed");
    }
    left_out
}

/// The worker that is stuck next, and its process.
async fn stuck_worker(events: &mut tokio::sync::broadcast::Receiver<Event>) -> (u64, u32) {
    loop {
        if let Event::WorkerStuck { worker, pid, .. } = events.recv().await.unwrap() {
            return (worker, pid);
        }
    }
}

const HANGING: &str = "import os, signal
from snakebridge import tool
if os.path.exists(os.path.join(os.path.dirname(__file__), 'hangs')):
    os.setuid(65534)
    os.kill(os.getpid(), signal.SIGSTOP)
@tool
def f() -> int:
    return 1
";

#[tokio::test]
async fn a_start_that_cannot_be_ended_is_not_tried_again_and_again() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("hanging.py"), HANGING).unwrap();
    let builder = Bridge::builder().adapter("hanging").python_path(folder.path()).workers(1);
    let bridge = builder.start_timeout(Duration::from_secs(10)).max_stuck_workers(0).start().await?;
    let mut events = bridge.events();
    std::fs::write(folder.path().join("hangs"), "").unwrap();
    kill(bridge.workers()[0].pid);
    may_kill(false);
    let (worker, pid) = stuck_worker(&mut events).await;
    assert_eq!((worker, bridge.statistics().workers_stuck), (2, 1));
    std::fs::remove_file(folder.path().join("hangs")).unwrap();
    let error = bridge.call::<i64>("f", args! {}).timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Never), "no other is started");
    may_kill(true);
    kill(pid);
    assert_eq!(bridge.call::<i64>("f", args! {}).await?, 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_cannot_be_ended_costs_its_call_the_deadline_and_is_replaced_until_there_are_too_many()
-> Result<()> {
    if left_out() {
        return Ok(());
    }
    let builder = Bridge::builder().adapter("unruly_tools:UnrulyAdapter").python_path(python_folder());
    let bridge = builder.workers(1).max_stuck_workers(1).start().await?;
    let mut events = bridge.events();
    may_kill(false);
    let mut stuck = Vec::new();
    for number in 1..=2 {
        stuck.push(bridge.call::<u32>("becomes", args! { user: 65534 }).await?);
        // It does not run either, or it would see that its host has given it up.
        let stopped = bridge.execute("stops", args! {}).timeout(Duration::from_millis(300));
        let error = stopped.await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
        assert_eq!(stuck_worker(&mut events).await, (number, stuck[stuck.len() - 1]));
        eventually("the pool to count it", || (bridge.statistics().workers_stuck == stuck.len()).then_some(())).await;
    }
    // Two cannot be ended, of which one may be replaced: the place of the second stays empty, and calls wait.
    let error = bridge.call::<u32>("pid", args! {}).timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Never));
    assert!(bridge.workers().is_empty() && stuck.iter().all(|&pid| is_alive(pid)));

    may_kill(true);
    kill(stuck[0]);
    let pid: u32 = bridge.call("pid", args! {}).await?;
    assert!(!stuck.contains(&pid));
    kill(stuck[1]);
    eventually("none to be stuck", || (bridge.statistics().workers_stuck == 0).then_some(())).await;
    bridge.shutdown().await
}
