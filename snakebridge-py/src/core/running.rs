//! Which calls run: the one on the main thread, and those beside it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::call_state::{CallState, running_for};
use super::lock;

/// Where a tool runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the main thread, from beginning to end; a stream a turn at a time.
    Main,
    /// On one of the executor threads.
    Thread,
    /// On the main thread's event loop, a step at a time.
    Loop,
}

/// What the main thread runs.
///
/// A call is made the running one under the `state` lock, in the same breath in which it is taken out of the queue or the
/// buffer. So a CANCEL, which is acted on under that lock, finds it in the queue or running, never in between.
#[derive(Debug, Default)]
pub(crate) struct OnMain {
    /// The calls that have no state of their own.
    shared: CallState,
    own: Mutex<Own>,
}

/// What runs that has a state of its own.
#[derive(Debug, Default)]
struct Own {
    /// A stream's turn, a coroutine's step, or a nested call.
    running: Option<Arc<CallState>>,
    /// What the main thread has set aside while it waits for the host, innermost last: what is nested in it runs instead,
    /// and it hears of its own cancellation when that has ended.
    aside: Vec<Option<Arc<CallState>>>,
}

impl OnMain {
    /// Call `id`, which has no state of its own, starts. Under `state`.
    pub(super) fn begin(&self, id: u64) {
        self.shared.begin(id);
    }

    /// The call that [`begin`](Self::begin) started has ended, or goes on with a state of its own.
    pub(super) fn end(&self) {
        self.shared.end();
    }

    /// The call with this state of its own is what runs; with `None` it is none of those. Returns what was. Under `state`.
    pub(super) fn switch(&self, to: Option<Arc<CallState>>) -> Option<Arc<CallState>> {
        std::mem::replace(&mut self.own().running, to)
    }

    /// The main thread waits for the host: what runs rests, and nothing does. Under `state`.
    pub(super) fn set_aside(&self) {
        let mut own = self.own();
        let running = own.running.take();
        own.aside.push(running);
    }

    /// What was set aside last is what runs again. Under `state`.
    pub(super) fn take_up(&self) {
        let mut own = self.own();
        own.running = own.aside.pop().flatten();
    }

    /// The state of the calls that have none of their own.
    pub(crate) fn shared(&self) -> &CallState {
        &self.shared
    }

    /// Whether a call runs.
    pub(super) fn is_something(&self) -> bool {
        self.with(|call| call.running().is_some())
    }

    /// Whether call `id` is what runs.
    pub(super) fn runs(&self, id: u64) -> bool {
        self.with(|call| call.runs(id))
    }

    /// Whether the running call must stop and has not been told.
    pub(super) fn is_unacknowledged(&self) -> bool {
        self.with(CallState::is_unacknowledged)
    }

    /// On the main thread: whether the cancellation is to be raised now.
    pub(crate) fn take_cancellation(&self) -> bool {
        self.with(CallState::take_cancellation)
    }

    /// What was raised had no effect. True when it is to be raised again.
    pub(super) fn forget_acknowledgement(&self) -> bool {
        self.with(CallState::forget_acknowledgement)
    }

    /// Asks the call that runs.
    fn with<R>(&self, ask: impl FnOnce(&CallState) -> R) -> R {
        let own = self.own();
        match &own.running {
            Some(running) => ask(running),
            None if own.aside.is_empty() => ask(&self.shared),
            None => ask(&CallState::default()),
        }
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        lock(&self.own)
    }
}

/// A call that others run beside.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) state: Arc<CallState>,
    pub(super) place: Place,
    /// Whether it is a stream of an executor thread that waits for credit and occupies no thread.
    pub(super) is_parked: bool,
    /// Whether a thread runs it that waits for the host.
    pub(super) is_nested: bool,
}

/// The calls that have a state of their own, by id.
#[derive(Debug, Default)]
pub(super) struct BesideMain(BTreeMap<u64, Beside>);

impl BesideMain {
    /// Call `id` runs at `place`, where others run beside it. Returns its state.
    pub(super) fn begin(&mut self, id: u64, place: Place) -> Arc<CallState> {
        self.insert(id, place, false)
    }

    /// Call `id` runs at `place`, on a thread that waits for the host. Returns its state.
    pub(super) fn begin_nested(&mut self, id: u64, place: Place) -> Arc<CallState> {
        self.insert(id, place, true)
    }

    fn insert(&mut self, id: u64, place: Place, is_nested: bool) -> Arc<CallState> {
        let state = Arc::new(CallState::default());
        state.begin(id);
        self.0.insert(id, Beside { state: state.clone(), place, is_parked: false, is_nested });
        state
    }

    /// Call `id` has ended.
    pub(super) fn end(&mut self, id: u64) {
        if let Some(call) = self.0.remove(&id) {
            call.state.end();
        }
    }

    /// Call `id`, if it is one of them.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Beside> {
        self.0.get_mut(&id)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Beside)> {
        self.0.iter().map(|(&id, call)| (id, call))
    }

    /// The call that has run for longest, of these and what the main thread runs, and for how long; 0 for none.
    pub(super) fn oldest(&self, on_main: &OnMain) -> (u64, Duration) {
        let beside = self.0.values().filter_map(|call| call.state.running());
        let oldest = beside.chain(on_main.shared.running()).min_by_key(|&(id, since)| (since, id));
        oldest.map_or((0, Duration::ZERO), |(id, since)| (id, running_for(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_running_call_is_reported_and_resting_streams_do_not_count() {
        let (on_main, mut beside) = (OnMain::default(), BesideMain::default());
        assert_eq!(beside.oldest(&on_main).0, 0);
        beside.begin(3, Place::Loop);
        on_main.begin(5);
        beside.begin(7, Place::Thread);
        assert_eq!(beside.oldest(&on_main).0, 3);
        beside.get_mut(3).unwrap().state.end();
        assert_eq!(beside.oldest(&on_main).0, 5);
        on_main.end();
        assert_eq!(beside.oldest(&on_main).0, 7);
        beside.end(7);
        assert_eq!(beside.oldest(&on_main).0, 0);
    }

    #[test]
    fn what_is_nested_is_told_of_its_own_cancellation_only_and_what_it_is_nested_in_when_it_has_ended() {
        let (on_main, mut beside) = (OnMain::default(), BesideMain::default());
        on_main.begin(1);
        on_main.shared().cancel(1);
        on_main.set_aside();
        assert!(!on_main.take_cancellation(), "between two nested calls");
        let nested = beside.begin_nested(3, Place::Main);
        on_main.switch(Some(nested.clone()));
        assert!(on_main.runs(3) && !on_main.take_cancellation());
        nested.cancel(3);
        assert!(on_main.take_cancellation());
        on_main.set_aside();
        on_main.switch(Some(beside.begin_nested(5, Place::Main)));
        assert!(on_main.runs(5));
        on_main.take_up();
        assert!(on_main.runs(3));
        on_main.take_up();
        assert!(on_main.runs(1) && on_main.take_cancellation());
    }

    #[test]
    fn a_step_of_one_call_is_never_told_of_the_cancellation_of_another() {
        let (on_main, mut beside) = (OnMain::default(), BesideMain::default());
        let (first, second) = (beside.begin(1, Place::Loop), beside.begin(3, Place::Loop));
        on_main.switch(Some(first));
        second.cancel(3);
        assert!(!on_main.take_cancellation() && on_main.runs(1));
        let first = on_main.switch(Some(second));
        assert!(on_main.take_cancellation());
        on_main.switch(first);
        assert!(!on_main.take_cancellation());
    }
}
