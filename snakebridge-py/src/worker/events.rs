//! What Python tells the host beside the answers: logs, measurements, progress.

use pyo3::prelude::*;

use super::{CORE, call, fork};

/// The id of the call that runs on the calling thread, 0 where none does.
#[pyfunction]
pub(crate) fn current_id() -> u64 {
    call::current_id()
}

/// Tell the host something inside call `number`, or in none (0). False when it was not sent: too much was told, the host is slow
/// to read, or this process is no worker.
#[pyfunction]
pub(crate) fn tell(kind: u64, number: u64, body: &[u8]) -> bool {
    !fork::is_forked() && CORE.get().is_some_and(|core| core.tell(kind, number, body))
}

/// Whether this process is a worker, and so may tell something.
#[pyfunction]
pub(crate) fn is_worker() -> bool {
    !fork::is_forked() && CORE.get().is_some()
}
