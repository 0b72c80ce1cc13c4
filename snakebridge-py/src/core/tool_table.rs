//! The tools by name, as far as whoever reads a call needs to know them.

use std::collections::HashMap;

use snakebridge::manifest;

use super::running::Place;

/// Names beyond this number are not listed in a message.
const LISTED: usize = 40;

/// What a target names: a tool, as it answers in one of the two manners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its place in the list that `ready` was given.
    pub(super) index: usize,
    /// Whether it answers with a stream.
    pub(super) streams: bool,
    /// Where it runs.
    pub(super) place: Place,
}

/// The manners in which one tool answers: most in one of them, some in both, as they are asked.
#[derive(Debug, Clone, Copy, Default)]
struct Manners {
    value: Option<Entry>,
    stream: Option<Entry>,
}

/// All tools of this worker, and the manifest that describes them.
#[derive(Debug)]
pub(crate) struct ToolTable {
    manifest: Box<[u8]>,
    tools: HashMap<Box<str>, Manners>,
}

impl ToolTable {
    /// A table of `(name, streams, place)`, in the order of their indices. A tool that answers in both manners is there twice.
    pub(crate) fn new<'a>(manifest: &[u8], tools: impl IntoIterator<Item = (&'a str, bool, Place)>) -> Self {
        let mut table = Self { manifest: manifest.into(), tools: HashMap::new() };
        for (index, (name, streams, place)) in tools.into_iter().enumerate() {
            let manners = table.tools.entry(name.into()).or_default();
            let manner = if streams { &mut manners.stream } else { &mut manners.value };
            *manner = Some(Entry { index, streams, place });
        }
        table
    }

    /// The body of the `$manifest` reply.
    pub(super) fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The tool of that name as a call asks for it; where it answers in the other manner alone, as that.
    pub(super) fn find(&self, name: &str, stream: bool) -> Option<Entry> {
        let manners = self.tools.get(name)?;
        if stream { manners.stream.or(manners.value) } else { manners.value.or(manners.stream) }
    }

    /// Whether any tool runs on executor threads.
    pub(super) fn has_threads(&self) -> bool {
        self.tools
            .values()
            .flat_map(|manners| [manners.value, manners.stream])
            .flatten()
            .any(|tool| tool.place == Place::Thread)
    }

    /// What to tell a caller who named a tool that is not there.
    pub(super) fn explain_unknown(&self, name: &str) -> String {
        // System calls are no tools.
        let mut known: Vec<&str> = self.tools.keys().map(AsRef::as_ref).filter(|name| !name.starts_with('$')).collect();
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
    fn a_tool_is_found_as_it_is_asked_for_and_else_as_it_can_answer() {
        let both = [("either", false, Place::Main), ("either", true, Place::Main)];
        let table =
            ToolTable::new(b"", both.into_iter().chain([("add", false, Place::Main), ("count", true, Place::Main)]));
        let found = |name, stream| table.find(name, stream).map(|tool| (tool.index, tool.streams));
        assert_eq!([found("either", false), found("either", true)], [Some((0, false)), Some((1, true))]);
        assert_eq!([found("add", true), found("count", false)], [Some((2, false)), Some((3, true))]);
        assert_eq!(found("other", false), None);
        assert_eq!(
            table.explain_unknown("eiter"),
            "no tool `eiter`; did you mean `either`? (known: `add`, `count`, `either`)"
        );
    }

    #[test]
    fn an_unknown_name_is_explained_with_the_nearest_and_the_known_ones() {
        let tools = [("add", false, Place::Main), ("count", true, Place::Thread), ("$ref.call", false, Place::Main)];
        let table = ToolTable::new(b"", tools);
        assert_eq!(table.find("count", true), Some(Entry { index: 1, streams: true, place: Place::Thread }));
        assert!(table.has_threads());
        assert_eq!(table.explain_unknown("adds"), "no tool `adds`; did you mean `add`? (known: `add`, `count`)");
        assert_eq!(table.explain_unknown("translate"), "no tool `translate` (known: `add`, `count`)");
    }
}
