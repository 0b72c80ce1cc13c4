//! tests/README.md says which test shows which row of the fault catalogue: every row is there, and every test.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const CATALOGUE: &str = include_str!("../README.md");
/// How many rows each group has.
const GROUPS: [(char, u32); 17] = [
    ('A', 18),
    ('B', 15),
    ('C', 10),
    ('D', 16),
    ('L', 11),
    ('E', 23),
    ('F', 20),
    ('G', 11),
    ('H', 12),
    ('I', 13),
    ('J', 10),
    ('K', 7),
    ('M', 10),
    ('N', 10),
    ('O', 6),
    ('P', 6),
    ('R', 6),
];
/// What the protocol has since grown, and the catalogue has no rows for.
const BEYOND: [&str; 2] = ["PART", "GOAWAY"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The labels and the tests of each line of a table.
fn lines(table: &'static str) -> Vec<(Vec<&'static str>, &'static str)> {
    let cells = table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        let [rows, tests, _] = cells[..] else { panic!("three cells: {line}") };
        Some((rows.split(", ").collect(), tests))
    });
    // Behind the heading and the line below it.
    cells.skip(2).collect()
}

/// The files that `name` stands for: a path from the repository's root, a file or a folder of `tests/tests`, or a module
/// of the Python tests.
fn files(name: &str) -> Vec<PathBuf> {
    if name.contains('/') {
        return vec![root().join(name)];
    }
    let here = root().join("tests/tests");
    let python = root().join("snakebridge-py/tests");
    let single = [
        here.join(name).with_extension("rs"),
        python.join(name).with_extension("py"),
        python.join("native").join(name).with_extension("py"),
    ];
    match single.into_iter().find(|path| path.exists()) {
        Some(file) => vec![file],
        None => fs::read_dir(here.join(name))
            .unwrap_or_else(|_| panic!("no tests are called `{name}`"))
            .map(|entry| entry.unwrap().path())
            .collect(),
    }
}

#[test]
fn every_row_has_one_line() {
    let rows: Vec<String> = lines(CATALOGUE).into_iter().flat_map(|(rows, _)| rows).map(str::to_owned).collect();
    let labels = GROUPS.iter().flat_map(|(group, count)| (1..=*count).map(move |number| format!("{group}{number}")));
    let expected: Vec<String> = labels.chain(BEYOND.map(str::to_owned)).collect();
    let (found, wanted): (BTreeSet<_>, BTreeSet<_>) = (rows.iter().collect(), expected.iter().collect());
    let strange: Vec<_> = found.difference(&wanted).collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    assert!(strange.is_empty(), "rows that the catalogue has not: {strange:?}");
    assert!(missing.is_empty(), "rows without a line: {missing:?}");
    assert_eq!(rows.len(), found.len(), "a row has two lines");
}

#[test]
fn every_test_that_is_named_exists() {
    for (rows, tests) in lines(CATALOGUE) {
        assert!(!tests.is_empty(), "{rows:?}: no test");
        for place in tests.split("; ") {
            let (file, names) = place.split_once(": ").unwrap_or_else(|| panic!("{rows:?}: `file: test` in {place}"));
            let texts: Vec<String> = files(file).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
            for name in names.split(", ") {
                let definitions = [format!("fn {name}("), format!("def {name}(")];
                let defined = |text: &String| definitions.iter().any(|definition| text.contains(definition));
                assert!(texts.iter().any(defined), "{rows:?}: there is no `{name}` in `{file}`");
            }
        }
    }
}
