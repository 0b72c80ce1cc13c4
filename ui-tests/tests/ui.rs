//! What the macros accept, and what they say when they do not.
//!
//! Every case is a file under `ui`, and shows one thing, which it is named after. After a change of a message, write
//! the expected ones again with `TRYBUILD=overwrite cargo test -p snakebridge-ui-tests`, and read the difference.

use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Where the manifests of the cases are.
const MANIFESTS: &str = "ui/python_tool/manifests";

#[test]
fn the_macros_accept_what_is_right_and_explain_what_is_wrong() {
    provide_manifests();
    let cases = trybuild::TestCases::new();
    let mut counts = Vec::new();
    for family in ["python_tool", "tool", "elixir_style_tool"] {
        let (pass, fail) = (format!("ui/{family}/pass"), format!("ui/{family}/fail"));
        counts.push(format!("{family}: {} accepted, {} refused", count(&pass), count(&fail)));
        cases.pass(format!("{pass}/*.rs"));
        cases.compile_fail(format!("{fail}/*.rs"));
    }
    // Past the capture of the test harness: the count is for whoever runs the tests.
    writeln!(std::io::stderr(), "\nui cases: {}", counts.join("; ")).expect("stderr can be written");
}

/// A case names its manifest from the folder of its package, which trybuild makes in the folder for what is built.
fn provide_manifests() {
    let test = std::env::current_exe().expect("the test has a path");
    let target = test.ancestors().nth(3).expect("the test is in `target/debug/deps`");
    let folder = target.join("tests/trybuild").join(env!("CARGO_PKG_NAME")).join("manifests");
    fs::create_dir_all(&folder).expect("the folder for what is built can be written");
    for file in Path::new(MANIFESTS).read_dir().expect("the folder of the manifests is there").flatten() {
        fs::copy(file.path(), folder.join(file.file_name())).expect("a manifest can be copied");
    }
}

fn count(folder: &str) -> usize {
    let files = Path::new(folder).read_dir().expect("the folder of the cases is there");
    let count = files.flatten().filter(|file| file.path().extension().is_some_and(|kind| kind == "rs")).count();
    assert!(count > 0, "no cases in `{folder}`");
    count
}
