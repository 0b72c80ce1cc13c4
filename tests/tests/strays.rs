//! What tools of an earlier run have left behind is in nobody's way, and can be found.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Write;
use std::process::{Command, Stdio};

use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, eventually, is_alive, kill};
use tempfile::TempDir;

/// Processes that have this in their environment.
fn with_variable(variable: &str) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|found| found == variable.as_bytes())
    })
    .collect()
}

/// The launch that a process belongs to.
fn nonce(pid: u32) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|&byte| byte == 0);
    let nonce = variables.find_map(|variable| variable.strip_prefix(b"SNAKEBRIDGE_NONCE="))?;
    Some(String::from_utf8_lossy(nonce).into_owned())
}

// N7
#[tokio::test]
async fn what_has_left_its_workers_group_outlives_the_host_and_is_in_nobodys_way() -> Result<()> {
    let folder = TempDir::new().unwrap();
    let mut old = Command::new(env!("CARGO_BIN_EXE_doomed_host"))
        .args(["SIGKILL", folder.path().to_str().unwrap(), "daemon"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let [worker, daemon] = eventually("a daemon", || {
        let text = std::fs::read_to_string(folder.path().join("daemon")).unwrap_or_default();
        let pids: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        pids.try_into().ok()
    })
    .await;
    let launch = nonce(worker).unwrap();
    kill(old.id());
    old.wait().unwrap();
    eventually("the worker to be gone", || (!is_alive(worker)).then_some(())).await;
    assert!(is_alive(daemon), "the group was killed, which it has left");
    // No port, no lock and no file of the old run is in the way of a new one.
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    assert_eq!(bridge.call::<u64>("work", args! { call: 7 }).await?, 49);
    bridge.shutdown().await?;
    assert!(is_alive(daemon), "it is not the new one's");
    assert_eq!(with_variable(&format!("SNAKEBRIDGE_NONCE={launch}")), [daemon]);
    kill(daemon);
    Ok(())
}

/// How many hosts are killed while they start.
fn hosts() -> u32 {
    std::env::var("SNAKEBRIDGE_HOST_DEATHS").map_or(12, |number| number.parse().expect("a number"))
}

// N1, N10
#[tokio::test]
async fn hosts_that_are_killed_at_any_moment_of_their_start_leave_nothing() {
    let seed = std::env::var("SNAKEBRIDGE_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("SNAKEBRIDGE_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..hosts() {
        let folder = TempDir::new().unwrap();
        let mut host = Command::new(env!("CARGO_BIN_EXE_doomed_host"))
            .args(["SIGKILL", folder.path().to_str().unwrap(), "idle", "forked", "left_child"])
            .env("DOOMED", folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let after = std::time::Duration::from_micros(random.u64(0..400_000));
        tokio::time::sleep(after).await;
        kill(host.id());
        host.wait().unwrap();
        let variable = format!("DOOMED={}", folder.path().display());
        let gone = || with_variable(&variable).into_iter().all(|pid| !is_alive(pid)).then_some(());
        eventually(&format!("everything to be gone in round {round}, {after:?}"), gone).await;
    }
    // Shown where the output is.
    let _ = writeln!(std::io::stdout(), "{} hosts", hosts());
}
