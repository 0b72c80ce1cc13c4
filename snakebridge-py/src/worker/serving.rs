//! What running a tool needs: the Python half's functions, and the ways to answer a call with what they return.

use std::sync::OnceLock;

use bytes::Bytes;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};
use snakebridge::wire::fragment::FRAGMENT;
use snakebridge::wire::peer::Refused;
use snakebridge::wire::{Executed, Limits};

use super::complexity::excess;
use super::errors::{error_body, too_large_body};
use super::exceptions::unserializable;
use super::objects::{call_with, is_of};
use super::tools::Tools;
use crate::core::Core;

/// What a worker serves with, from `ready()` on.
pub(super) static SERVING: OnceLock<Serving> = OnceLock::new();

/// What a worker serves with, for functions that make sense only in one that is ready.
pub(super) fn serving() -> PyResult<&'static Serving> {
    SERVING.get().ok_or_else(|| PyRuntimeError::new_err("call `ready()` before anything is served"))
}

/// What the Python half gave to `ready()`.
#[derive(Debug, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Functions {
    /// Encodes a stream item, or a generator's return value.
    encode: Py<PyAny>,
    /// Encodes a value for which `encode` has raised something, or raises what to tell the caller.
    encode_rest: Py<PyAny>,
    chunk_type: Py<PyType>,
    /// Item flags and body of a chunk.
    encode_chunk: Py<PyAny>,
    /// Error code, executed and error body of what a tool raised.
    describe: Py<PyAny>,
    /// What the function of a stream may return in the place of an iterator: see `moved`.
    coroutine_type: Py<PyType>,
    /// Sets the context variable that holds the `SessionContext`, in the calling thread.
    set_context: Py<PyAny>,
}

/// The worker's core, its tools, and the functions that `ready()` was given.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) core: &'static Core,
    pub(super) tools: Tools,
    /// What the host accepts.
    pub(super) limits: Limits,
    pub(super) functions: Functions,
}

impl Serving {
    /// Says which context the code on this thread belongs to.
    pub(super) fn set_context(&self, py: Python<'_>, context: Option<Py<PyAny>>) {
        if let Err(error) = self.functions.set_context.call1(py, (context,)) {
            error.write_unraisable(py, None);
        }
    }

    /// Whether what the function of a stream has returned sends the items by itself, from the event loop.
    pub(super) fn is_coroutine(&self, returned: &Bound<'_, PyAny>) -> bool {
        is_of(returned, self.functions.coroutine_type.bind(returned.py()))
    }

    /// An item's flags and body.
    pub(super) fn encode_item<'py>(&self, item: &Bound<'py, PyAny>) -> PyResult<(u64, Bound<'py, PyBytes>)> {
        let py = item.py();
        let (flags, body) = if is_of(item, self.functions.chunk_type.bind(py)) {
            call_with(self.functions.encode_chunk.bind(py), item)?.extract()?
        } else {
            (0, self.encode_value(item)?)
        };
        self.check(&body, || "an item of the stream".to_owned())?;
        Ok((flags, body))
    }

    fn encode_value<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let py = value.py();
        match call_with(self.functions.encode.bind(py), value) {
            Ok(body) => Ok(body.cast_into()?),
            // Called from here, so that a value that can be encoded costs no Python frame.
            Err(error) if error.is_instance_of::<PyException>(py) => {
                Ok(self.functions.encode_rest.bind(py).call1((value, error))?.cast_into()?)
            }
            Err(cancelled) => Err(cancelled),
        }
    }

    /// Whether the host will look into an encoded value.
    fn check(&self, body: &Bound<'_, PyBytes>, what: impl FnOnce() -> String) -> PyResult<()> {
        match excess(body.as_bytes(), &self.limits) {
            Some(excess) => Err(unserializable(body.py(), format!("{} {excess}", what()))),
            None => Ok(()),
        }
    }

    /// REPLY with what a tool's function returned.
    pub(super) fn reply(&self, id: u64, tool: &str, result: &Bound<'_, PyAny>) -> usize {
        let what = || format!("the result of `{tool}`");
        let sent = result.cast::<PyBytes>().map_err(PyErr::from).and_then(|body| {
            self.check(body, what)?;
            let bytes = body.as_bytes();
            // A large one is kept while it is sent. Copied here, not under the core's lock.
            Ok(if bytes.len() > FRAGMENT {
                self.core.reply(id, &Bytes::copy_from_slice(bytes))
            } else {
                self.core.reply(id, bytes)
            })
        });
        match sent {
            Ok(Ok(pending)) => pending,
            Ok(Err(Refused::TooLarge { size, limit })) => self.fail_too_large(id, &what(), size, limit),
            // Any other refusal means that the call has been answered.
            Ok(Err(_)) => 0,
            Err(error) => self.fail_with(result.py(), id, error),
        }
    }

    /// Writes what is pending if the watcher, which helps, would not look for it before something arrives: what runs next
    /// may take its time.
    pub(super) fn flush_if_helped(&self, py: Python<'_>) {
        if self.core.is_helped() {
            py.detach(|| self.core.flush());
        }
    }

    /// END with a generator's return value.
    pub(super) fn end_stream(&self, id: u64, value: &Bound<'_, PyAny>) {
        const WHAT: &str = "the value that the generator returned";
        let py = value.py();
        let encoded = if value.is_none() { Ok(PyBytes::new(py, &[])) } else { self.encode_value(value) };
        let sent = encoded.and_then(|body| {
            self.check(&body, || WHAT.to_owned())?;
            Ok(self.core.end(id, body.as_bytes()))
        });
        match sent {
            Ok(Err(Refused::TooLarge { size, limit })) => {
                self.fail_too_large(id, WHAT, size, limit);
            }
            // Any other refusal means that the call has been answered.
            Ok(_) => {}
            Err(error) => {
                self.fail_with(py, id, error);
            }
        }
    }

    /// ERROR with what a tool raised, as the Python half describes it. Returns how many bytes are not written yet.
    pub(super) fn fail_with(&self, py: Python<'_>, id: u64, error: PyErr) -> usize {
        // With its traceback attached, which below 3.12 it is not by itself.
        let raised = error.into_value(py).into_bound(py).into_any();
        let described = call_with(self.functions.describe.bind(py), &raised)
            .and_then(|description| description.extract::<(String, u64, Bound<'_, PyBytes>)>());
        match described {
            Ok((code, executed, body)) => {
                let executed = Executed::from_wire(executed).unwrap_or(Executed::Maybe);
                self.core.fail(id, &code, executed, body.as_bytes())
            }
            Err(error) => {
                let class =
                    raised.get_type().name().map_or_else(|_| "BaseException".to_owned(), |name| name.to_string());
                let message = format!("(the exception cannot be described: {error})");
                self.core.fail(id, "tool", Executed::Yes, &error_body(&class, message))
            }
        }
    }

    /// ERROR: what was to be sent is larger than the host accepts.
    pub(super) fn fail_too_large(&self, id: u64, what: &str, size: u64, limit: u64) -> usize {
        self.core.fail(id, "payload_too_large", Executed::Yes, &too_large_body(what, size, limit))
    }

    /// ERROR: the call was cancelled at rest.
    pub(super) fn fail_cancelled(&self, id: u64, executed: Executed) {
        let body = error_body("cancelled", "the call was cancelled");
        self.core.fail(id, "cancelled", executed, &body);
    }
}
