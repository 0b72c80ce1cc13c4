//! What running a tool needs: the Python half's functions, and the ways to answer a call with what they return.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};
use snakebridge::wire::Executed;
use snakebridge::wire::peer::Refused;

use super::errors::{error_body, too_large_body};
use super::objects::{call_with, is_of};
use super::tools::Tools;
use crate::core::Core;

/// The worker's core, its tools, and the functions that `serve` was given.
pub(super) struct Serving<'py> {
    pub(super) py: Python<'py>,
    pub(super) core: &'static Core,
    pub(super) tools: &'static Tools,
    pub(super) encode: Bound<'py, PyAny>,
    pub(super) chunk_type: Bound<'py, PyType>,
    pub(super) encode_chunk: Bound<'py, PyAny>,
    pub(super) describe: Bound<'py, PyAny>,
}

impl<'py> Serving<'py> {
    /// An item's flags and body.
    pub(super) fn encode_item(&self, item: &Bound<'py, PyAny>) -> PyResult<(u64, Bound<'py, PyBytes>)> {
        if is_of(item, &self.chunk_type) {
            call_with(&self.encode_chunk, item)?.extract()
        } else {
            Ok((0, self.encode_value(item)?))
        }
    }

    fn encode_value(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(call_with(&self.encode, value)?.cast_into()?)
    }

    /// REPLY with what a tool's function returned.
    pub(super) fn reply(&self, id: u64, tool: &str, result: &Bound<'py, PyAny>) -> usize {
        let refused = match result.cast::<PyBytes>() {
            Ok(body) => match self.core.reply(id, body.as_bytes()) {
                Ok(pending) => return pending,
                Err(refused) => refused,
            },
            Err(error) => {
                self.fail_with(id, error.into());
                return 0;
            }
        };
        // Any other refusal means that the call has been answered.
        if let Refused::TooLarge { size, limit } = refused {
            self.fail_too_large(id, &format!("the result of `{tool}`"), size, limit);
        }
        0
    }

    /// END with a generator's return value.
    pub(super) fn end_stream(&self, id: u64, value: &Bound<'py, PyAny>) {
        let encoded = if value.is_none() { Ok(PyBytes::new(self.py, &[])) } else { self.encode_value(value) };
        match encoded.map(|body| self.core.end(id, body.as_bytes())) {
            Ok(Err(Refused::TooLarge { size, limit })) => {
                self.fail_too_large(id, "the value that the generator returned", size, limit);
            }
            Ok(_) => {}
            Err(error) => self.fail_with(id, error),
        }
    }

    /// ERROR with what a tool raised, as the Python half describes it.
    pub(super) fn fail_with(&self, id: u64, error: PyErr) {
        // With its traceback attached, which below 3.12 it is not by itself.
        let raised = error.into_value(self.py).into_bound(self.py).into_any();
        let described = call_with(&self.describe, &raised)
            .and_then(|description| description.extract::<(String, u64, Bound<'py, PyBytes>)>());
        match described {
            Ok((code, executed, body)) => {
                let executed = Executed::from_wire(executed).unwrap_or(Executed::Maybe);
                self.core.fail(id, &code, executed, body.as_bytes());
            }
            Err(error) => {
                let class =
                    raised.get_type().name().map_or_else(|_| "BaseException".to_owned(), |name| name.to_string());
                let message = format!("(the exception cannot be described: {error})");
                self.core.fail(id, "tool", Executed::Yes, &error_body(&class, message));
            }
        }
    }

    /// ERROR: what was to be sent is larger than the host accepts.
    pub(super) fn fail_too_large(&self, id: u64, what: &str, size: u64, limit: u64) {
        self.core.fail(id, "payload_too_large", Executed::Yes, &too_large_body(what, size, limit));
    }

    /// ERROR: a stream was cancelled between two items.
    pub(super) fn fail_cancelled(&self, id: u64) {
        let body = error_body("cancelled", "the call was cancelled");
        self.core.fail(id, "cancelled", Executed::Maybe, &body);
    }
}
