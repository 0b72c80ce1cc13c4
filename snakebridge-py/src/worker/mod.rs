//! What Python sees: starting, serving, calling the host, and the hooks for signals and forks. All code that holds the GIL.

pub(crate) mod call;
pub(crate) mod cancel;
mod complexity;
pub(crate) mod coroutine;
mod errors;
pub(crate) mod event_loop;
pub(crate) mod events;
pub(crate) mod exceptions;
pub(crate) mod executor;
pub(crate) mod fork;
pub(crate) mod frames;
pub(crate) mod host_call;
pub(crate) mod host_stream;
pub(crate) mod launch;
mod moved;
mod nested;
mod objects;
mod sandboxing;
pub(crate) mod serve;
mod server;
mod serving;
mod stream;
mod tools;

use std::sync::OnceLock;

use pyo3::PyResult;
use pyo3::exceptions::PyRuntimeError;

use crate::core::Core;

/// The worker that this process is. Set by `start()`.
static CORE: OnceLock<Core> = OnceLock::new();

/// The worker, for functions that make sense only in one. In a forked child, which is none, the process ends.
fn core() -> PyResult<&'static Core> {
    fork::end_if_forked();
    CORE.get().ok_or_else(|| PyRuntimeError::new_err("this process is no worker: `start()` has not been called"))
}
