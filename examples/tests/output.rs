//! The examples do what they say.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::Command;

/// What an example prints, by line.
fn output(program: &str) -> Vec<String> {
    let output = Command::new(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn rust_functions_serve_python() {
    let lines = output(env!("CARGO_BIN_EXE_host_tools"));
    assert_eq!(lines[..3], ["the basket costs 11", "there is no toast; did you mean tea?", "15 pieces are in stock"]);
    assert!(lines[3].starts_with(r#"[{"name": "price", "description": "Tell what"#), "{}", lines[3]);
    assert_eq!(lines.len(), 4);
}

#[test]
fn outcomes_are_values_and_a_trait_is_a_service() {
    let lines = output(env!("CARGO_BIN_EXE_elixir_style"));
    assert!(lines[0].contains(r#""sum": 42"#), "{}", lines[0]);
    assert!(lines[0].contains("many: that is no number") && lines[0].contains("1000 is too much for report-7"));
    assert_eq!(lines[1], r#"["field 1 has no name"]"#);
    assert_eq!(lines[2], "from Rust: 0 problems");
    assert_eq!(lines[3], "from Rust: error: a schema has a name");
    assert!(lines[4].starts_with("elsewhere: ") && lines[4].contains("parse_number"), "{}", lines[4]);
    assert_eq!(lines.len(), 5);
}

#[test]
fn python_finds_the_tools_of_its_session_and_one_pipeline_goes_both_ways() {
    let lines = output(env!("CARGO_BIN_EXE_bidirectional"));
    let begins = [
        "tools of the host:",
        "  calculate_fibonacci: ",
        "  parse_json: ",
        "  process_list: ",
        "by name:  ",
        "by proxy: ",
    ];
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
    assert_eq!(lines[6], "matched:  keys: name");
    assert!(lines[7].starts_with("matched:  no JSON: "), "{}", lines[7]);
    assert!(lines[8].contains("register, register_async"), "{}", lines[8]);
    assert_eq!(lines[9], r#"pipeline: {"mean": 2.1666666666666665, "doubled": [2.0, 4.0, 7.0], "sum": 13.0}"#);
    assert_eq!(lines[10], "in another session there are 0 of them");
    assert_eq!(lines.len(), 11);
}

#[test]
fn a_trait_is_a_client_of_python() {
    let lines = output(env!("CARGO_BIN_EXE_typed_client"));
    assert_eq!(lines, ["be: 2", "Line { number: 1, length: 3 }", "Line { number: 2, length: 5 }", "fake: 1"]);
}

#[test]
fn a_session_outlives_the_worker_that_it_was_bound_to() {
    let told = output(env!("CARGO_BIN_EXE_sessions")).join("\n");
    for line in ["call 5: session demo_session", "Good morning, Ada", "was killed", "Good morning, Grace"] {
        assert!(told.contains(line), "`{line}` in:\n{told}");
    }
}

#[test]
fn modules_need_no_adapter_and_objects_stay() {
    let lines = output(env!("CARGO_BIN_EXE_universal"));
    let begins = [
        "may.csv is may, and \"/srv/reports/may.txt\" as a text",
        "4 letters, most of them [(\"i\", 4), (\"s\", 4)]; Counter({'i': 4, 's': 4, 'p': 2, 'm': 1})",
        "10 15 20 25 30 of all numbers",
        "sorted by Rust: [\"of\", \"them\", \"three\"]",
        "numpy: ",
        "module `subprocess` may not be used: the pool allows `builtins`",
        "session_expired, executed: never",
    ];
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
    assert_eq!(lines.len(), begins.len());
}

#[test]
fn many_callers_are_answered_by_few_runs() {
    let lines = output(env!("CARGO_BIN_EXE_batching"));
    let numbers: Vec<f64> = lines[0].split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(lines[0].starts_with("1280 calls ran in ") && numbers[1] < 320.0, "{}", lines[0]);
    assert_eq!(lines[1], "the answers are the same: true");
    assert!(lines[2].ends_with(" times as fast as one by one"), "{}", lines[2]);
    assert_eq!(lines[3], "tool `nearest`: ValueError: 2 dimensions, expected 16");
    assert_eq!(lines.len(), 4);
}
