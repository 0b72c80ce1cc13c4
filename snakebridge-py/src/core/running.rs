//! Which call runs on the main thread, and whether it has been told that it is cancelled. Pure atomics.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use crate::system::clock::Nanoseconds;

/// Ids of the running and of the cancelled call; 0 is no call.
///
/// A call is made the running one under the `state` lock, in the same breath in which it is taken out of the queue or the
/// buffer. So a CANCEL, which is acted on under that lock, finds it in the queue or running, never in between.
#[derive(Debug, Default)]
pub(crate) struct Running {
    id: AtomicU64,
    since: AtomicU64,
    cancelled: AtomicU64,
    /// The last cancelled call in which the cancellation was raised.
    acknowledged: AtomicU64,
}

impl Running {
    /// Call `id` runs from now on. Under `state`.
    pub(super) fn begin(&self, id: u64) {
        self.since.store(Nanoseconds::about_now().0, Relaxed); // published by the id
        self.id.store(id, SeqCst);
    }

    /// Call `id` cleans up after its cancellation, and is not told again.
    pub(super) fn begin_cleanup(&self, id: u64) {
        self.acknowledged.store(id, SeqCst);
        self.begin(id);
    }

    /// Nothing runs.
    pub(super) fn end(&self) {
        self.id.store(0, SeqCst);
    }

    /// Whether a call runs.
    pub(super) fn is_something(&self) -> bool {
        self.id.load(SeqCst) != 0
    }

    /// What runs, and for how long; 0 for nothing.
    pub(super) fn report(&self) -> (u64, Duration) {
        match self.id.load(SeqCst) {
            0 => (0, Duration::ZERO),
            id => (id, Nanoseconds::about_now().since(Nanoseconds(self.since.load(Relaxed)))),
        }
    }

    /// Cancels call `id` if it is the one that runs. Under `state`. True when it has to be interrupted.
    pub(super) fn cancel(&self, id: u64) -> bool {
        let runs = self.id.load(SeqCst) == id;
        if runs {
            self.cancelled.store(id, SeqCst);
        }
        runs
    }

    /// Whether call `id` was cancelled while it ran.
    pub(crate) fn is_cancelled(&self, id: u64) -> bool {
        self.cancelled.load(SeqCst) == id
    }

    /// Whether the running call is cancelled and has not been told.
    pub(super) fn is_unacknowledged(&self) -> bool {
        let id = self.id.load(SeqCst);
        id != 0 && self.cancelled.load(SeqCst) == id && self.acknowledged.load(SeqCst) != id
    }

    /// On the main thread: whether the cancellation is to be raised now. Says so once for each call, and never for a signal
    /// that was meant for an earlier one.
    pub(crate) fn take_cancellation(&self) -> bool {
        let due = self.is_unacknowledged();
        if due {
            self.acknowledged.store(self.id.load(SeqCst), SeqCst);
        }
        due
    }

    /// What was raised had no effect.
    pub(super) fn forget_acknowledgement(&self) {
        self.acknowledged.store(0, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancellation_is_raised_once_in_the_call_it_was_meant_for() {
        let running = Running::default();
        running.begin(1);
        assert!(!running.take_cancellation());
        assert!(running.cancel(1) && running.is_unacknowledged());
        assert!(running.take_cancellation() && !running.take_cancellation() && !running.is_unacknowledged());
        running.forget_acknowledgement();
        assert!(running.take_cancellation(), "it was swallowed, so it is raised again");
    }

    #[test]
    fn a_late_signal_never_hits_the_next_call() {
        let running = Running::default();
        running.begin(1);
        running.cancel(1);
        running.end();
        assert!(!running.take_cancellation());
        running.begin(3);
        assert!(!running.take_cancellation());
        assert!(!running.cancel(1), "it has ended");
    }

    #[test]
    fn a_call_that_cleans_up_is_not_told_again() {
        let running = Running::default();
        running.begin(1);
        running.cancel(1);
        running.end();
        running.begin_cleanup(1);
        assert!(!running.take_cancellation() && running.report().0 == 1);
    }
}
