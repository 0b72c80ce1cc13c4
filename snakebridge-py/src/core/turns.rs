//! Calls that others run beside: a stream gets turns, a coroutine steps, an executor thread jobs.
//!
//! Everything here is done under the lock under which CANCEL and CREDIT are acted on. So either finds a call running or at
//! rest, never on the way from one to the other.

use std::sync::{Arc, PoisonError};

use super::Core;
use super::call_state::CallState;
use super::running::Place;
use super::state::{Job, State};

impl Core {
    /// Call `id`, which has run on the main thread until now, goes on as a stream. It rests.
    pub(crate) fn begin_stream(&self, id: u64) -> Arc<CallState> {
        let mut state = self.state();
        let own = state.beside.begin(id, Place::Main);
        if self.running.shared().is_cancelled(id) {
            own.cancel(id);
        }
        own.end();
        self.running.end();
        own
    }

    /// Whether the stream that answers call `id` may send an item.
    pub(crate) fn has_credit(&self, id: u64) -> bool {
        self.state().peer.may_send(id)
    }

    /// Begins a turn of stream `id` if it has credit, and says whether it has.
    pub(crate) fn begin_turn(&self, id: u64, own: &Arc<CallState>, place: Place) -> bool {
        let mut state = self.state();
        let has_credit = state.peer.may_send(id);
        if has_credit {
            own.resume(id);
            if place == Place::Main {
                self.running.switch(Some(own.clone()));
            }
        }
        has_credit
    }

    /// Ends a turn; true when the stream was cancelled meanwhile. Later cancellations find it at rest.
    pub(crate) fn end_turn(&self, id: u64, own: &CallState, place: Place) -> bool {
        let _state = self.state();
        own.end();
        if place == Place::Main {
            self.running.switch(None);
        }
        own.is_cancelled(id)
    }

    /// Call `own` is what the main thread runs, if it is there that it runs.
    pub(crate) fn go_on(&self, own: &Arc<CallState>, place: Place) {
        if place == Place::Main {
            let _state = self.state();
            self.running.switch(Some(own.clone()));
        }
    }

    /// A stream's generator is about to be closed: it counts as running and is not interrupted.
    pub(crate) fn begin_cleanup(&self, id: u64, own: &Arc<CallState>, place: Place) {
        let _state = self.state();
        own.begin_cleanup(id);
        if place == Place::Main {
            self.running.switch(Some(own.clone()));
        }
    }

    /// Call `id` with a state of its own has left user code for good.
    pub(crate) fn left_beside(&self, id: u64) {
        if let Some(page) = self.status_page.get() {
            page.finished(id);
        }
        self.state().beside.end(id);
    }

    /// Nested call `id` has left user code for good.
    pub(crate) fn left_nested(&self, id: u64, place: Place) {
        self.left_beside(id);
        if place == Place::Main {
            let _state = self.state();
            self.running.switch(None);
        }
    }

    /// On the main thread: a coroutine makes a step. Returns what ran before, for [`end_step`](Self::end_step).
    pub(crate) fn begin_step(&self, own: &Arc<CallState>) -> Option<Arc<CallState>> {
        let _state = self.state();
        self.running.switch(Some(own.clone()))
    }

    /// On the main thread: the step is over. True when the coroutine is cancelled and has not been told in it.
    pub(crate) fn end_step(&self, own: &CallState, before: Option<Arc<CallState>>) -> bool {
        let _state = self.state();
        self.running.switch(before);
        own.take_cancellation()
    }

    /// On an executor thread: what to do next; `None` when it is to end. Waits without the GIL.
    pub(crate) fn next_job(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.no_more_jobs {
                return None;
            }
            if let Some(job) = state.take_job() {
                return Some(job);
            }
            state = self.jobs.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the executor threads go on.
    pub(crate) fn takes_jobs(&self) -> bool {
        !self.state().no_more_jobs
    }

    /// A stream of the executor threads could go on at once, but others come first.
    pub(crate) fn queue_turn(&self, id: u64) {
        self.state().add_job(Job::Turn(id));
        self.jobs.notify_one();
    }

    /// A stream of the executor threads has been put away until it gets credit or is cancelled, which may have happened.
    pub(crate) fn park(&self, id: u64) {
        let mut state = self.state();
        let may_send = state.peer.may_send(id);
        let Some(call) = state.beside.get_mut(id) else { return };
        call.is_parked = true;
        if may_send || call.state.is_cancelled(id) {
            self.unpark(id, &mut state);
        }
    }

    /// Gives stream `id` a turn if it is put away.
    pub(super) fn unpark(&self, id: u64, state: &mut State) {
        if state.beside.get_mut(id).is_some_and(|call| std::mem::take(&mut call.is_parked)) {
            state.add_job(Job::Turn(id));
            self.jobs.notify_one();
        }
    }

    /// The host is gone: the executor threads finish what they run, which is cancelled, and end. Returns the streams that
    /// they leave at rest.
    pub(crate) fn end_jobs(&self) -> Vec<u64> {
        let mut state = self.state();
        state.no_more_jobs = true;
        let mut at_rest = Vec::new();
        for (id, call) in state.beside.iter().filter(|(_, call)| call.place == Place::Thread) {
            call.state.cancel(id);
            if call.state.running().is_none() {
                at_rest.push(id);
            }
        }
        drop(state);
        self.jobs.notify_all();
        self.arrivals.notify_all();
        at_rest
    }
}
