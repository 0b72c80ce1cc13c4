//! A streaming tool's generator, pulled a little at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use snakebridge::wire::Executed;
use snakebridge::wire::peer::Refused;

use super::call::{self, ActiveCall};
use super::fork;
use super::objects::{Step, advance};
use super::serving::Serving;
use crate::core::{CallState, Place};

/// The longest turn of one stream, while other calls wait.
pub(super) const TURN: Duration = Duration::from_micros(250);
/// The most that may wait to be written when a turn goes on.
pub(super) const TURN_BYTES: usize = 32 * 1024;
/// While items come fast, the clock is looked at only every so many of them.
const MAX_STRIDE: u32 = 16;

/// A generator that is being pulled, or another iterator.
#[derive(Debug)]
pub(super) struct Stream {
    call: ActiveCall,
    own: Arc<CallState>,
    items: Py<PyAny>,
    /// Items between two looks at the clock.
    stride: u32,
}

/// How it stands with a stream after a turn.
pub(super) enum Turn {
    /// It could go on at once.
    More(Stream),
    /// It waits for credit.
    Starved(Stream),
    /// It is over and answered.
    Over,
}

/// Why nothing more is pulled for now, or for ever.
enum Stop<'py> {
    Time,
    Credit,
    Returned(Bound<'py, PyAny>),
    Raised(PyErr),
    TooLarge { size: u64, limit: u64 },
}

impl Stream {
    /// The stream that `call` has begun; `own` is the state of that call.
    pub(super) fn new(mut call: ActiveCall, own: Arc<CallState>, items: Bound<'_, PyAny>) -> Self {
        call.set_state(own.clone());
        Self { call, own, items: items.unbind(), stride: 1 }
    }

    pub(super) fn id(&self) -> u64 {
        self.call.id()
    }

    /// From now on it has its turns there.
    pub(super) fn move_to(&mut self, place: Place) {
        self.call.move_to(place);
    }

    /// Whether its caller does not want the rest.
    pub(super) fn is_cancelled(&self) -> bool {
        self.own.is_cancelled(self.id())
    }

    /// Pulls items while there is credit and time, in the context of the stream's own call.
    pub(super) fn turn(self, py: Python<'_>, serving: &Serving) -> Turn {
        let (id, place) = (self.id(), self.call.place());
        if !serving.core.begin_turn(id, &self.own, place) {
            return Turn::Starved(self);
        }
        let Self { call, own, items, mut stride } = self;
        let bound = items.bind(py);
        call::enter(py, call, serving);
        let stop = pull(bound, id, place, &mut stride, serving);
        let was_cancelled = serving.core.end_turn(id, &own, place);
        match stop {
            Stop::Time | Stop::Credit if was_cancelled => {
                close(bound, id, &own, place, serving);
                serving.fail_cancelled(id, Executed::Maybe);
            }
            Stop::Time | Stop::Credit => {
                // Entered above, and nothing else takes it out.
                let Some(call) = call::leave(py, serving) else { return Turn::Over };
                let stream = Self { call, own, items, stride };
                return if matches!(stop, Stop::Time) { Turn::More(stream) } else { Turn::Starved(stream) };
            }
            Stop::Returned(value) => serving.end_stream(id, &value),
            Stop::Raised(error) => {
                // The generator is alive where it was not itself that raised, but the encoding of an item.
                close(bound, id, &own, place, serving);
                serving.fail_with(py, id, error);
            }
            Stop::TooLarge { size, limit } => {
                close(bound, id, &own, place, serving);
                serving.fail_too_large(id, "an item of the stream", size, limit);
            }
        }
        finish(py, id, serving);
        Turn::Over
    }

    /// The caller does not want the rest.
    pub(super) fn cancel(self, py: Python<'_>, serving: &Serving) {
        let id = self.id();
        self.close_with(py, serving, |serving| serving.fail_cancelled(id, Executed::Maybe));
    }

    /// The host is gone: nobody is to be answered, but `finally` blocks run.
    pub(super) fn abandon(self, py: Python<'_>, serving: &Serving) {
        self.close_with(py, serving, |_| {});
    }

    fn close_with(self, py: Python<'_>, serving: &Serving, answer: impl FnOnce(&Serving)) {
        let Self { call, own, items, .. } = self;
        let (id, place) = (call.id(), call.place());
        call::enter(py, call, serving);
        close(items.bind(py), id, &own, place, serving);
        answer(serving);
        finish(py, id, serving);
    }
}

/// The stream of call `id` has been answered.
fn finish(py: Python<'_>, id: u64, serving: &Serving) {
    call::leave(py, serving).into_iter().for_each(ActiveCall::end);
    serving.core.left_beside(id);
    serving.flush_if_helped(py);
}

fn pull<'py>(items: &Bound<'py, PyAny>, id: u64, place: Place, stride: &mut u32, serving: &Serving) -> Stop<'py> {
    let began = Instant::now();
    let mut until_look = *stride;
    loop {
        let step = advance(items);
        fork::end_if_forked();
        let item = match step {
            Ok(Step::Item(item)) => item,
            Ok(Step::Return(value)) => return Stop::Returned(value),
            Err(error) => return Stop::Raised(error),
        };
        let (flags, body) = match serving.encode_item(&item) {
            Ok(encoded) => encoded,
            Err(error) => return Stop::Raised(error),
        };
        let sent = match serving.core.item(id, flags, body.as_bytes()) {
            Ok(sent) => sent,
            Err(Refused::TooLarge { size, limit }) => return Stop::TooLarge { size, limit },
            // Without credit no item is pulled; and a call that is answered already has no turn.
            Err(_) => return Stop::Credit,
        };
        // The next item may take its time.
        if place == Place::Thread {
            // Nobody helps a thread. Where the pipe is full the rest waits for the end of the turn.
            serving.core.write_pending();
        } else {
            serving.flush_if_helped(items.py());
        }
        if !sent.has_credit {
            return Stop::Credit;
        }
        if sent.pending > TURN_BYTES {
            return Stop::Time;
        }
        until_look -= 1;
        if until_look == 0 {
            let elapsed = began.elapsed();
            *stride = if elapsed < TURN / 4 { (*stride * 2).min(MAX_STRIDE) } else { 1 };
            if elapsed >= TURN {
                return Stop::Time;
            }
            until_look = *stride;
        }
    }
}

/// Closes the generator, so that its `finally` blocks run, as part of its call. Nobody waits for what they raise, so it goes
/// where Python reports such things.
fn close(items: &Bound<'_, PyAny>, id: u64, own: &Arc<CallState>, place: Place, serving: &Serving) {
    let Ok(Some(close)) = items.getattr_opt("close") else { return };
    serving.core.begin_cleanup(id, own, place);
    let closed = close.call0();
    fork::end_if_forked();
    serving.core.end_turn(id, own, place);
    if let Err(error) = closed {
        error.write_unraisable(items.py(), Some(items));
    }
}
