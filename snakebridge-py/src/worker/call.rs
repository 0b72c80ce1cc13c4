//! The call that runs, as Python sees it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::exceptions::cancellation;
use super::serving::Serving;
use super::{CORE, core};
use crate::core::{Awaited, CallRequest, CallState, Core, Inside, NextInput, Place, Surroundings};
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
    /// The generation of the host's tools that it may use, 0 where the host named none.
    #[pyo3(get)]
    tools_generation: u64,
    place: Place,
    pub(super) surroundings: Surroundings,
    /// Its own state, where others run beside it. A stream gets one only after its function has returned.
    state: OnceLock<Arc<CallState>>,
    was_cancelled: AtomicBool,
    ended: AtomicBool,
    /// What the Python half keeps with it: the `SessionContext`.
    context: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl Call {
    /// Whether the caller has taken the call back.
    #[getter]
    fn cancelled(&self) -> bool {
        self.was_cancelled.load(SeqCst)
            || CORE.get().is_some_and(|core| !self.ended() && self.state(core).is_cancelled(self.id))
    }

    /// What the call is known by, where its caller gave it no correlation id.
    #[getter]
    fn name(&self) -> PyResult<String> {
        Ok(core()?.name_of(self.id).to_string())
    }

    /// Whether the call has been answered.
    #[getter]
    fn ended(&self) -> bool {
        self.ended.load(SeqCst)
    }

    /// Raise the cancellation if the call is cancelled and outside of every shield.
    fn check_cancelled(&self) -> PyResult<()> {
        let core = core()?;
        let state = self.state(core);
        if self.ended() || !state.must_stop(self.id) {
            return Ok(());
        }
        if self.is_current() {
            state.acknowledge(self.id);
        }
        Err(cancellation(self.is_step(core)))
    }

    /// Enter a section that must finish.
    fn begin_shield(&self) -> PyResult<()> {
        if !self.ended() {
            self.state(core()?).begin_shield(self.id);
        }
        Ok(())
    }

    /// Leave a section that must finish. Leaving the outermost one raises the cancellation that came meanwhile.
    fn end_shield(&self) -> PyResult<()> {
        let core = core()?;
        if !self.ended() && self.state(core).end_shield(self.id) {
            return Err(cancellation(self.is_step(core)));
        }
        Ok(())
    }

    /// The next item of stream `number` among the arguments, in MessagePack; None at its end. Waits for it.
    fn next_input<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let core = core()?;
        let inside = self.inside(core);
        if let Some(next) = core.take_input(self.id, number) {
            return input_item(py, next);
        }
        loop {
            match py.detach(|| core.await_input(inside, number)) {
                Awaited::Done(next) => return input_item(py, next),
                Awaited::Cancelled => return Err(cancellation(self.is_step(core))),
                Awaited::Signal | Awaited::Deadline => py.check_signals()?,
            }
        }
    }

    /// The same without waiting: (whether it is here, item or None).
    fn take_input<'py>(&self, py: Python<'py>, number: u64) -> PyResult<(bool, Option<Bound<'py, PyBytes>>)> {
        match core()?.take_input(self.id, number) {
            Some(next) => Ok((true, input_item(py, next)?)),
            None => Ok((false, None)),
        }
    }

    /// Whether the stream that answers this call may send an item.
    #[getter]
    fn has_credit(&self) -> PyResult<bool> {
        Ok(core()?.has_credit(self.id))
    }

    /// The `SessionContext` of this call, if it was asked for.
    #[getter]
    fn context(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.lock_context().as_ref().map(|context| context.clone_ref(py))
    }

    #[setter]
    fn set_context(&self, context: Py<PyAny>) {
        *self.lock_context() = Some(context);
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

    /// This call, as that inside which the calling thread asks the host for something.
    pub(super) fn inside<'a>(&'a self, core: &'a Core) -> Inside<'a> {
        let (id, state, surroundings) = (self.id, self.state(core), self.surroundings);
        Inside { id, state, surroundings, is_own: self.is_current() }
    }

    /// Whether the calling thread is inside the call's coroutine, or beside it on the event loop.
    pub(super) fn is_step(&self, core: &Core) -> bool {
        self.place == Place::Loop && core.is_main_thread()
    }

    fn state<'a>(&'a self, core: &'a Core) -> &'a CallState {
        self.state.get().map_or_else(|| core.running.shared(), |own| &**own)
    }

    /// Whether it is what runs on the calling thread.
    fn is_current(&self) -> bool {
        CURRENT.with_borrow(|current| current.as_ref().is_some_and(|call| call.id() == self.id))
    }

    // Held for an assignment, and never while an object is dropped.
    fn lock_context(&self) -> std::sync::MutexGuard<'_, Option<Py<PyAny>>> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn input_item(py: Python<'_>, next: NextInput) -> PyResult<Option<Bound<'_, PyBytes>>> {
    match next {
        NextInput::Item(body) => Ok(Some(PyBytes::new(py, &body))),
        NextInput::End => Ok(None),
        NextInput::Closed => Err(PyRuntimeError::new_err("the call has ended, and its stream with it")),
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

    /// Takes the call out of the hands of somebody who has it by reference, and leaves one that has ended.
    pub(super) fn take(&mut self) -> Self {
        let (id, tool, place) = (self.request.id, self.request.tool, self.request.place);
        let rest = CallRequest {
            id,
            tool,
            session: None,
            metadata: None,
            deadline: None,
            inputs: 0,
            tools: 0,
            place,
            surroundings: Surroundings::default(),
            state: None,
        };
        std::mem::replace(self, Self::new(rest))
    }

    pub(super) fn id(&self) -> u64 {
        self.request.id
    }

    pub(super) fn place(&self) -> Place {
        self.request.place
    }

    /// From now on it runs there.
    pub(super) fn move_to(&mut self, place: Place) {
        self.request.place = place;
    }

    /// From now on others run beside it.
    pub(super) fn set_state(&mut self, state: Arc<CallState>) {
        if let Some(object) = &self.object {
            // Once for each call.
            let _ = object.get().state.set(state.clone());
        }
        self.request.state = Some(state);
    }

    /// The same call, of which the function goes on on the event loop: what stood for it until now has ended.
    pub(super) fn begin_on_loop(self, state: Arc<CallState>) -> Self {
        self.end_object();
        let surroundings = self.request.surroundings.on_loop();
        Self::new(CallRequest { place: Place::Loop, surroundings, state: Some(state), ..self.request })
    }

    /// The call has been answered.
    pub(super) fn end(self) {
        self.end_object();
        if self.request.inputs > 0
            && let Some(core) = CORE.get()
        {
            core.end_inputs(self.request.id);
        }
    }

    fn end_object(&self) {
        if let Some(object) = &self.object {
            let call = object.get();
            call.was_cancelled.store(call.cancelled(), SeqCst);
            call.ended.store(true, SeqCst);
            // The context refers to the call.
            let context = call.lock_context().take();
            drop(context);
        }
    }

    /// The object that stands for it.
    pub(super) fn object(&mut self, py: Python<'_>) -> PyResult<Py<Call>> {
        if let Some(object) = &self.object {
            return Ok(object.clone_ref(py));
        }
        let call = Call {
            id: self.request.id,
            session_id: self.request.session.as_deref().map(Into::into),
            metadata: self.request.metadata.as_deref().map(|map| PyBytes::new(py, map).unbind()),
            deadline: self.request.deadline.map(Nanoseconds::seconds),
            tools_generation: self.request.tools,
            place: self.request.place,
            surroundings: self.request.surroundings,
            state: self.request.state.clone().map_or_else(OnceLock::new, OnceLock::from),
            was_cancelled: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            context: Mutex::new(None),
        };
        Ok(self.object.insert(Py::new(py, call)?).clone_ref(py))
    }

    /// Its context, if it was asked for.
    pub(super) fn context(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.object.as_ref()?.get().context(py)
    }
}

thread_local! {
    /// What runs on this thread.
    static CURRENT: RefCell<Option<ActiveCall>> = const { RefCell::new(None) };
}

/// `call` runs on this thread from now on, in the context variables that the thread has.
pub(super) fn enter(py: Python<'_>, call: ActiveCall, serving: &Serving) {
    if let Some(context) = call.context(py) {
        serving.set_context(py, Some(context));
    }
    CURRENT.set(Some(call));
}

/// Nothing runs on this thread any more. Returns what did.
pub(super) fn leave(py: Python<'_>, serving: &Serving) -> Option<ActiveCall> {
    let call = CURRENT.take();
    // Whoever copies the context variables next belongs to another call.
    if call.as_ref().is_some_and(|call| call.context(py).is_some()) {
        serving.set_context(py, None);
    }
    call
}

/// `call` runs on this thread from now on, in context variables of its own. Returns what ran before.
pub(super) fn swap(call: Option<ActiveCall>) -> Option<ActiveCall> {
    CURRENT.replace(call)
}

/// What runs on this thread, and its own state, where it has one.
pub(super) fn current_state() -> Option<(u64, Arc<CallState>)> {
    CURRENT.with_borrow(|current| current.as_ref().and_then(|call| Some((call.id(), call.request.state.clone()?))))
}

/// The id of what runs on this thread, 0 where nothing does.
pub(super) fn current_id() -> u64 {
    CURRENT.with_borrow(|current| current.as_ref().map_or(0, ActiveCall::id))
}

/// Whether what runs on this thread is a step of a coroutine.
pub(super) fn is_step() -> bool {
    CURRENT.with_borrow(|current| current.as_ref().is_some_and(|call| call.place() == Place::Loop))
}

/// The call that runs on the calling thread, None where none does.
#[pyfunction]
pub(crate) fn current_call(py: Python<'_>) -> PyResult<Option<Py<Call>>> {
    CURRENT.with_borrow_mut(|current| current.as_mut().map(|call| call.object(py)).transpose())
}
