//! Streams of the host's tools, as Python reads them.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::call::Call;
use super::exceptions::{cancellation, remote_error};
use super::host_call::{host, send};
use super::nested;
use crate::core::{Answer, Arrival, Awaited, Core, Interest, NextItem};

/// The stream that a tool of the host answers with. Dropping it tells the host that nobody wants the rest.
#[pyclass(frozen, module = "snakebridge._native")]
#[derive(Debug)]
pub(crate) struct HostStream {
    /// Our call that it answers. The event loop is told of what comes under this id.
    #[pyo3(get)]
    id: u64,
    call: Py<Call>,
    has_ended: AtomicBool,
}

#[pymethods]
impl HostStream {
    /// Call a streaming tool of the host inside `call`. Raises `RemoteError` when it cannot be sent.
    #[new]
    #[pyo3(signature = (call, target, body, meta=None))]
    fn new(py: Python<'_>, call: Bound<'_, Call>, target: &str, body: &[u8], meta: Option<&[u8]>) -> PyResult<Self> {
        let (core, inside) = (host()?, call.get());
        // Until somebody waits for it, what is nested in it waits for the thread that has asked.
        let interest = if inside.is_step(core) {
            Interest::Loop(inside.surroundings)
        } else {
            Interest::Thread(core.waiter(inside.inside(core)))
        };
        let (id, _) = send(core, inside, (target, meta), body, None, true, interest)?;
        py.detach(|| core.flush());
        Ok(Self { id, call: call.unbind(), has_ended: AtomicBool::new(false) })
    }

    /// The next item in MessagePack, or None at the end. Waits for it (GIL released). Raises `RemoteError`, or `Cancelled`.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let (core, call) = (host()?, self.call.get());
        let inside = call.inside(core);
        loop {
            let streams = nested::streams_here();
            let error = match py.detach(|| core.await_item(self.id, inside, &streams)) {
                Awaited::Done(Arrival::Awaited(next)) => return self.give(py, next),
                Awaited::Done(Arrival::Call(request, body)) => {
                    nested::run(py, request, &body);
                    continue;
                }
                Awaited::Done(Arrival::Turn) => {
                    nested::turn(py);
                    continue;
                }
                Awaited::Signal | Awaited::Deadline => match py.check_signals() {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Awaited::Cancelled => cancellation(call.is_step(core)),
            };
            self.abandon(core);
            return Err(error);
        }
    }

    /// The same without waiting: (whether something is here, item or None).
    fn take<'py>(&self, py: Python<'py>) -> PyResult<(bool, Option<Bound<'py, PyBytes>>)> {
        match host()?.take_item(self.id, self.call.get().surroundings) {
            Some(next) => Ok((true, self.give(py, next)?)),
            None => Ok((false, None)),
        }
    }

    /// Nobody wants the rest.
    fn close(&self) -> PyResult<()> {
        self.abandon(host()?);
        Ok(())
    }
}

impl HostStream {
    fn give<'py>(&self, py: Python<'py>, next: NextItem) -> PyResult<Option<Bound<'py, PyBytes>>> {
        match next {
            NextItem::Item(body) => Ok(Some(PyBytes::new(py, &body))),
            NextItem::Closed => Ok(None),
            NextItem::End(answer) => {
                self.has_ended.store(true, SeqCst);
                nested::let_go(self.id);
                match answer {
                    Answer::Failure { code, executed, body } => Err(remote_error(&code, executed, &body)),
                    Answer::End | Answer::Reply(_) => Ok(None),
                }
            }
        }
    }

    fn abandon(&self, core: &Core) {
        if !self.has_ended.swap(true, SeqCst) {
            core.abandon(self.id, "nobody reads it");
            core.write_pending();
            nested::let_go(self.id);
        }
    }
}

impl Drop for HostStream {
    fn drop(&mut self) {
        // In a forked child, or when the interpreter ends, there is nobody to tell.
        if let Ok(core) = host() {
            self.abandon(core);
        }
    }
}
