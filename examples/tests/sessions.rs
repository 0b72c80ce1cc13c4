//! The examples run, and tell what they are to tell.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::Command;

#[test]
fn a_session_outlives_the_worker_that_it_was_bound_to() {
    let output = Command::new(env!("CARGO_BIN_EXE_sessions")).output().unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{errors}");
    for line in ["call 5: session demo_session", "Good morning, Ada", "was killed", "Good morning, Grace"] {
        assert!(told.contains(line), "`{line}` in:\n{told}");
    }
}
