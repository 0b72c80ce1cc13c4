//! Cancellation as Python sees it: a signal whose handler raises `Cancelled` in the call that it was sent for.

use pyo3::prelude::*;

use super::exceptions::Cancelled;
use super::{CORE, fork};

/// Handler for SIGURG. Raises `Cancelled` if the running call is cancelled and has not been told; a signal that comes late,
/// or that somebody else sent, does nothing.
#[pyfunction]
pub(crate) fn on_cancel_signal(_signum: &Bound<'_, PyAny>, _frame: &Bound<'_, PyAny>) -> PyResult<()> {
    match CORE.get() {
        Some(core) if core.is_main_thread() && core.running.take_cancellation() => Err(Cancelled::new_err(())),
        _ => Ok(()),
    }
}

/// `sys.unraisablehook` has seen a `Cancelled` that Python swallowed (in `__del__`, in a weak reference's callback): raise
/// it again.
#[pyfunction]
pub(crate) fn rearm_cancel() {
    if let Some(core) = CORE.get()
        && !fork::is_forked()
    {
        core.cancel_again();
    }
}
