//! Serving from inside an event loop: the loop polls, and the wire is one of the descriptors that it polls.

use std::cell::{Cell, RefCell};
use std::os::fd::RawFd;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::coroutine::{HOOKS, Hooks};
use super::server::Server;
use super::serving::serving;
use super::{core, executor};
use crate::core::{Core, Waited, Written};

/// The main thread's part of serving, for an event loop.
#[pyclass(frozen, unsendable, module = "snakebridge._native")]
#[derive(Debug)]
pub(crate) struct LoopServer {
    core: &'static Core,
    server: RefCell<Server>,
    /// A stream could go on at once.
    may_go_on: Cell<bool>,
    /// The descriptor that the host writes to.
    #[pyo3(get)]
    input: RawFd,
    /// The descriptor that the host reads from.
    #[pyo3(get)]
    output: RawFd,
    /// Readable when the loop is wanted for something else.
    #[pyo3(get)]
    wakeup: RawFd,
}

#[pymethods]
impl LoopServer {
    #[new]
    fn new(spawn: Py<PyAny>, wake: Py<PyAny>) -> PyResult<Self> {
        let core = core()?;
        if HOOKS.set(Hooks { spawn, wake }).is_err() {
            return Err(PyRuntimeError::new_err("one event loop serves"));
        }
        let [input, output, wakeup] = core.descriptors();
        let server = RefCell::new(Server::new(serving()?));
        // Whoever has served before may have left something: see `moved`.
        Ok(Self { core, server, may_go_on: Cell::new(true), input, output, wakeup })
    }

    /// The loop is about to poll. Whether it must not wait, because there is something to do; and whether everything is
    /// written, so that it need not wait for room either.
    fn begin_poll(&self) -> PyResult<(bool, bool)> {
        // A forked child that comes back into the loop ends here.
        core()?;
        let written = self.core.write_on_return();
        // While there is no room nothing else may add to what waits for it.
        let may_go_on = self.may_go_on.get() && written != Written::NoRoom;
        let has_work = self.core.begin_poll() || may_go_on || written == Written::Some;
        Ok((has_work, written != Written::NoRoom))
    }

    /// The loop is back. Whether somebody has left something to do meanwhile.
    fn end_poll(&self) -> bool {
        self.core.end_poll();
        self.core.has_news()
    }

    /// Read what is there, run what is there. False when the host has closed the wire, or SIGTERM has come and everything is
    /// answered.
    fn turn(&self, py: Python<'_>) -> PyResult<bool> {
        if self.core.read_what_is_there() == Waited::End {
            return Ok(false);
        }
        let mut server = self
            .server
            .try_borrow_mut()
            .map_err(|_| PyRuntimeError::new_err("a tool must not run the loop that runs it"))?;
        self.core.calm();
        self.may_go_on.set(server.turn(py));
        let is_finished = self.core.is_finished();
        if is_finished {
            py.detach(|| self.core.flush_all());
        }
        Ok(!is_finished)
    }

    /// The host has closed the wire: close what it will not read.
    fn end(&self, py: Python<'_>) {
        self.server.borrow_mut().end(py);
        executor::end(py);
    }
}
