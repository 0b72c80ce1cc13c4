//! The tools as Python objects, by the index that the core's table gives them.

use pyo3::prelude::*;
use pyo3::types::PyAny;

/// One tool.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) streams: bool,
    /// Takes the arguments' bytes; returns the result's bytes, or an iterator of items.
    pub(super) run: Py<PyAny>,
}

/// All tools.
#[derive(Debug)]
pub(super) struct Tools(Vec<Tool>);

impl Tools {
    pub(super) fn new(tools: Vec<(String, bool, Py<PyAny>)>) -> Self {
        Self(tools.into_iter().map(|(name, streams, run)| Tool { name, streams, run }).collect())
    }

    /// Names, and whether each streams, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().map(|tool| (tool.name.as_str(), tool.streams))
    }

    /// The tool that the core's table gave this index.
    pub(super) fn get(&self, index: usize) -> Option<&Tool> {
        self.0.get(index)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
