//! tests/README.md says which test shows which row of the fault catalogue: every row is there, and every test.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const CATALOGUE: &str = include_str!("../README.md");
/// How many rows each group has.
const GROUPS: [(char, u32); 13] = [
    ('C', 10),
    ('L', 11),
    ('E', 23),
    ('F', 20),
    ('G', 11),
    ('H', 12),
    ('I', 13),
    ('J', 10),
    ('K', 7),
    ('N', 10),
    ('O', 6),
    ('P', 6),
    ('R', 6),
];
/// Groups of which only some rows have a test so far, and how many rows they have.
const BEGUN: [(char, u32); 3] = [('B', 15), ('D', 16), ('M', 10)];
/// Where the rows of those begin.
const SO_FAR: &str = "\n## So far\n";
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

/// The table of whole groups, and that of those that are begun.
fn tables() -> (&'static str, &'static str) {
    CATALOGUE.split_once(SO_FAR).unwrap()
}

fn labels(table: &'static str) -> Vec<String> {
    lines(table).into_iter().flat_map(|(rows, _)| rows).map(str::to_owned).collect()
}

fn rows_of(groups: &[(char, u32)]) -> Vec<String> {
    groups.iter().flat_map(|(group, count)| (1..=*count).map(move |number| format!("{group}{number}"))).collect()
}

#[test]
fn rows_of_groups_that_are_begun_are_in_the_catalogue_and_have_one_line() {
    let (rows, known) = (labels(tables().1), rows_of(&BEGUN));
    let strange: Vec<_> = rows.iter().filter(|row| !known.contains(row)).collect();
    assert!(strange.is_empty(), "rows that the catalogue has not: {strange:?}");
    assert_eq!(rows.len(), rows.iter().collect::<BTreeSet<_>>().len(), "a row has two lines");
}

#[test]
fn every_row_of_the_whole_groups_has_one_line() {
    let rows = labels(tables().0);
    let expected: Vec<String> = rows_of(&GROUPS).into_iter().chain(BEYOND.map(str::to_owned)).collect();
    let (found, wanted): (BTreeSet<_>, BTreeSet<_>) = (rows.iter().collect(), expected.iter().collect());
    let strange: Vec<_> = found.difference(&wanted).collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    assert!(strange.is_empty(), "rows that the catalogue has not: {strange:?}");
    assert!(missing.is_empty(), "rows without a line: {missing:?}");
    assert_eq!(rows.len(), found.len(), "a row has two lines");
}

#[test]
fn every_test_that_is_named_exists() {
    for (rows, tests) in lines(tables().0).into_iter().chain(lines(tables().1)) {
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
