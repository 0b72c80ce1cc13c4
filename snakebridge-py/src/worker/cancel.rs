//! Cancellation as Python sees it: a signal whose handler raises in the call that it was sent for.

use pyo3::prelude::*;

use super::exceptions::cancellation;
use super::{CORE, call, fork};

/// Handler for SIGURG. Raises `Cancelled`, in a coroutine `asyncio.CancelledError`, if the running call is cancelled and has
/// not been told; a signal that comes late, or inside a shield, or that somebody else sent, does nothing.
#[pyfunction]
pub(crate) fn on_cancel_signal(_signum: &Bound<'_, PyAny>, _frame: &Bound<'_, PyAny>) -> PyResult<()> {
    match CORE.get() {
        Some(core) if core.is_main_thread() && core.running.take_cancellation() => Err(cancellation(call::is_step())),
        _ => Ok(()),
    }
}

/// `sys.unraisablehook` has seen a cancellation that Python swallowed (in `__del__`, in a weak reference's callback): raise
/// it again. False when it is not ours.
#[pyfunction]
pub(crate) fn rearm_cancel() -> bool {
    CORE.get().is_some_and(|core| !fork::is_forked() && core.cancel_again())
}
