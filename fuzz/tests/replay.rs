//! Runs every input that is kept through its target, with the project's own compiler and no fuzzer.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use snakebridge_fuzz::seeds::Vectors;
use snakebridge_fuzz::{TARGETS, Target};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder; none when there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    files.sort();
    files
}

/// Runs the inputs and names those that fail.
fn replay(target: &Target, inputs: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let fails = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err();
    let failed: Vec<String> = inputs.into_iter().filter(|(_, input)| fails(input)).map(|(name, _)| name).collect();
    assert!(failed.is_empty(), "{} fails with {failed:#?}", target.name);
}

fn kept(target: &Target, folder: &str) -> Vec<(String, Vec<u8>)> {
    let files = files(&here().join(folder).join(target.name));
    files.into_iter().map(|file| (file.display().to_string(), fs::read(&file).expect("an input can be read"))).collect()
}

#[test]
fn what_once_found_a_mistake_does_not_find_it_again() {
    for target in &TARGETS {
        replay(target, kept(target, "regressions"));
    }
}

#[test]
fn the_corpus_breaks_no_promise() {
    for target in &TARGETS {
        let corpus = kept(target, "corpus");
        assert!(!corpus.is_empty(), "`fuzz/corpus/{}` is empty", target.name);
        replay(target, corpus);
    }
}

#[test]
fn the_golden_vectors_break_no_promise() {
    let vectors = Vectors::read(&here().join("../tests/vectors"));
    for target in &TARGETS {
        let seeds = vectors.seeds(target.name);
        replay(target, seeds.into_iter().enumerate().map(|(number, seed)| (format!("vector {number}"), seed)));
    }
}
