//! The tools by name, as far as whoever reads a call needs to know them.

use std::collections::HashMap;

use snakebridge::manifest;

use super::running::Place;

/// Names beyond this number are not listed in a message.
const LISTED: usize = 40;

/// What a target names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its place in the list that `ready` was given.
    pub(super) index: usize,
    /// Whether it answers with a stream.
    pub(super) streams: bool,
    /// Where it runs.
    pub(super) place: Place,
}

/// All tools of this worker, and the manifest that describes them.
#[derive(Debug)]
pub(crate) struct ToolTable {
    manifest: Box<[u8]>,
    entries: HashMap<Box<str>, Entry>,
}

impl ToolTable {
    /// A table of `(name, streams, place)`, in the order of their indices.
    pub(crate) fn new<'a>(manifest: &[u8], tools: impl IntoIterator<Item = (&'a str, bool, Place)>) -> Self {
        let entry = |(index, (name, streams, place)): (usize, (&str, bool, Place))| {
            (name.into(), Entry { index, streams, place })
        };
        Self { manifest: manifest.into(), entries: tools.into_iter().enumerate().map(entry).collect() }
    }

    /// The body of the `$manifest` reply.
    pub(super) fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The tool of that name.
    pub(super) fn find(&self, name: &str) -> Option<Entry> {
        self.entries.get(name).copied()
    }

    /// Whether any tool runs on executor threads.
    pub(super) fn has_threads(&self) -> bool {
        self.entries.values().any(|tool| tool.place == Place::Thread)
    }

    /// What to tell a caller who named a tool that is not there.
    pub(super) fn explain_unknown(&self, name: &str) -> String {
        // System calls are no tools.
        let mut known: Vec<&str> =
            self.entries.keys().map(AsRef::as_ref).filter(|name| !name.starts_with('$')).collect();
        known.sort_unstable();
        let hint = match manifest::nearest(name, known.iter().copied()) {
            Some(nearest) => format!("; did you mean `{nearest}`?"),
            None => String::new(),
        };
        let more = match known.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        known.truncate(LISTED);
        match known.as_slice() {
            [] => format!("no tool `{name}`: this worker has none"),
            _ => format!("no tool `{name}`{hint} (known: `{}`{more})", known.join("`, `")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_explained_with_the_nearest_and_the_known_ones() {
        let tools = [("add", false, Place::Main), ("count", true, Place::Thread), ("$ref.call", false, Place::Main)];
        let table = ToolTable::new(b"", tools);
        assert_eq!(table.find("count"), Some(Entry { index: 1, streams: true, place: Place::Thread }));
        assert!(table.has_threads());
        assert_eq!(table.explain_unknown("adds"), "no tool `adds`; did you mean `add`? (known: `add`, `count`)");
        assert_eq!(table.explain_unknown("translate"), "no tool `translate` (known: `add`, `count`)");
    }
}
