//! Whether one call runs, whether it is cancelled, and whether it has been told so. Pure atomics.

use crate::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

use crate::system::clock::Nanoseconds;

/// The state of the call whose id it holds; 0 is no call.
///
/// Short calls on the main thread share one of these, one after the other, because most calls need nothing of their own. A
/// call that others run beside (a stream, a coroutine, a call on an executor thread) has one to itself.
#[derive(Debug, Default)]
pub(crate) struct CallState {
    id: AtomicU64,
    since: AtomicU64,
    cancelled: AtomicU64,
    /// The last cancelled call in which the cancellation was raised.
    acknowledged: AtomicU64,
    /// How many sections that must finish the call is inside of.
    shields: AtomicU32,
}

impl CallState {
    /// Call `id` starts. Under `state`.
    pub(super) fn begin(&self, id: u64) {
        self.shields.store(0, Relaxed); // published by the id, like the time
        self.resume(id);
    }

    /// Call `id` goes on after a rest. Under `state`.
    pub(super) fn resume(&self, id: u64) {
        self.since.store(Nanoseconds::about_now().0, Relaxed);
        self.id.store(id, SeqCst);
    }

    /// Call `id` cleans up after its cancellation, and is not told again.
    pub(super) fn begin_cleanup(&self, id: u64) {
        self.acknowledged.store(id, SeqCst);
        self.resume(id);
    }

    /// Nothing runs.
    pub(super) fn end(&self) {
        self.id.store(0, SeqCst);
    }

    /// Whether it is call `id` that runs.
    pub(super) fn runs(&self, id: u64) -> bool {
        self.id.load(SeqCst) == id
    }

    /// What runs, and since when.
    pub(super) fn running(&self) -> Option<(u64, Nanoseconds)> {
        let id = self.id.load(SeqCst);
        (id != 0).then(|| (id, Nanoseconds(self.since.load(Relaxed))))
    }

    /// Cancels call `id`. Under `state`.
    pub(super) fn cancel(&self, id: u64) {
        self.cancelled.store(id, SeqCst);
    }

    /// Whether call `id` was cancelled.
    pub(crate) fn is_cancelled(&self, id: u64) -> bool {
        self.cancelled.load(SeqCst) == id
    }

    /// Whether call `id` is cancelled and outside of every section that must finish.
    pub(crate) fn must_stop(&self, id: u64) -> bool {
        self.is_cancelled(id) && self.shields.load(SeqCst) == 0
    }

    /// Whether the running call must stop and has not been told.
    pub(super) fn is_unacknowledged(&self) -> bool {
        let id = self.id.load(SeqCst);
        id != 0 && self.must_stop(id) && self.acknowledged.load(SeqCst) != id
    }

    /// Whether the cancellation is to be raised now. Says so once for each call, and never for a signal that was meant for an
    /// earlier one. On the thread that runs the call.
    pub(super) fn take_cancellation(&self) -> bool {
        let due = self.is_unacknowledged();
        if due {
            self.acknowledge(self.id.load(SeqCst));
        }
        due
    }

    /// Call `id` has been told.
    pub(crate) fn acknowledge(&self, id: u64) {
        self.acknowledged.store(id, SeqCst);
    }

    /// What was raised had no effect. True when it is to be raised again.
    pub(super) fn forget_acknowledgement(&self) -> bool {
        self.acknowledged.store(0, SeqCst);
        self.is_unacknowledged()
    }

    /// Call `id` enters a section that must finish.
    pub(crate) fn begin_shield(&self, id: u64) {
        if self.runs(id) {
            self.shields.fetch_add(1, SeqCst);
        }
    }

    /// Call `id` leaves a section that must finish. True when it was the outermost one and the cancellation is to be raised now.
    pub(crate) fn end_shield(&self, id: u64) -> bool {
        self.runs(id) && self.shields.fetch_sub(1, SeqCst) == 1 && self.take_cancellation()
    }
}

/// How long ago `since` was, as PONG says it.
pub(super) fn running_for(since: Nanoseconds) -> Duration {
    Nanoseconds::about_now().since(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call that runs and is cancelled.
    fn cancelled(id: u64) -> CallState {
        let call = CallState::default();
        call.begin(id);
        call.cancel(id);
        call
    }

    #[test]
    fn a_cancellation_is_raised_once_in_the_call_it_was_meant_for() {
        let call = CallState::default();
        call.begin(1);
        assert!(!call.take_cancellation());
        call.cancel(1);
        assert!(call.is_unacknowledged());
        assert!(call.take_cancellation() && !call.take_cancellation() && !call.is_unacknowledged());
        assert!(call.forget_acknowledgement(), "it was swallowed");
        assert!(call.take_cancellation(), "so it is raised again");
    }

    #[test]
    fn a_late_signal_never_hits_the_next_call() {
        let call = cancelled(1);
        call.end();
        assert!(!call.take_cancellation());
        call.begin(3);
        assert!(!call.take_cancellation());
        assert!(!call.forget_acknowledgement(), "the call that was cancelled has ended");
    }

    #[test]
    fn a_call_that_cleans_up_is_not_told_again() {
        let call = cancelled(1);
        call.end();
        call.begin_cleanup(1);
        assert!(!call.take_cancellation() && call.running().is_some_and(|(id, _)| id == 1));
    }

    #[test]
    fn nothing_is_raised_inside_a_shield_and_what_came_meanwhile_at_the_end_of_the_outermost() {
        let call = CallState::default();
        call.begin(1);
        call.begin_shield(1);
        call.begin_shield(1);
        call.cancel(1);
        assert!(!call.take_cancellation() && !call.must_stop(1) && call.is_cancelled(1));
        assert!(!call.end_shield(1), "an inner one");
        assert!(!call.take_cancellation());
        assert!(call.end_shield(1));
        assert!(!call.take_cancellation(), "the shield has told it");
    }

    #[test]
    fn a_shield_that_outlives_its_call_leaves_the_next_one_unprotected() {
        let call = CallState::default();
        call.begin(1);
        call.begin_shield(1);
        call.end();
        call.begin(3);
        assert!(!call.end_shield(1));
        call.cancel(3);
        assert!(call.take_cancellation());
    }

    #[test]
    fn a_shield_holds_while_a_stream_rests() {
        let call = CallState::default();
        call.begin(1);
        call.begin_shield(1);
        call.end();
        call.cancel(1);
        call.resume(1);
        assert!(!call.take_cancellation());
        assert!(call.end_shield(1));
    }
}
