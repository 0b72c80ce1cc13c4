//! The main thread's loop where nothing is asynchronous: run what is there, write, wait.

use pyo3::prelude::*;

use super::server::{Server, run_signal_handlers};
use super::serving::serving;
use super::{core, executor, moved};
use crate::core::Waited;

/// Read, run and answer calls on this thread until the host closes the wire, or something asynchronous has come. True where it
/// has: an event loop is to serve from then on.
#[pyfunction]
pub(crate) fn serve(py: Python<'_>) -> PyResult<bool> {
    let core = core()?;
    let mut server = Server::new(serving()?);
    loop {
        let may_go_on = server.turn(py);
        if moved::want_loop() {
            server.stop();
            return Ok(true);
        }
        match py.detach(|| core.wait_for_work(may_go_on)) {
            Waited::Frames => {}
            Waited::End => break,
            Waited::Signal => run_signal_handlers(py)?,
        }
    }
    server.end(py);
    executor::end(py);
    Ok(false)
}
