//! One version of every crate: two are built twice, and their types do not fit each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::failure::{Failure, Result};

/// Fails when `Cargo.lock` has a crate twice.
pub(crate) fn check(root: &Path) -> Result<()> {
    let path = root.join("Cargo.lock");
    let lock = fs::read_to_string(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let twice = twice(&lock);
    let complaints: Vec<_> = twice
        .iter()
        .map(|(name, versions)| format!("`{name}` {}: see `cargo tree --invert {name}@..`", versions.join(" and ")))
        .collect();
    if complaints.is_empty() { Ok(()) } else { Err(Failure::new(complaints.join("\n"))) }
}

/// The crates of a lock file that have several versions.
fn twice(lock: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut versions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = value(line, "name")
            && let Some(version) = lines.next().and_then(|line| value(line, "version"))
        {
            versions.entry(name).or_default().push(version);
        }
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_is_named_with_its_versions() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \
                    \"1.0.0\"\ndependencies = [\n \"a 1.0.0\",\n]\n\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\n";
        assert_eq!(twice(lock), BTreeMap::from([("a", vec!["1.0.0", "2.0.0"])]));
    }
}
