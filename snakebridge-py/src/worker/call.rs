//! The call that runs, as Python sees it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::CORE;
use crate::core::CallRequest;
use crate::system::clock::Nanoseconds;

/// One call that this worker was asked to run. Alive while it runs.
#[pyclass(frozen, module = "snakebridge._native")]
#[derive(Debug)]
pub(crate) struct Call {
    /// The call's id on this connection.
    #[pyo3(get)]
    id: u64,
    /// The session it runs in.
    #[pyo3(get)]
    session_id: Option<String>,
    /// A MessagePack map of correlation id, trace parent and request metadata.
    #[pyo3(get)]
    metadata: Option<Py<PyBytes>>,
    /// When the caller stops waiting, on the clock of `time.monotonic()`.
    #[pyo3(get)]
    pub(super) deadline: Option<f64>,
    was_cancelled: AtomicBool,
    ended: AtomicBool,
}

#[pymethods]
impl Call {
    /// Whether the caller has taken the call back.
    #[getter]
    fn cancelled(&self) -> bool {
        self.was_cancelled.load(SeqCst) || CORE.get().is_some_and(|core| core.running.is_cancelled(self.id))
    }

    /// Whether the call has been answered.
    #[getter]
    fn ended(&self) -> bool {
        self.ended.load(SeqCst)
    }

    fn __repr__(&self) -> String {
        let state = if self.ended() { "ended" } else { "running" };
        format!("<Call {} {state}>", self.id)
    }
}

impl Call {
    /// The id on this connection.
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

/// A call that is being run: what was asked for, and the object that stands for it if anybody wanted one.
#[derive(Debug)]
pub(super) struct ActiveCall {
    pub(super) request: CallRequest,
    object: Option<Py<Call>>,
}

impl ActiveCall {
    pub(super) fn new(request: CallRequest) -> Self {
        Self { request, object: None }
    }

    pub(super) fn id(&self) -> u64 {
        self.request.id
    }

    /// The call was cancelled while it did not run: a stream between two turns.
    pub(super) fn mark_cancelled(&self) {
        if let Some(object) = &self.object {
            object.get().was_cancelled.store(true, SeqCst);
        }
    }

    /// The call has been answered.
    pub(super) fn end(self) {
        if let Some(object) = &self.object {
            let call = object.get();
            call.was_cancelled.store(call.cancelled(), SeqCst);
            call.ended.store(true, SeqCst);
        }
    }

    fn object(&mut self, py: Python<'_>) -> PyResult<Py<Call>> {
        if let Some(object) = &self.object {
            return Ok(object.clone_ref(py));
        }
        let call = Call {
            id: self.request.id,
            session_id: self.request.session.as_deref().map(Into::into),
            metadata: self.request.metadata.as_deref().map(|map| PyBytes::new(py, map).unbind()),
            deadline: self.request.deadline.map(Nanoseconds::seconds),
            was_cancelled: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        };
        Ok(self.object.insert(Py::new(py, call)?).clone_ref(py))
    }
}

thread_local! {
    /// What runs on this thread. Only the main thread ever has something here.
    static CURRENT: RefCell<Option<ActiveCall>> = const { RefCell::new(None) };
}

/// `call` runs on this thread from now on.
pub(super) fn enter(call: ActiveCall) {
    CURRENT.set(Some(call));
}

/// Nothing runs on this thread any more. Returns what did.
pub(super) fn leave() -> Option<ActiveCall> {
    CURRENT.take()
}

/// The call that runs on the main thread, asked from the main thread; elsewhere None.
#[pyfunction]
pub(crate) fn current_call(py: Python<'_>) -> PyResult<Option<Py<Call>>> {
    CURRENT.with_borrow_mut(|current| current.as_mut().map(|call| call.object(py)).transpose())
}
