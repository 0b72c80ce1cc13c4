//! Calls from Python to tools of the host.

use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use snakebridge::wire::Executed;
use snakebridge::wire::limits::is_target;
use snakebridge::wire::peer::{Refused, Request};

use super::call::Call;
use super::errors::{error_body, too_large_body};
use super::exceptions::{cancellation, remote_error};
use super::{core, fork, nested};
use crate::core::{Answer, Arrival, Awaited, Core, Interest};
use crate::system::clock::Nanoseconds;

/// Call a tool of the host inside `call` and wait for its reply (GIL released). Raises `RemoteError`, or `Cancelled`.
#[pyfunction]
#[pyo3(signature = (call, target, body, timeout, meta=None))]
pub(crate) fn host_call<'py>(
    py: Python<'py>,
    call: &Bound<'py, Call>,
    target: &str,
    body: &[u8],
    timeout: Option<f64>,
    meta: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (core, call) = (host()?, call.get());
    let inside = call.inside(core);
    let (id, patience) = send(core, call, (target, meta), body, timeout, false, Interest::Thread(core.waiter(inside)))?;
    loop {
        let streams = nested::streams_here();
        let (reason, error) = match py.detach(|| core.await_answer(id, inside, patience, &streams)) {
            Awaited::Done(Arrival::Awaited(answer)) => {
                nested::let_go(id);
                return result(py, answer);
            }
            Awaited::Done(Arrival::Call(request, body)) => {
                nested::run(py, request, &body);
                continue;
            }
            Awaited::Done(Arrival::Turn) => {
                nested::turn(py);
                continue;
            }
            Awaited::Signal => match py.check_signals() {
                Ok(()) => continue,
                Err(error) => ("interrupted", error),
            },
            Awaited::Cancelled => ("cancelled", cancellation(call.is_step(core))),
            Awaited::Deadline => ("deadline", passed(target, Executed::Maybe)),
        };
        py.detach(|| {
            core.abandon(id, reason);
            core.flush();
        });
        nested::let_go(id);
        return Err(error);
    }
}

/// Call a tool of the host inside `call` from a coroutine on the event loop, and return the id of the call. The loop is told
/// when the answer has come.
#[pyfunction]
#[pyo3(signature = (call, target, body, meta=None))]
pub(crate) fn begin_host_call(call: &Bound<'_, Call>, target: &str, body: &[u8], meta: Option<&[u8]>) -> PyResult<u64> {
    let call = call.get();
    send(host()?, call, (target, meta), body, None, false, Interest::Loop(call.surroundings)).map(|(id, _)| id)
}

/// The answer to the call `id` of ours, which has come. Raises `RemoteError`.
#[pyfunction]
pub(crate) fn take_answer(py: Python<'_>, id: u64) -> PyResult<Bound<'_, PyBytes>> {
    match host()?.take_answer(id) {
        Some(answer) => result(py, answer),
        None => Err(PyRuntimeError::new_err(format!("no answer to call {id} has come"))),
    }
}

/// Nobody waits any more for the answer to the call `id` of ours.
#[pyfunction]
pub(crate) fn abandon_host_call(id: u64) -> PyResult<()> {
    host()?.abandon(id, "cancelled");
    Ok(())
}

/// The worker, for what it asks of its host.
pub(super) fn host() -> PyResult<&'static Core> {
    if fork::is_forked() {
        return Err(PyRuntimeError::new_err(
            "a forked child has no host: call the host's tools from the worker itself",
        ));
    }
    core()
}

/// CALL of `target`, with encoded metadata. Returns its id, and the end of the wait for its answer.
pub(super) fn send(
    core: &Core,
    call: &Call,
    (target, meta): (&str, Option<&[u8]>),
    body: &[u8],
    timeout: Option<f64>,
    stream: bool,
    interest: Interest,
) -> PyResult<(u64, Option<Nanoseconds>)> {
    let now = Nanoseconds::now();
    let patience = patience(timeout, now)?;
    let remaining = [patience, deadline(call)].into_iter().flatten().min().map(|end| end.since(now));
    if remaining == Some(Duration::ZERO) {
        return Err(passed(target, Executed::Never));
    }
    if !is_target(target) {
        let message = format!("`{}` is no name of a tool", target.escape_debug());
        return Err(failure("invalid_argument", Executed::Never, message));
    }
    let request = Request {
        target,
        stream,
        remaining: remaining.map(|remaining| u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX).max(1)),
        parent: Some(call.id()),
        meta,
        ..Request::default()
    };
    match core.call_host(call.id(), &request, body, interest) {
        Some(Ok(id)) => Ok((id, patience)),
        Some(Err(refused)) => Err(not_sent(target, refused)),
        None => {
            let message = format!("the call inside which `{target}` was called has ended");
            Err(failure("call_ended", Executed::Never, message))
        }
    }
}

fn result(py: Python<'_>, answer: Answer) -> PyResult<Bound<'_, PyBytes>> {
    match answer {
        Answer::Reply(body) => Ok(PyBytes::new(py, &body)),
        Answer::Failure { code, executed, body } => Err(remote_error(&code, executed, &body)),
        // Only a stream has an end.
        Answer::End => Ok(PyBytes::new(py, &[])),
    }
}

/// The end of a wait of `timeout` seconds.
///
/// The call's own deadline does not end the wait here: the host keeps it, answers its caller, and cancels the call, which
/// ends the wait. Two clocks that run out together would make it a matter of luck which error the caller gets.
fn patience(timeout: Option<f64>, now: Nanoseconds) -> PyResult<Option<Nanoseconds>> {
    match timeout {
        Some(seconds) if seconds.is_nan() => Err(PyValueError::new_err("a timeout of nan seconds")),
        // Beyond what a duration can hold is no timeout; below zero is none left.
        Some(seconds) => Ok(Duration::try_from_secs_f64(seconds.max(0.0)).ok().map(|timeout| now.after(timeout))),
        None => Ok(None),
    }
}

/// When the caller of `call` stops waiting.
fn deadline(call: &Call) -> Option<Nanoseconds> {
    let since_start = Duration::try_from_secs_f64(call.deadline?).ok()?;
    Some(Nanoseconds::default().after(since_start))
}

fn failure(code: &str, executed: Executed, message: String) -> PyErr {
    remote_error(code, executed, &error_body(code, message))
}

fn passed(target: &str, executed: Executed) -> PyErr {
    failure("deadline_exceeded", executed, format!("the deadline passed while `{target}` of the host was called"))
}

fn not_sent(target: &str, refused: Refused) -> PyErr {
    match refused {
        Refused::TooLarge { size, limit } => {
            let body = too_large_body(&format!("what `{target}` was called with"), size, limit);
            remote_error("payload_too_large", Executed::Never, &body)
        }
        Refused::TooMany => {
            failure("queue_full", Executed::Never, "too many calls to the host are unanswered".to_owned())
        }
        Refused::Invalid(what) => failure("invalid_argument", Executed::Never, format!("`{target}`: {what}")),
        Refused::NotOpen | Refused::NotServed | Refused::NoCredit => {
            failure("shutting_down", Executed::Never, "the connection to the host is not open".to_owned())
        }
    }
}
