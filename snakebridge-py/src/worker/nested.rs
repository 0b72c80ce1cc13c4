//! Nested calls, on the thread that waits for the host tool that made them.
//!
//! A nested stream belongs to that thread for as long as the host tool runs: it has its turns whenever the thread waits. What
//! is left of it then goes where streams are pulled that are not nested.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::call::{self, ActiveCall};
use super::objects::call_with;
use super::serving::{SERVING, Serving};
use super::stream::{Stream, Turn};
use super::{executor, fork, moved};
use crate::core::{CallRequest, Place, this_thread};

/// A nested stream between two turns.
struct Resting {
    /// The thread whose turn it waits for.
    thread: u64,
    /// The call of ours for which that thread waits.
    awaited: u64,
    stream: Stream,
}

/// All of them. No Python code runs under its lock.
static RESTING: Mutex<Vec<Resting>> = Mutex::new(Vec::new());

/// Streams that are nested no longer, or whose server has stopped, on their way to the main thread. No Python code runs under its lock.
static LEFT_OVER: Mutex<Vec<Stream>> = Mutex::new(Vec::new());

/// The nested streams of the calling thread.
pub(super) fn streams_here() -> Vec<u64> {
    let thread = this_thread();
    lock(&RESTING).iter().filter(|resting| resting.thread == thread).map(|resting| resting.stream.id()).collect()
}

/// Runs a nested call on the calling thread, which waits.
pub(super) fn run(py: Python<'_>, request: CallRequest, body: &[u8]) {
    // A call comes only to a worker that is ready, and one that is nested says in what.
    let (Some(serving), Some(awaited)) = (SERVING.get(), request.surroundings.awaited) else { return };
    if let Some(stream) = instead(py, serving, || run_to_answer(py, request, body, serving)) {
        rest(Resting { thread: this_thread(), awaited, stream }, serving);
    }
}

/// Gives each nested stream of the calling thread, which waits, a turn.
pub(super) fn turn(py: Python<'_>) {
    let (Some(serving), thread) = (SERVING.get(), this_thread()) else { return };
    let mine: Vec<Resting> = lock(&RESTING).extract_if(.., |resting| resting.thread == thread).collect();
    for Resting { awaited, stream, .. } in mine {
        let turn = instead(py, serving, || {
            if stream.is_cancelled() {
                stream.cancel(py, serving);
                return Turn::Over;
            }
            stream.turn(py, serving)
        });
        match turn {
            Turn::More(stream) | Turn::Starved(stream) => rest(Resting { thread, awaited, stream }, serving),
            Turn::Over => {}
        }
    }
}

/// Nobody waits any more for call `awaited` of ours: streams that are nested in it go on elsewhere.
pub(super) fn let_go(awaited: u64) {
    if let Some(serving) = SERVING.get() {
        let left: Vec<Resting> = lock(&RESTING).extract_if(.., |resting| resting.awaited == awaited).collect();
        for Resting { stream, .. } in left {
            leave_over(stream, serving);
        }
    }
}

/// A nested stream was cancelled at rest. On the main thread, which may be quicker than the stream's own. False when there is
/// no such stream.
pub(super) fn cancel(py: Python<'_>, id: u64, serving: &Serving) -> bool {
    let found = lock(&RESTING).extract_if(.., |resting| resting.stream.id() == id).next();
    let is_one = found.is_some();
    if let Some(Resting { stream, .. }) = found {
        stream.cancel(py, serving);
    }
    is_one
}

/// On the main thread, which stops serving: who serves next goes on with its streams.
pub(super) fn leave_to_next(streams: impl IntoIterator<Item = Stream>) {
    lock(&LEFT_OVER).extend(streams);
}

/// On the main thread: streams that are nested no longer.
pub(super) fn left_over() -> Vec<Stream> {
    std::mem::take(&mut lock(&LEFT_OVER))
}

/// The host is gone: all that rests, to be closed.
pub(super) fn drain() -> Vec<Stream> {
    let resting = std::mem::take(&mut *lock(&RESTING)).into_iter().map(|resting| resting.stream);
    resting.chain(left_over()).collect()
}

/// A nested stream rests until its thread waits again, unless nobody waits any more for what it is nested in.
fn rest(resting: Resting, serving: &Serving) {
    // Under the lock, so that `let_go` finds it or this finds that it has been.
    let mut all = lock(&RESTING);
    if serving.core.is_awaited(resting.awaited) {
        all.push(resting);
    } else {
        drop(all);
        leave_over(resting.stream, serving);
    }
}

fn leave_over(mut stream: Stream, serving: &Serving) {
    let (core, id) = (serving.core, stream.id());
    let place = core.place_for_left_over();
    stream.move_to(place);
    if place == Place::Thread {
        core.move_to(id, place);
        executor::adopt(stream, serving);
    } else {
        lock(&LEFT_OVER).push(stream);
        core.move_to(id, place);
    }
}

/// Runs something nested instead of the call that waits on this thread, which goes on afterwards as if nothing had been: its
/// context, its cancellation and its shields are its own.
fn instead<R>(py: Python<'_>, serving: &Serving, work: impl FnOnce() -> R) -> R {
    let outer = call::swap(None);
    let context = outer.as_ref().and_then(|outer| outer.context(py));
    if context.is_some() {
        serving.set_context(py, None);
    }
    serving.core.begin_nested();
    let result = work();
    serving.core.end_nested();
    if context.is_some() {
        serving.set_context(py, context);
    }
    call::swap(outer);
    result
}

/// Runs one call from its beginning to its answer, or to the stream that it answers with. It has been made a running one by
/// whoever took it.
fn run_to_answer(py: Python<'_>, request: CallRequest, body: &[u8], serving: &Serving) -> Option<Stream> {
    let (core, id, place) = (serving.core, request.id, request.place);
    // The core's table and this list were made from the same one, and every nested call has a state.
    let (Some(tool), Some(own)) = (serving.tools.get(request.tool), request.state.clone()) else { return None };
    core.go_on(&own, place);
    call::enter(py, ActiveCall::new(request), serving);
    core.entered(id);
    let result = call_with(tool.run.bind(py), PyBytes::new(py, body).as_any());
    fork::end_if_forked();
    match result {
        Ok(items) if tool.streams => {
            let call = call::leave(py, serving)?;
            let was_cancelled = core.end_turn(id, &own, place);
            if serving.is_coroutine(&items) {
                if call.request.surroundings.occupies_main {
                    moved::refuse(call, &items, serving);
                } else {
                    moved::hand_over(call, own, items, serving);
                }
                return None;
            }
            let stream = Stream::new(call, own, items);
            if was_cancelled {
                stream.cancel(py, serving);
                return None;
            }
            return Some(stream);
        }
        Ok(result) => {
            core.left_nested(id, place);
            serving.reply(id, &tool.name, &result);
        }
        Err(error) => {
            core.left_nested(id, place);
            serving.fail_with(py, id, error);
        }
    }
    call::leave(py, serving).into_iter().for_each(ActiveCall::end);
    None
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
