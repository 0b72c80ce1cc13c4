//! Streams that turn out to be asynchronous once their function has returned: it has made a coroutine, which sends the items.
//!
//! Their calls move to the event loop, wherever they began. Where no loop serves the main thread stops serving by itself, and
//! the Python half has a loop serve from then on: a worker that meets nothing asynchronous never loads asyncio.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use snakebridge::wire::Executed;

use super::call::ActiveCall;
use super::coroutine::{self, HOOKS};
use super::errors::error_body;
use super::serving::Serving;
use crate::core::{CallState, Place};

const BLOCKED: &str = "the event loop of this worker, on which what is asynchronous is iterated over, is blocked by a tool that \
                       waits for the call: let that be `async def` and use `await context.acall_tool(..)` there";

/// A call on its way to the loop.
struct Moved {
    call: ActiveCall,
    coroutine: Py<PyAny>,
}

/// All of them, oldest first. No Python code runs under its lock.
static MOVED: Mutex<Vec<Moved>> = Mutex::new(Vec::new());

/// The function of `call`, which rests now and whose state is `own`, has returned `coroutine`.
pub(super) fn hand_over(call: ActiveCall, own: Arc<CallState>, coroutine: Bound<'_, PyAny>, serving: &Serving) {
    let id = call.id();
    let moved = Moved { call: call.begin_on_loop(own), coroutine: coroutine.unbind() };
    // Under the lock, so that the main thread finds it once it has been told.
    let mut all = lock();
    serving.core.move_to(id, Place::Loop);
    all.push(moved);
}

/// The same of a call that is nested in one for which the main thread waits, and the loop with it: that would never go on.
pub(super) fn refuse(call: ActiveCall, coroutine: &Bound<'_, PyAny>, serving: &Serving) {
    let id = call.id();
    close(coroutine);
    serving.core.left_beside(id);
    serving.core.fail(id, "would_deadlock", Executed::Never, &error_body("would_deadlock", BLOCKED));
    call.end();
}

/// On the main thread: begins what has come, if a loop serves.
pub(super) fn begin(py: Python<'_>, serving: &Serving) {
    if HOOKS.get().is_some() {
        for Moved { call, coroutine } in take() {
            coroutine::adopt(call, coroutine.into_bound(py), serving);
        }
    }
}

/// Whether something waits for a loop, and none serves.
pub(super) fn want_loop() -> bool {
    HOOKS.get().is_none() && !lock().is_empty()
}

/// The host is gone: nothing of them begins.
pub(super) fn abandon(py: Python<'_>) {
    for Moved { coroutine, .. } in take() {
        close(coroutine.bind(py));
    }
}

/// A coroutine that has not begun, and never will.
fn close(coroutine: &Bound<'_, PyAny>) {
    if let Err(error) = coroutine.call_method0("close") {
        error.write_unraisable(coroutine.py(), Some(coroutine));
    }
}

fn take() -> Vec<Moved> {
    std::mem::take(&mut *lock())
}

fn lock() -> MutexGuard<'static, Vec<Moved>> {
    MOVED.lock().unwrap_or_else(PoisonError::into_inner)
}
