//! Signals to the program that waits for them itself. A program of its own, because it is the one that they hit.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, children, eventually, kill};
use tokio::signal::unix::{SignalKind, signal};

/// What a service listens to; without that, most of them would end it.
const HEARD: [Signal; 5] = [Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2, Signal::WINCH];
/// What no worker does anything about.
const HARMLESS: [Signal; 3] = [Signal::CHILD, Signal::WINCH, Signal::CONT];
/// How many SIGCHLD, for children that have not ended.
const LIES: usize = 10_000;

/// Sends signals to this process and to `workers` until all have been sent and `enough` is set.
fn storm(workers: &[u32], enough: &AtomicBool) {
    let mut sent = 0;
    while sent < LIES || !enough.load(Ordering::SeqCst) {
        kill_process(getpid(), Signal::CHILD).unwrap();
        if sent % 10 == 0 {
            HEARD.iter().for_each(|&signal| kill_process(getpid(), signal).unwrap());
            for group in workers.iter().map(|&pid| Pid::from_raw(pid.try_into().unwrap()).unwrap()) {
                // ESRCH: that one has been replaced.
                HARMLESS.iter().for_each(|&signal| {
                    let _ = kill_process_group(group, signal);
                });
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        sent += 1;
    }
}

// O2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storms_of_signals_lose_no_call_and_no_child_and_come_up_nowhere() -> Result<()> {
    for heard in HEARD {
        let mut signals = signal(SignalKind::from_raw(heard.as_raw())).unwrap();
        tokio::spawn(async move { while signals.recv().await.is_some() {} });
    }
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let enough = Arc::new(AtomicBool::new(false));
    let storm = std::thread::spawn({
        let (workers, enough) = (bridge.workers().iter().map(|worker| worker.pid).collect::<Vec<_>>(), enough.clone());
        move || storm(&workers, &enough)
    });
    for call in 0..100_u64 {
        if call % 25 == 10 {
            // A child that does end, among all that do not.
            kill(bridge.workers()[0].pid);
        }
        assert_eq!(bridge.call::<u64>("work_again", args! { call: call, seconds: 0.002 }).await?, call * call);
        let items: Vec<_> = bridge.stream::<u64>("count", args! { n: 20 }).idempotent().try_collect().await?;
        assert_eq!(items.len(), 20);
    }
    enough.store(true, Ordering::SeqCst);
    storm.join().unwrap();
    eventually("the pool to be whole, with no zombie beside", || {
        (bridge.workers().len() == 2 && children().len() == 2).then_some(())
    })
    .await;
    bridge.shutdown().await?;
    eventually("no child", || children().is_empty().then_some(())).await;
    Ok(())
}

// N2
#[test]
fn a_program_without_a_runtime_may_wait_for_the_signal_that_ends_its_bridge() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start_blocking()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let here = runtime.enter();
    // From here on it ends nobody by itself.
    let _terminated = signal(SignalKind::terminate()).unwrap();
    drop(here);
    let ended = std::thread::spawn({
        let bridge = bridge.clone();
        move || bridge.wait_for(bridge.shutdown_on_signal())
    });
    // Until it has been heard: the thread may not listen yet.
    while !ended.is_finished() {
        kill_process(getpid(), Signal::TERM).unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    ended.join().unwrap()??;
    assert_eq!(bridge.execute("pid", args! {}).wait().unwrap_err().code(), "shutting_down");
    Ok(())
}
