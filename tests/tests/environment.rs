//! What surrounds a host stays with it: its secrets come into no log, error or event, and its folder and its variables
//! change nothing in its workers.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const TOKEN: &str = "canary-of-the-environment-4711";
const IDENTITY: &str = "canary-of-names-1234";
const ARGUMENT: &str = "canary-of-the-arguments-0815";

/// A host that goes through everything that can go wrong, and what is seen of it.
fn host(change: impl FnOnce(&mut Command)) -> String {
    let mut host = Command::new(env!("CARGO_BIN_EXE_canary_host"));
    host.env("CANARY_IDENTITY", IDENTITY)
        .env("CANARY_TOKEN", TOKEN)
        .env("CANARY_ARGUMENT", ARGUMENT)
        .env("RUST_BACKTRACE", "0");
    change(&mut host);
    let output = host.output().unwrap();
    let seen = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{seen}");
    seen
}

// P1, P2, P6
#[test]
fn no_canary_is_seen_in_logs_errors_or_events_whatever_goes_wrong() {
    let seen = host(|_| ());
    // All of it happened, and would have been seen.
    for part in [
        "variables with the secret: [\"GIVEN_ON_PURPOSE\"]",
        "reads: tool `reads`: KeyError: 'CANARY_TOKEN'",
        "`.pass_env(\"CANARY_TOKEN\")`",
        "fails: tool `fails`: ValueError: the outer failure",
        "the inner failure",
        "in inner",
        "typed: ",
        "keeps: ",
        "Keeper",
        "it failed while it was dropped",
        "misfit: ",
        "square: ",
        "letter: ",
        "panics: ",
        "the host tool panicked",
        "hangs: ",
        "dies: ",
        "log: snakebridge::worker::output",
        "printed on purpose",
        "event: CallLost",
        "no_such_module",
        "no tool: ",
        "in a session: ",
        "metrics: Statistics",
    ] {
        assert!(seen.contains(part), "`{part}` in: {seen}");
    }
    let leaks: Vec<&str> = seen.lines().filter(|line| line.contains(TOKEN) || line.contains(ARGUMENT)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    // Who subscribes to events hears of sessions by their ids, and what Python prints is told with that of its call.
    let of_the_call = format!("session=\"{IDENTITY}\"");
    let is_told = |line: &&str| {
        let line = line.replace(&of_the_call, "");
        line.contains(IDENTITY) && !line.contains("no tool") && !line.starts_with("event: ")
    };
    let leaks: Vec<&str> = seen.lines().filter(is_told).collect();
    assert!(leaks.is_empty(), "names in logs and metrics: {leaks:#?}");
}

// R3
#[test]
fn modules_in_the_current_folder_and_variables_of_python_change_nothing() {
    let folder = TempDir::new().unwrap();
    for module in ["json", "msgspec", "snakebridge", "sitecustomize", "typing"] {
        std::fs::write(folder.path().join(module).with_extension("py"), "raise SystemExit('shadowed')\n").unwrap();
    }
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let seen = host(|host| {
        host.current_dir(folder.path())
            .env("SNAKEBRIDGE_PYTHON", std::env::var_os("SNAKEBRIDGE_PYTHON").unwrap_or_else(|| python.into()))
            .env("PYTHONPATH", folder.path())
            .env("PYTHONSTARTUP", folder.path().join("json.py"))
            .env("PYTHONINSPECT", "1");
    });
    assert!(seen.contains("printed on purpose") && !seen.contains("shadowed"), "{seen}");
}
