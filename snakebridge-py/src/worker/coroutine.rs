//! Coroutines of `async def` tools. The event loop runs each as a task; what is here goes between the two.
//!
//! [`CallCoroutine`] makes its call the running one during each step, so that a CANCEL interrupts a step that blocks, and only
//! then. It answers the call itself, so that the task never fails.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use snakebridge::wire::Executed;
use snakebridge::wire::peer::Refused;

use super::call::{self, ActiveCall};
use super::exceptions::{cancellation, is_asyncio_cancellation};
use super::fork;
use super::objects::{Step, advance, call_with};
use super::serving::{SERVING, Serving, serving};
use super::stream::{TURN, TURN_BYTES};
use crate::core::CallState;

/// What the Python half does for coroutines.
#[derive(Debug)]
pub(super) struct Hooks {
    /// Makes a task of a `CallCoroutine`, which belongs to the call that is the second argument.
    pub(super) spawn: Py<PyAny>,
    /// Wakes the coroutine that waits for credit of a call, or for the answer to one of ours.
    pub(super) wake: Py<PyAny>,
}

/// Set when the event loop begins to serve.
pub(super) static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// Coroutines that have not ended, by call id. Used under the GIL, and no Python code runs under its lock.
static LIVE: Mutex<Option<HashMap<u64, Py<CallCoroutine>>>> = Mutex::new(None);

thread_local! {
    /// When the main thread began the step that it is in.
    static STEP_BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The coroutine of one call, as its task sees it.
#[pyclass(frozen, module = "snakebridge._native")]
#[derive(Debug)]
pub(crate) struct CallCoroutine {
    id: u64,
    tool: usize,
    own: Arc<CallState>,
    coroutine: Py<PyAny>,
    /// The call, while it is at rest; `None` once it is answered.
    call: Mutex<Option<ActiveCall>>,
    /// The task that steps it. Cleared at the end, because a task refers to its coroutine.
    task: Mutex<Option<Py<PyAny>>>,
    has_started: AtomicBool,
}

#[pymethods]
impl CallCoroutine {
    /// The task that steps this coroutine.
    fn attach(&self, task: Py<PyAny>) {
        *lock(&self.task) = Some(task);
    }

    fn __await__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.step(py, advance)
    }

    fn send(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if value.is_none() {
            return self.step(py, advance);
        }
        self.step(py, |coroutine| yielded(py, coroutine.call_method1("send", (value,))))
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if !self.has_started.load(SeqCst)
            && let Some(call) = lock(&self.call).take()
        {
            return self.never_ran(py, call);
        }
        self.step(py, |coroutine| {
            let thrown = match (value, traceback) {
                (None, None) => coroutine.call_method1("throw", (kind,)),
                _ => coroutine.call_method1("throw", (kind, value, traceback)),
            };
            yielded(py, thrown)
        })
    }

    /// Ends the coroutine where it is, for a task that is dropped.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(call) = lock(&self.call).take() else { return Ok(()) };
        let closed = self.run(py, call, |coroutine| {
            coroutine.call_method0("close")?;
            Err(cancellation(true))
        });
        match closed {
            Err(error) if !error.is_instance_of::<PyStopIteration>(py) => Err(error),
            _ => Ok(()),
        }
    }

    fn __repr__(&self) -> String {
        let tool = SERVING.get().and_then(|serving| serving.tools.get(self.tool)).map_or("?", |tool| &tool.name);
        format!("<call {} of `{tool}`>", self.id)
    }
}

impl CallCoroutine {
    fn step<'py>(
        &self,
        py: Python<'py>,
        resume: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Step<'py>>,
    ) -> PyResult<Py<PyAny>> {
        let Some(call) = lock(&self.call).take() else {
            return Err(PyRuntimeError::new_err("cannot step the coroutine of a call that has ended"));
        };
        self.run(py, call, resume)
    }

    /// One step. Gives what the task is to wait for, or raises `StopIteration` when the call is answered.
    fn run<'py>(
        &self,
        py: Python<'py>,
        call: ActiveCall,
        resume: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Step<'py>>,
    ) -> PyResult<Py<PyAny>> {
        let serving = serving()?;
        if !self.has_started.swap(true, SeqCst) {
            serving.core.entered(self.id);
        }
        STEP_BEGAN.set(Some(Instant::now()));
        let outer = call::swap(Some(call));
        let before = serving.core.begin_step(&self.own);
        let outcome = resume(self.coroutine.bind(py));
        fork::end_if_forked();
        let is_untold = serving.core.end_step(&self.own, before);
        // Put there above, and nothing else takes it out.
        let call = call::swap(outer);
        let outcome = match outcome {
            Ok(Step::Item(awaited)) => {
                *lock(&self.call) = call;
                if is_untold {
                    self.cancel_task(py);
                }
                return Ok(awaited.unbind());
            }
            Ok(Step::Return(value)) => Ok(value),
            Err(error) => Err(error),
        };
        self.answer(py, outcome)?;
        call.into_iter().for_each(ActiveCall::end);
        serving.flush_if_helped(py);
        Err(PyStopIteration::new_err(()))
    }

    /// The task was cancelled before its first step.
    fn never_ran(&self, py: Python<'_>, call: ActiveCall) -> PyResult<Py<PyAny>> {
        self.coroutine.call_method0(py, "close")?;
        let serving = self.leave()?;
        serving.fail_cancelled(self.id, Executed::Never);
        call.end();
        Err(PyStopIteration::new_err(()))
    }

    /// The call is about to be answered, and nobody looks for its coroutine any more.
    fn leave(&self) -> PyResult<&'static Serving> {
        let serving = serving()?;
        serving.core.left_beside(self.id);
        let live = live().as_mut().and_then(|live| live.remove(&self.id));
        let task = lock(&self.task).take();
        drop((live, task));
        Ok(serving)
    }

    fn answer(&self, py: Python<'_>, outcome: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
        let (id, serving) = (self.id, self.leave()?);
        let Some(tool) = serving.tools.get(self.tool) else { return Ok(()) };
        match outcome {
            Ok(value) if tool.streams => serving.end_stream(id, &value),
            Ok(value) => {
                serving.reply(id, &tool.name, &value);
            }
            Err(error) if self.own.is_cancelled(id) && is_asyncio_cancellation(py, &error) => {
                serving.fail_cancelled(id, Executed::Maybe);
            }
            Err(error) => {
                serving.fail_with(py, id, error);
            }
        }
        Ok(())
    }

    fn cancel_task(&self, py: Python<'_>) {
        let task = lock(&self.task).as_ref().map(|task| task.clone_ref(py));
        if let Some(Err(error)) = task.map(|task| task.call_method0(py, "cancel")) {
            error.write_unraisable(py, None);
        }
    }
}

/// What a coroutine's method gave: it yields, or returns by `StopIteration`.
fn yielded<'py>(py: Python<'py>, result: PyResult<Bound<'py, PyAny>>) -> PyResult<Step<'py>> {
    match result {
        Ok(awaited) => Ok(Step::Item(awaited)),
        Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
            Ok(Step::Return(error.value(py).getattr("value")?))
        }
        Err(error) => Err(error),
    }
}

/// Begins a call whose tool is a coroutine function. Nothing of it runs before the loop steps it.
pub(super) fn begin(mut call: ActiveCall, body: &Bound<'_, PyBytes>, serving: &Serving) {
    let py = body.py();
    if let Err(error) = spawn(py, &mut call, |tool| call_with(tool, body.as_any()), serving) {
        fail(py, call, error, serving);
    }
}

/// Begins a call whose function has run elsewhere, and has returned this coroutine.
pub(super) fn adopt(mut call: ActiveCall, coroutine: Bound<'_, PyAny>, serving: &Serving) {
    let (py, id, own) = (coroutine.py(), call.id(), call.request.state.clone());
    if let Err(error) = spawn(py, &mut call, |_| Ok(coroutine), serving) {
        return fail(py, call, error, serving);
    }
    // It may have come on the way here, when nobody had this coroutine.
    if own.is_some_and(|own| own.is_cancelled(id)) {
        cancel(py, id);
    }
}

fn fail(py: Python<'_>, call: ActiveCall, error: PyErr, serving: &Serving) {
    let id = call.id();
    serving.core.left_beside(id);
    serving.fail_with(py, id, error);
    call.end();
}

fn spawn<'py>(
    py: Python<'py>,
    call: &mut ActiveCall,
    make: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    serving: &Serving,
) -> PyResult<()> {
    let id = call.id();
    let (Some(hooks), Some(tool), Some(own)) =
        (HOOKS.get(), serving.tools.get(call.request.tool), call.request.state.clone())
    else {
        return Err(PyRuntimeError::new_err("a coroutine needs the event loop to serve"));
    };
    let object = call.object(py)?;
    let coroutine = make(tool.run.bind(py))?;
    let started = CallCoroutine {
        id,
        tool: call.request.tool,
        own,
        coroutine: coroutine.unbind(),
        call: Mutex::new(None),
        task: Mutex::new(None),
        has_started: AtomicBool::new(false),
    };
    let started = Py::new(py, started)?;
    hooks.spawn.call1(py, (&started, object))?;
    let resting = ActiveCall::take(call);
    *lock(&started.get().call) = Some(resting);
    live().get_or_insert_default().insert(id, started);
    Ok(())
}

/// A coroutine was cancelled at rest.
pub(super) fn cancel(py: Python<'_>, id: u64) {
    let Some(found) = live().as_ref().and_then(|live| live.get(&id)).map(|found| found.clone_ref(py)) else { return };
    let coroutine = found.get();
    if coroutine.own.must_stop(id) {
        coroutine.own.acknowledge(id);
        coroutine.cancel_task(py);
    }
    // A stream without credit gets none any more.
    wake(py, id);
}

/// What coroutines may be waiting for has come to call `id`, theirs or ours.
pub(super) fn wake(py: Python<'_>, id: u64) {
    if let Some(Err(error)) = HOOKS.get().map(|hooks| hooks.wake.call1(py, (id,))) {
        error.write_unraisable(py, None);
    }
}

/// ITEM of the stream that the running coroutine answers with. Says what comes next: `more` items, a `pause` because others
/// wait, `room` in the pipe or `credit` that has to come first, or nothing because the stream is `over`.
#[pyfunction]
pub(crate) fn send_item(item: &Bound<'_, PyAny>) -> PyResult<&'static str> {
    let (py, serving) = (item.py(), serving()?);
    let Some((id, own)) = call::current_state() else {
        return Err(PyRuntimeError::new_err("only the coroutine of a stream sends items"));
    };
    if own.is_cancelled(id) {
        // Between two items, as for any stream.
        own.acknowledge(id);
        return Err(cancellation(true));
    }
    let (flags, body) = serving.encode_item(item)?;
    let sent = match serving.core.item(id, flags, body.as_bytes()) {
        Ok(sent) => sent,
        Err(Refused::TooLarge { size, limit }) => {
            serving.fail_too_large(id, "an item of the stream", size, limit);
            return Ok("over");
        }
        Err(_) => return Ok("over"),
    };
    serving.flush_if_helped(py);
    let is_long = STEP_BEGAN.get().is_some_and(|began| began.elapsed() >= TURN);
    Ok(match sent.has_credit {
        false => "credit",
        true if sent.pending > TURN_BYTES => "room",
        true if is_long => "pause",
        true => "more",
    })
}

fn live() -> MutexGuard<'static, Option<HashMap<u64, Py<CallCoroutine>>>> {
    lock(&LIVE)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
