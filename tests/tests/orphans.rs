//! A host that dies leaves no worker behind, however it dies and whatever its workers are doing.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use snakebridge_tests::{Ledger, eventually, is_alive, kill};

/// The bound of the contract: nothing is alive one second after the host's death.
const BOUND: Duration = Duration::from_secs(1);

fn start_host(how: &str, ledger: &Ledger) -> (Child, Vec<u32>) {
    let mut host = Command::new(env!("CARGO_BIN_EXE_doomed_host"))
        .arg(how)
        .arg(ledger.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(host.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pids = lines.take_while(|line| line != "ready").map(|line| line.parse().unwrap()).collect();
    (host, pids)
}

async fn no_worker_survives(how: &str) {
    let ledger = Ledger::new();
    let (mut host, workers) = start_host(how, &ledger);
    if how == "sandbox" && workers.is_empty() {
        // Not by a macro, whose output the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "left out: this kernel cannot restrict a worker");
        host.wait().unwrap();
        return;
    }
    assert_eq!(workers.len(), 2);
    if how != "idle" {
        ledger.noted(1).await;
        ledger.noted(2).await;
    }
    assert!(workers.iter().all(|&pid| is_alive(pid)));
    let killed = Instant::now();
    kill(host.id());
    host.wait().unwrap();
    for pid in workers {
        eventually("the worker to die with its host", || (!is_alive(pid)).then_some(())).await;
    }
    println!("{how}: gone {:?} after the kill, the bound is {BOUND:?}", killed.elapsed());
    // The one place where the clock is asserted: the bound is the promise, and the machine's usual time is a hundredth.
    assert!(killed.elapsed() < BOUND, "{:?}", killed.elapsed());
}

#[tokio::test]
async fn idle_workers_die_with_a_killed_host() {
    no_worker_survives("idle").await;
}

#[tokio::test]
async fn sleeping_workers_die_with_a_killed_host() {
    no_worker_survives("sleep").await;
}

#[tokio::test]
async fn workers_that_have_restricted_themselves_die_with_a_killed_host() {
    no_worker_survives("sandbox").await;
}

#[tokio::test]
async fn computing_workers_die_with_a_killed_host() {
    no_worker_survives("loop").await;
}

#[tokio::test]
async fn workers_that_hold_the_interpreter_lock_in_c_die_with_a_killed_host() {
    no_worker_survives("gil").await;
}
