//! The clock on the wall is nothing that a call, a worker or a session lives by.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Write;
use std::process::Command;

use snakebridge_tests::Ledger;
use tempfile::TempDir;

// O4
#[test]
fn a_wall_clock_that_is_set_by_a_year_ends_nothing_early_and_nothing_late() {
    let folder = TempDir::new().unwrap();
    let (library, step) = (folder.path().join("step.so"), folder.path().join("step"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/clock/step.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    if !compiled.is_ok_and(|status| status.success()) {
        // Not by a macro, whose output the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "left out: there is no C compiler called `cc`");
        return;
    }
    std::fs::write(&step, "0").unwrap();
    let ledger = Ledger::new();
    let output = Command::new(env!("CARGO_BIN_EXE_clock_host"))
        .arg(ledger.path())
        .arg(&step)
        .env("LD_PRELOAD", &library)
        .env("CLOCK_STEP", &step)
        .output()
        .unwrap();
    let seen = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && seen.contains("nothing has changed"), "{seen}");
}
