//! Executor threads: threads of Python that run the calls whose tools say so, several at once.
//!
//! Each waits in the core for a job, runs it, answers and writes by itself. Streams take turns: one that waits for credit is
//! put away here and occupies no thread.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::call::{self, ActiveCall};
use super::objects::call_with;
use super::serving::{SERVING, Serving, serving};
use super::stream::{Stream, Turn};
use super::{fork, moved};
use crate::core::{CallRequest, Job};

/// Streams between two turns, by call id. No Python code runs under its lock.
static AT_REST: Mutex<Option<HashMap<u64, Stream>>> = Mutex::new(None);

/// Run jobs on this thread until the host closes the wire.
#[pyfunction]
pub(crate) fn run_executor(py: Python<'_>) -> PyResult<()> {
    let serving = serving()?;
    while let Some(job) = py.detach(|| serving.core.next_job()) {
        match job {
            Job::Call(request, body) => run(py, request, &body, serving),
            Job::Turn(id) => turn(py, id, serving),
        }
        py.detach(|| {
            // A host that is gone reads nothing, and a write would end the process before its clean-up.
            if serving.core.takes_jobs() {
                serving.core.flush_all();
            }
        });
    }
    Ok(())
}

/// The wire has ended. Streams at rest are closed here; calls that run are cancelled, and end when their tools see it.
pub(super) fn end(py: Python<'_>) {
    let Some(serving) = SERVING.get() else { return };
    for id in serving.core.end_jobs() {
        if let Some(stream) = take(id) {
            stream.abandon(py, serving);
        }
    }
}

fn run(py: Python<'_>, request: CallRequest, body: &[u8], serving: &Serving) {
    let (core, id) = (serving.core, request.id);
    // The core's table and this list were made from the same one, and every job's call has started with a state.
    let (Some(tool), Some(own)) = (serving.tools.get(request.tool), request.state.clone()) else { return };
    call::enter(py, ActiveCall::new(request), serving);
    core.entered(id);
    let result = call_with(tool.run.bind(py), PyBytes::new(py, body).as_any());
    fork::end_if_forked();
    match result {
        Ok(items) if tool.streams => {
            let Some(call) = call::leave(py, serving) else { return };
            let was_cancelled = core.end_turn(id, &own, call.place());
            if serving.is_coroutine(&items) {
                return moved::hand_over(call, own, items, serving);
            }
            let stream = Stream::new(call, own, items);
            if was_cancelled {
                stream.cancel(py, serving);
            } else {
                go_on(py, stream, serving);
            }
            return;
        }
        Ok(result) => {
            core.left_beside(id);
            serving.reply(id, &tool.name, &result);
        }
        Err(error) => {
            core.left_beside(id);
            serving.fail_with(py, id, error);
        }
    }
    call::leave(py, serving).into_iter().for_each(ActiveCall::end);
}

/// A stream's turn, because it got credit, is cancelled, or had to let others go first.
fn turn(py: Python<'_>, id: u64, serving: &Serving) {
    if let Some(stream) = take(id) {
        go_on(py, stream, serving);
    }
}

fn go_on(py: Python<'_>, stream: Stream, serving: &Serving) {
    let id = stream.id();
    if stream.is_cancelled() {
        return stream.cancel(py, serving);
    }
    // Put away first: another thread may have the next turn at once.
    match stream.turn(py, serving) {
        Turn::More(stream) => {
            put_away(stream);
            serving.core.queue_turn(id);
        }
        Turn::Starved(stream) => {
            put_away(stream);
            serving.core.park(id);
        }
        Turn::Over => {}
    }
}

/// A stream that was nested has its turns here from now on.
pub(super) fn adopt(stream: Stream, serving: &Serving) {
    let id = stream.id();
    put_away(stream);
    serving.core.queue_turn(id);
}

fn put_away(stream: Stream) {
    let mut at_rest = AT_REST.lock().unwrap_or_else(PoisonError::into_inner);
    at_rest.get_or_insert_default().insert(stream.id(), stream);
}

fn take(id: u64) -> Option<Stream> {
    AT_REST.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.remove(&id)
}
