//! A streaming tool's generator, pulled a little at a time.

use std::time::{Duration, Instant};

use pyo3::prelude::*;
use snakebridge::wire::peer::Refused;

use super::call::{self, ActiveCall};
use super::fork;
use super::objects::{Step, advance};
use super::serving::Serving;

/// The longest turn of one stream, while other calls wait.
const TURN: Duration = Duration::from_micros(250);
/// The most that may wait to be written when a turn goes on.
const TURN_BYTES: usize = 32 * 1024;
/// While items come fast, the clock is looked at only every so many of them.
const MAX_STRIDE: u32 = 16;

/// A generator that is being pulled, or another iterator.
pub(super) struct Stream<'py> {
    call: ActiveCall,
    items: Bound<'py, PyAny>,
    /// Items between two looks at the clock.
    stride: u32,
}

/// How it stands with a stream after a turn.
pub(super) enum Turn<'py> {
    /// It could go on at once.
    More(Stream<'py>),
    /// It waits for credit.
    Starved(Stream<'py>),
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

impl<'py> Stream<'py> {
    pub(super) fn new(call: ActiveCall, items: Bound<'py, PyAny>) -> Self {
        Self { call, items, stride: 1 }
    }

    pub(super) fn id(&self) -> u64 {
        self.call.id()
    }

    /// Pulls items while there is credit and time, in the context of the stream's own call.
    pub(super) fn turn(self, serving: &Serving<'py>) -> Turn<'py> {
        let id = self.id();
        if !serving.core.begin_turn(id) {
            return Turn::Starved(self);
        }
        let Self { call, items, mut stride } = self;
        call::enter(call);
        let stop = pull(&items, id, &mut stride, serving);
        let was_cancelled = serving.core.end_turn(id);
        match stop {
            Stop::Time | Stop::Credit if was_cancelled => {
                close(&items, id, serving);
                serving.fail_cancelled(id);
            }
            Stop::Time | Stop::Credit => {
                // Entered above, and nothing else takes it out.
                let Some(call) = call::leave() else { return Turn::Over };
                let stream = Self { call, items, stride };
                return if matches!(stop, Stop::Time) { Turn::More(stream) } else { Turn::Starved(stream) };
            }
            Stop::Returned(value) => serving.end_stream(id, &value),
            Stop::Raised(error) => {
                // The generator is alive where it was not itself that raised, but the encoding of an item.
                close(&items, id, serving);
                serving.fail_with(id, error);
            }
            Stop::TooLarge { size, limit } => {
                close(&items, id, serving);
                serving.fail_too_large(id, "an item of the stream", size, limit);
            }
        }
        serving.core.left(id);
        call::leave().into_iter().for_each(ActiveCall::end);
        serving.flush_if_helped();
        Turn::Over
    }

    /// The caller does not want the rest.
    pub(super) fn cancel(self, serving: &Serving<'py>) {
        let id = self.id();
        self.call.mark_cancelled();
        self.close_with(serving, |serving| serving.fail_cancelled(id));
    }

    /// The host is gone: nobody is to be answered, but `finally` blocks run.
    pub(super) fn abandon(self, serving: &Serving<'py>) {
        self.close_with(serving, |_| {});
    }

    fn close_with(self, serving: &Serving<'py>, answer: impl FnOnce(&Serving<'py>)) {
        let Self { call, items, .. } = self;
        let id = call.id();
        call::enter(call);
        close(&items, id, serving);
        answer(serving);
        serving.core.left(id);
        call::leave().into_iter().for_each(ActiveCall::end);
        serving.flush_if_helped();
    }
}

fn pull<'py>(items: &Bound<'py, PyAny>, id: u64, stride: &mut u32, serving: &Serving<'py>) -> Stop<'py> {
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
        serving.flush_if_helped();
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
fn close(items: &Bound<'_, PyAny>, id: u64, serving: &Serving<'_>) {
    let Ok(Some(close)) = items.getattr_opt("close") else { return };
    serving.core.begin_cleanup(id);
    let closed = close.call0();
    fork::end_if_forked();
    serving.core.end_turn(id);
    if let Err(error) = closed {
        error.write_unraisable(items.py(), Some(items));
    }
}
