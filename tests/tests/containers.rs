//! A host that is the first process of its container.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Write;
use std::process::Command;

/// In a process namespace of its own, in which what it runs is number 1.
fn contained() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc"]);
    command
}

// N8
#[test]
fn a_host_may_be_process_number_one() {
    let number = contained().args(["sh", "-c", "echo $$"]).output();
    if !number.is_ok_and(|output| output.stdout == b"1\n") {
        // Not by a macro, whose output the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "left out: no process namespace can be made here");
        return;
    }
    let host = contained()
        .arg(env!("CARGO_BIN_EXE_canary_host"))
        .env("CANARY_TOKEN", "token")
        .env("CANARY_ARGUMENT", "argument")
        .output()
        .unwrap();
    let seen = format!("{}{}", String::from_utf8_lossy(&host.stdout), String::from_utf8_lossy(&host.stderr));
    assert!(host.status.success() && seen.contains("printed on purpose"), "{seen}");
    // Its workers are its children: none of them takes number 1 for the one that adopts orphans.
    assert!(!seen.contains("the host has died"), "{seen}");
    // The leader of their session is outside and has no number here.
    assert!(!seen.contains("a task of the pool panicked"), "{seen}");
}
