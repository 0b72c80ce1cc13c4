//! The exceptions that the native half raises.

use pyo3::exceptions::{PyBaseException, PyException};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{create_exception, exceptions::PyValueError, import_exception};
use snakebridge::wire::Executed;

import_exception!(asyncio, CancelledError);
create_exception!(
    snakebridge,
    Cancelled,
    PyBaseException,
    "Raised once inside a synchronous tool whose call was cancelled.\n\n\
     It is no `Exception`, so that `except Exception` lets it pass: clean up in `finally` and let it go."
);
create_exception!(
    snakebridge._native,
    RemoteError,
    PyException,
    "The host answered a call of ours with ERROR.\n\n\
     Attributes:\n    code: The stable error code.\n    executed: 0 never, 1 maybe, 2 yes.\n    \
     body: A MessagePack map: type, message, traceback, causes, data (each may be missing)."
);

/// A `RemoteError`.
pub(super) fn remote_error(code: &str, executed: Executed, body: &[u8]) -> PyErr {
    let (code, body) = (code.to_owned(), body.to_vec());
    Python::attach(|py| RemoteError::new_err((code, executed.to_wire(), PyBytes::new(py, &body).unbind())))
}

/// What a cancelled call is told: inside a coroutine, and beside it on its loop, in the form that asyncio knows.
pub(super) fn cancellation(is_step: bool) -> PyErr {
    if is_step { CancelledError::new_err(()) } else { Cancelled::new_err(()) }
}

/// Whether an exception is asyncio's form of a cancellation.
pub(super) fn is_asyncio_cancellation(py: Python<'_>, error: &PyErr) -> bool {
    // Without asyncio there is none, and asking must not import it.
    let loaded = py.import("sys").and_then(|sys| sys.getattr("modules")?.contains("asyncio")).unwrap_or(false);
    loaded && error.is_instance_of::<CancelledError>(py)
}

/// Bytes that the protocol forbids, by the stable name of what is wrong with them.
pub(super) fn forbidden(kind: &str) -> PyErr {
    PyValueError::new_err(kind.to_owned())
}

/// An `Unserializable`, which the Python half defines.
pub(super) fn unserializable(py: Python<'_>, message: String) -> PyErr {
    let made = py.import("snakebridge.errors").and_then(|errors| errors.getattr("Unserializable")?.call1((message,)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// Adds both to the module.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let remote_error = py.get_type::<RemoteError>();
    // The limited API has no way to derive a native class from an exception before 3.12: properties over `args` serve.
    for (name, getter) in [
        ("code", c"property(lambda self: self.args[0])"),
        ("executed", c"property(lambda self: self.args[1])"),
        ("body", c"property(lambda self: self.args[2])"),
    ] {
        remote_error.setattr(name, py.eval(getter, None, None)?)?;
    }
    module.add("RemoteError", remote_error)?;
    module.add("Cancelled", py.get_type::<Cancelled>())
}
