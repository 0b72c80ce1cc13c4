//! Every example runs, with real workers, and says what it should. Those that measure do so in their short form.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::Command;

/// What a program prints; it has to end well.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{printed}\n{said}", output.status);
    printed.into_owned()
}

/// That a program prints all of these, in this order.
fn prints(program: &str, arguments: &[&str], parts: &[&str]) {
    let printed = output(program, arguments);
    let mut rest = printed.as_str();
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { panic!("{part:?} is missing in:\n{printed}") };
        rest = behind;
    }
}

#[test]
fn the_showcase_runs_all_its_parts() {
    let parts = [
        "== basics",
        "== binary",
        "== concurrent",
        "== ml",
        "== sessions",
        "== streaming",
        "== telemetry",
        "== bidirectional",
        "all of it is as it should be",
    ];
    prints(env!("CARGO_BIN_EXE_showcase"), &[], &parts);
}

#[test]
fn the_showcase_runs_one_part_and_refuses_what_is_none() {
    let printed = output(env!("CARGO_BIN_EXE_showcase"), &["bidirectional"]);
    assert!(printed.contains("== bidirectional") && !printed.contains("== basics"), "{printed}");
    let refused = Command::new(env!("CARGO_BIN_EXE_showcase")).arg("basic").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && said.contains("`basic` is no part; there are basics, "), "{said}");
}

#[test]
fn the_load_test_accounts_for_every_call_in_its_short_form() {
    let parts = [
        "== scaling",
        "workers, ready in",
        "== burst",
        "were refused before they ran",
        "== stress",
        "deaths",
        "== sustained",
    ];
    let ends = ["quarter 4", "every call is accounted for"];
    prints(env!("CARGO_BIN_EXE_loadtest"), &["--short"], &[&parts[..], &ends[..]].concat());
}

#[test]
fn the_load_test_takes_parts_and_sizes_and_refuses_others() {
    let arguments = ["scaling", "--workers", "3", "--calls", "30", "--short"];
    prints(env!("CARGO_BIN_EXE_loadtest"), &arguments, &["up to 3 workers, 30 calls", "   1 workers", "   3 workers"]);
    for (arguments, why) in [
        (&["scale"][..], "`scale` is neither a part nor an option"),
        (&["--workers"], "`--workers` needs a number"),
        (&["--workers", "0"], "`--workers 0`: expected a number of at least 1"),
    ] {
        let refused = Command::new(env!("CARGO_BIN_EXE_loadtest")).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && said.contains(why) && said.contains("usage:"), "{said}");
    }
}

#[test]
fn the_profiles_are_compared_and_mixed() {
    let parts = ["computes in Python", "computes in C", "waits, keeping a thread", "waits, `async def`"];
    let ends = ["all four kinds at the same time", "in one pool", "each where it belongs", "the workers of each pool"];
    prints(env!("CARGO_BIN_EXE_dual_mode"), &["--short"], &[&parts[..], &ends[..]].concat());
}

#[test]
fn python_s_modules_are_used_without_an_adapter() {
    let parts = [
        r#"may.csv is may, and "/srv/reports/may.txt" as a text"#,
        "4 letters, most of them",
        "10 15 20 25 30 of all numbers",
        r#"sorted by Rust: ["of", "them", "three"]"#,
        "numpy: ",
        "module `subprocess` may not be used",
        "session_expired, executed: never",
    ];
    prints(env!("CARGO_BIN_EXE_universal"), &[], &parts);
}

#[test]
fn calls_of_many_callers_run_together() {
    let parts = [
        "1280 calls ran in ",
        "the answers are the same: true",
        "times as fast as one by one",
        "2 dimensions, expected 16",
    ];
    prints(env!("CARGO_BIN_EXE_batching"), &[], &parts);
}

#[test]
fn the_small_examples_run() {
    for program in [
        env!("CARGO_BIN_EXE_bidirectional"),
        env!("CARGO_BIN_EXE_elixir_style"),
        env!("CARGO_BIN_EXE_host_tools"),
        env!("CARGO_BIN_EXE_sessions"),
        env!("CARGO_BIN_EXE_typed_client"),
    ] {
        assert!(!output(program, &[]).is_empty(), "{program} says what it does");
    }
}
