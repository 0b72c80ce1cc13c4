//! Nested calls: a tool of the host, for which a thread waits here, calls this worker again.
//!
//! The thread that waits runs them: it is the one that has nothing else to do, and where tools run one at a time there is no
//! other. What it cannot run goes the ordinary way, as does everything that a coroutine on the event loop waits for, because
//! the loop is free meanwhile. No two calls wait for each other by that: the main thread, where it waits, needs nobody else
//! for what is nested in it; the loop needs a thread at most, and takes the one that waits for it where one does; executor
//! threads need at most these two besides themselves.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use snakebridge::error::Exception;

use super::running::Place;
use super::state::{CallRequest, Interest, Job, State};
use super::{Core, Inside};

thread_local! {
    /// Tells threads apart; 0 until it is needed.
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

/// The number of the calling thread, from 1.
pub(crate) fn this_thread() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    THREAD.with(|thread| {
        if thread.get() == 0 {
            thread.set(LAST.fetch_add(1, Relaxed) + 1);
        }
        thread.get()
    })
}

/// Who in this worker waits for a call of the host that runs here, as far as it matters to what is nested in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The main thread: it runs the call, or waits for a thread that does.
    pub(crate) occupies_main: bool,
    /// A thread, for the answer to this call of ours. It is the one to run what needs a thread: there may be no other.
    pub(crate) awaited: Option<u64>,
}

impl Surroundings {
    /// Those of a call that runs at `place` and is not nested.
    pub(super) fn of(place: Place) -> Self {
        Self { occupies_main: place == Place::Main, awaited: None }
    }

    /// The same for a call that runs on the event loop from now on, which nobody occupies.
    pub(crate) fn on_loop(self) -> Self {
        Self { occupies_main: false, ..self }
    }
}

/// A thread that waits for the answer to a call of ours, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiter {
    thread: u64,
    is_main: bool,
    /// The call inside which it asks keeps the main thread busy, whichever thread it is that asks.
    occupies_main: bool,
}

/// Where a nested call runs.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    /// On the thread that waits.
    Here,
    /// Where it would run if it were not nested.
    Elsewhere,
    /// Where it has to run somebody waits for it.
    Nowhere,
}

impl Waiter {
    fn route(self, place: Place) -> Route {
        match place {
            // For as long as the call runs that keeps it busy.
            Place::Loop if self.occupies_main => Route::Nowhere,
            Place::Loop => Route::Elsewhere,
            // What asks for the main thread gets it, unless that may be waiting for this very thread.
            Place::Main if !self.occupies_main => Route::Elsewhere,
            Place::Main | Place::Thread => Route::Here,
        }
    }

    /// Where a call counts as running that this thread runs.
    fn place(self) -> Place {
        if self.is_main { Place::Main } else { Place::Thread }
    }
}

/// A nested call that its thread has not taken yet.
#[derive(Debug)]
struct Nested {
    /// The call of ours inside which it is made.
    parent: u64,
    /// The call of ours for which the thread waits that is to run it.
    awaited: u64,
    request: CallRequest,
    body: Vec<u8>,
}

/// Nested calls that wait for their threads, oldest first.
#[derive(Debug, Default)]
pub(super) struct NestedCalls(Vec<Nested>);

impl NestedCalls {
    /// Takes call `id` out, if it is one of them.
    pub(super) fn withdraw(&mut self, id: u64) -> Option<Vec<u8>> {
        let place = self.0.iter().position(|nested| nested.request.id == id)?;
        Some(self.0.remove(place).body)
    }
}

impl State {
    /// The oldest nested call that `waiter` is to run, which runs from then on.
    pub(super) fn take_nested(&mut self, waiter: Waiter) -> Option<(CallRequest, Vec<u8>)> {
        let Self { nested: NestedCalls(nested), peer, .. } = self;
        let place = nested.iter().position(|nested| {
            let interest = peer.in_flight_mut(nested.awaited);
            matches!(interest, Some(Interest::Thread(waiting)) if waiting.thread == waiter.thread)
        })?;
        let Nested { request, body, .. } = nested.remove(place);
        self.forget_bytes(&body);
        let place = waiter.place();
        let state = Some(self.beside.begin_nested(request.id, place));
        let surroundings = Surroundings { occupies_main: waiter.occupies_main, ..request.surroundings };
        Some((CallRequest { place, surroundings, state, ..request }, body))
    }

    /// Whether one of `streams`, which are nested, has something to do.
    pub(super) fn has_turn(&mut self, streams: &[u64]) -> bool {
        streams.iter().any(|&id| {
            self.peer.may_send(id) || self.beside.get_mut(id).is_some_and(|call| call.state.is_cancelled(id))
        })
    }
}

impl Core {
    /// The calling thread, as one that waits inside a call.
    pub(crate) fn waiter(&self, inside: Inside<'_>) -> Waiter {
        let is_main = self.is_main_thread();
        Waiter { thread: this_thread(), is_main, occupies_main: is_main || inside.surroundings.occupies_main }
    }

    /// A call has come that names `parent`, a call of ours, as that inside which it is made. Gives it back where it goes the
    /// ordinary way.
    pub(super) fn nest(
        &self,
        parent: u64,
        request: CallRequest,
        body: impl FnOnce() -> Vec<u8>,
        state: &mut State,
    ) -> Option<CallRequest> {
        let (awaited, route) = match state.peer.in_flight_mut(parent) {
            Some(Interest::Thread(waiter)) => (Some(parent), waiter.route(request.place)),
            // The loop is free, and a thread that waits for the coroutine is the one to run what needs a thread.
            Some(Interest::Loop(surroundings)) if request.place == Place::Thread => (surroundings.awaited, Route::Here),
            Some(Interest::Loop(surroundings)) => (surroundings.awaited, Route::Elsewhere),
            Some(Interest::Abandoned) | None => return Some(request),
        };
        let surroundings = Surroundings { awaited, ..request.surroundings };
        let request = CallRequest { surroundings, ..request };
        let awaited = awaited.filter(|&id| matches!(state.peer.in_flight_mut(id), Some(Interest::Thread(_))));
        match (route, awaited) {
            (Route::Here, Some(awaited)) => {
                let body = body();
                state.count_bytes(&body);
                state.nested.0.push(Nested { parent, awaited, request, body });
                self.arrivals.notify_all();
                None
            }
            (Route::Here | Route::Elsewhere, _) => Some(request),
            (Route::Nowhere, _) => {
                state.inputs.end(request.id);
                let message = "the event loop of this worker, on which this tool runs, is blocked by a tool that waits for \
                               the call: let that be `async def` and use `await context.acall_tool(..)` there";
                let error = Exception::new("would_deadlock", message);
                self.refuse(request.id, "would_deadlock", &error, state);
                None
            }
        }
    }

    /// Nobody waits any more for the answer to call `id` of ours: what is nested in it and has not begun goes the ordinary
    /// way.
    pub(super) fn release_nested(&self, id: u64, state: &mut State) {
        let waits = |nested: &Nested| nested.parent == id || nested.awaited == id;
        while let Some(place) = state.nested.0.iter().position(waits) {
            let Nested { request, body, .. } = state.nested.0.remove(place);
            state.forget_bytes(&body);
            if request.place == Place::Thread {
                state.add_job(Job::Call(request, body));
                self.jobs.notify_one();
            } else {
                state.enqueue(request, body);
                self.announce();
            }
        }
    }

    /// On a thread that waits: it runs nested calls in the meantime, and nothing of the call inside which it waits is
    /// interrupted until [`end_nested`](Self::end_nested).
    pub(crate) fn begin_nested(&self) {
        if self.is_main_thread() {
            let _state = self.state();
            self.running.set_aside();
        }
    }

    /// The thread goes on waiting inside the call that it waited in before.
    pub(crate) fn end_nested(&self) {
        if self.is_main_thread() {
            let _state = self.state();
            self.running.take_up();
        }
    }

    /// Whether a thread waits for the answer to call `id` of ours.
    pub(crate) fn is_awaited(&self, id: u64) -> bool {
        matches!(self.state().peer.in_flight_mut(id), Some(Interest::Thread(_)))
    }

    /// Where a stream goes on that was nested in what the calling thread waited for.
    pub(crate) fn place_for_left_over(&self) -> Place {
        if self.has_executors() && !self.is_main_thread() { Place::Thread } else { Place::Main }
    }

    /// Call `id`, which rests, goes on at `place`, as if it had never been nested or elsewhere.
    pub(crate) fn move_to(&self, id: u64, place: Place) {
        let mut state = self.state();
        if let Some(call) = state.beside.get_mut(id) {
            call.place = place;
            call.is_nested = false;
            if place == Place::Loop {
                // A coroutine counts as running between its steps, too.
                call.state.resume(id);
            }
        }
        if place != Place::Thread {
            self.announce();
            drop(state);
            self.rouse.raise();
            if !self.is_main_thread() {
                self.main_thread.interrupt();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_thread_runs_everything_that_is_nested_in_it_but_coroutines() {
        let main = Waiter { thread: 1, is_main: true, occupies_main: true };
        assert_eq!([Place::Main, Place::Thread].map(|place| main.route(place)), [Route::Here, Route::Here]);
        assert_eq!(main.route(Place::Loop), Route::Nowhere);
    }

    #[test]
    fn another_thread_leaves_to_the_main_thread_what_asks_for_it_unless_that_may_wait_for_the_thread() {
        let executor = Waiter { thread: 2, is_main: false, occupies_main: false };
        assert_eq!([Place::Main, Place::Loop].map(|place| executor.route(place)), [Route::Elsewhere, Route::Elsewhere]);
        assert_eq!(executor.route(Place::Thread), Route::Here);
        let helper = Waiter { occupies_main: true, ..executor };
        assert_eq!([Place::Main, Place::Loop].map(|place| helper.route(place)), [Route::Here, Route::Nowhere]);
    }

    #[test]
    fn every_thread_has_a_number_of_its_own() {
        let here = this_thread();
        let there = std::thread::spawn(this_thread).join().unwrap();
        assert!(here != there && here == this_thread());
    }
}
