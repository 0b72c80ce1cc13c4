//! The tools as Python objects, by the index that the core's table gives them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::core::Place;

/// One tool.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) streams: bool,
    place: Place,
    /// Takes the arguments' bytes; returns the result's bytes, or an iterator of items. On the loop it returns a coroutine that
    /// does, and that has sent the items itself.
    pub(super) run: Py<PyAny>,
}

/// Whether it is a system call that the Python half answers: run like a tool, and no tool.
pub(super) fn is_system(name: &str) -> bool {
    name.starts_with('$')
}

/// All tools.
#[derive(Debug)]
pub(super) struct Tools(Vec<Tool>);

impl Tools {
    /// From `(name, streams, place, run)`; twice, one after the other, for a tool that answers in both manners.
    pub(super) fn new(tools: Vec<(String, bool, String, Py<PyAny>)>) -> PyResult<Self> {
        let tool = |(name, streams, place, run): (String, bool, String, Py<PyAny>)| {
            let place = match place.as_str() {
                "main" => Place::Main,
                "thread" => Place::Thread,
                "loop" => Place::Loop,
                _ => {
                    return Err(PyValueError::new_err(format!(
                        "a tool runs on main, thread or loop, not on `{place}`"
                    )));
                }
            };
            Ok(Tool { name, streams, place, run })
        };
        tools.into_iter().map(tool).collect::<PyResult<_>>().map(Self)
    }

    /// Name, whether it streams, and where it runs, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, bool, Place)> {
        self.0.iter().map(|tool| (tool.name.as_str(), tool.streams, tool.place))
    }

    /// The tool that the core's table gave this index.
    pub(super) fn get(&self, index: usize) -> Option<&Tool> {
        self.0.get(index)
    }
}
