//! Which call goes to which worker, and which wait: a state machine without I/O. Time is passed in.
//!
//! How many calls a worker takes is its [`Capacity`]. One that runs a call at a time may still hold calls that wait
//! *in* it (which saves a round trip for each), but only while what they wait for is short: together at most
//! [`PREFETCH_BUDGET`](seat::PREFETCH_BUDGET) by what is known of their tools. A tool never seen before counts as long. So a slow tool never
//! holds a call that another worker could run. One that runs many calls at once takes so many, streams included.
//!
//! Calls that a session ties to one worker wait for it beside the queue, see [`ties`]; so do those that need what others
//! have at the moment, see [`limits`]. How much may wait in all is said by [`room`](super::room).
//!
//! A call whose arguments are large keeps nobody busy until they have arrived, nor one whose large result is on its way
//! back: short calls go past them.
//!
//! Those who wait go by their priority, and none of them waits for ever.
//!
//! Nothing here takes longer when more calls are outstanding, but for what looks at all of them on purpose.

#[cfg(test)]
mod accounting;
mod limits;
#[cfg(test)]
mod limits_tests;
mod nesting;
mod pauses;
mod queue;
mod seat;
#[cfg(test)]
mod tests;
mod ties;
#[cfg(test)]
mod ties_tests;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use self::limits::Demand;
use self::limits::Limits;
use self::pauses::Pauses;
use self::queue::Queue;
pub(super) use self::seat::Capacity;
use self::seat::{Assigned, Progress, Seat};
use super::room::{Bounds, Room};
use crate::error::QueueLimit;
use crate::link::{Priority, ToolName};
use crate::session::Tie;
use crate::wire::table::IdHasher;

/// What a tool that has never answered is taken to need.
const UNKNOWN: Duration = Duration::from_secs(1);
/// Tools whose duration is remembered. Names come from callers, so their number must be bounded.
const REMEMBERED_TOOLS: usize = 4096;

/// What the scheduler has to know about a call.
pub(super) trait Task: Clone {
    /// Tells calls apart.
    fn key(&self) -> u64;
    /// The tool it calls.
    fn tool(&self) -> &ToolName;
    /// Streams are pulled between calls; they count as load, not as something to wait for.
    fn is_stream(&self) -> bool;
    /// Whether its arguments take a while to travel; [`Scheduler::arrived`] says when they are there.
    fn is_large(&self) -> bool;
    /// How many bytes its arguments have.
    fn bytes(&self) -> u64;
    /// Who goes first among those who wait.
    fn priority(&self) -> Priority;
    /// When it came: among equals, who came first goes first.
    fn admitted(&self) -> Instant;
    /// What ties it to a worker, or keeps others of its session away.
    fn tie(&self) -> Option<&Tie>;
}

/// Where a submitted call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// To this worker, at once.
    Worker(u64),
    /// Into the queue.
    Queued,
}

/// Why a call goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no room in the queue. After that time there may be.
    QueueFull(QueueLimit, Duration),
    /// The worker that its session was bound to is gone.
    SessionLost,
    /// It would have to wait for its session's worker, and does not.
    WorkerBusy,
    /// The worker is gone that keeps an object which the call is about, or takes no more calls.
    ReferenceLost(u64),
}

/// Something about each of many calls, by their keys: addresses, which one multiplication spreads as well as ids.
type ByKey<T> = HashMap<u64, T, BuildHasherDefault<IdHasher>>;

/// The state of a pool's routing.
#[derive(Debug)]
pub(super) struct Scheduler<C> {
    seats: Vec<Seat<C>>,
    queue: Queue<C>,
    room: Room,
    limits: Limits<C>,
    /// Calls that wait until their session is free, by the key of its binding.
    turns: ByKey<Queue<C>>,
    /// Calls that are repeated, and wait first.
    pauses: Pauses<C>,
    /// How many calls wait beside the queue.
    aside: usize,
    /// Calls that were admitted and go nowhere.
    refused: Vec<(C, Refusal)>,
    /// How often a session was bound to a worker.
    bindings: u64,
    durations: HashMap<ToolName, Duration>,
}

impl<C: Task> Scheduler<C> {
    /// With so much room for calls that wait, and limits of so many units. What tools need of those is said by
    /// [`set_needs`](Self::set_needs).
    pub(super) fn new(bounds: Bounds, limits: impl IntoIterator<Item = usize>) -> Self {
        Self {
            seats: Vec::new(),
            queue: Queue::new(),
            room: Room::new(bounds),
            limits: Limits::new(limits),
            turns: ByKey::default(),
            pauses: Pauses::new(),
            aside: 0,
            refused: Vec::new(),
            bindings: 0,
            durations: HashMap::new(),
        }
    }

    /// A worker is ready. Call [`next`](Self::next) until nothing comes.
    pub(super) fn add_worker(&mut self, worker: u64, capacity: Capacity) {
        self.seats.push(Seat::new(worker, capacity));
    }

    /// A worker takes no more calls, and finishes those it has.
    pub(super) fn close_worker(&mut self, worker: u64) {
        if let Some(seat) = self.seat(worker) {
            seat.closed = true;
            let line = seat.line.take(|_| true);
            self.scatter(line);
        }
    }

    /// A worker is gone.
    pub(super) fn remove_worker(&mut self, worker: u64) {
        let Some(index) = self.seats.iter().position(|seat| seat.worker == worker) else { return };
        let mut seat = self.seats.remove(index);
        self.scatter(seat.line.take(|_| true));
        for assigned in seat.assigned.into_values() {
            self.vacate(assigned);
        }
    }

    /// A new call.
    pub(super) fn submit(&mut self, call: C, now: Instant) -> Result<Placement, Refusal> {
        if call.tie().is_some() {
            return self.submit_tied(call, now);
        }
        if let Some(limit) = self.limits.hold_up(&call) {
            self.enter(&call)?;
            self.wait_for(limit, call);
            return Ok(Placement::Queued);
        }
        // Nobody overtakes those who wait, but by priority.
        if self.queue.is_empty()
            && let Some(worker) = self.assign(&call, now)
        {
            return Ok(Placement::Worker(worker));
        }
        self.enter(&call)?;
        self.enqueue(call);
        Ok(Placement::Queued)
    }

    /// Refuses a call with arguments of so many bytes, which nothing ties to a worker, if it is sure to be refused.
    pub(super) fn expect_room(&self, bytes: u64) -> Result<(), Refusal> {
        if self.queue.is_empty() { Ok(()) } else { self.check_room(bytes) }
    }

    fn check_room(&self, bytes: u64) -> Result<(), Refusal> {
        let retry_after = || self.room.retry_after(self.assigned());
        self.room.check(bytes).map_err(|limit| Refusal::QueueFull(limit, retry_after()))
    }

    /// A new call begins to wait, if there is room.
    fn enter(&mut self, call: &C) -> Result<(), Refusal> {
        self.check_room(call.bytes())?;
        self.room.entered(call.bytes());
        Ok(())
    }

    /// A call joins the queue of those that wait for any worker.
    fn enqueue(&mut self, call: C) {
        self.limits.enqueued(&call);
        self.queue.join(call);
    }

    /// The first of the queue leaves it.
    fn skip_first(&mut self) {
        if let Some(call) = self.queue.pop_front() {
            self.dequeued(&call);
        }
    }

    /// A call that was with a worker waits again, before those that were admitted after it. No limit applies.
    pub(super) fn put_back(&mut self, call: C) {
        self.room.entered(call.bytes());
        self.wait_again(call);
    }

    /// A call that was admitted before waits where it has to, in its old place.
    fn wait_again(&mut self, call: C) {
        match call.tie() {
            None => self.enqueue(call),
            Some(_) => self.put_back_tied(call),
        }
    }

    /// A call leaves the worker it was given to without an answer: it was never sent, or never ran there.
    pub(super) fn release(&mut self, worker: u64, call: &C) {
        if let Some(assigned) = self.seat(worker).and_then(|seat| seat.take(call.key())) {
            self.vacate(assigned);
        }
    }

    fn seat(&mut self, worker: u64) -> Option<&mut Seat<C>> {
        self.seats.iter_mut().find(|seat| seat.worker == worker)
    }

    /// The large arguments of a call have arrived: from now on it waits or runs.
    pub(super) fn arrived(&mut self, worker: u64, call: &C, now: Instant) {
        let Some(seat) = self.seat(worker) else { return };
        let Some(assigned) = seat.take(call.key()) else { return };
        let assigned = match assigned.progress {
            Progress::Arriving => Assigned { progress: Progress::There, since: now, ..assigned },
            _ => assigned,
        };
        seat.add(call.key(), assigned);
    }

    /// A call has run and its large result has begun to come: its place is free.
    pub(super) fn answering(&mut self, worker: u64, call: &C, now: Instant) {
        let Some(seat) = self.seat(worker) else { return };
        let Some(assigned) = seat.take(call.key()) else { return };
        let took = seat.ended(&assigned, now);
        seat.add(call.key(), Assigned { progress: Progress::Answering, ..assigned });
        self.learn(call.tool(), took);
    }

    /// A call is answered. True when nothing is left in a closed worker.
    pub(super) fn finished(&mut self, worker: u64, call: &C, now: Instant) -> bool {
        let Some(seat) = self.seat(worker) else { return false };
        seat.answered += 1;
        seat.last_left = Some(now);
        let assigned = seat.take(call.key());
        let drained = seat.closed && seat.assigned.is_empty();
        let took = assigned.as_ref().and_then(|assigned| seat.ended(assigned, now));
        self.learn(call.tool(), took);
        if let Some(assigned) = assigned {
            self.room.served(now.saturating_duration_since(assigned.since));
            self.vacate(assigned);
        }
        drained
    }

    /// The next call to send, and where to. One that was given up at this very moment may still come.
    pub(super) fn next(&mut self, now: Instant) -> Option<(u64, C)> {
        self.end_pauses(now);
        loop {
            if let Some(call) = self.queue.front().cloned() {
                if call.tie().is_some() && self.step_aside(&call) {
                    continue;
                }
                if let Some(limit) = self.limits.hold_up(&call) {
                    self.hold_back_first(limit);
                    continue;
                }
                if let Some(worker) = self.assign(&call, now) {
                    self.skip_first();
                    self.room.left(call.bytes());
                    return Some((worker, call));
                }
            }
            if self.aside == 0 {
                return None;
            }
            let seat = self.awaited()?;
            if let Some(next) = self.serve_line(seat, now) {
                self.room.left(next.1.bytes());
                return Some(next);
            }
        }
    }

    /// Calls that were admitted before and go nowhere now.
    pub(super) fn take_refused(&mut self) -> Vec<(C, Refusal)> {
        std::mem::take(&mut self.refused)
    }

    /// Nobody waits for a call any more. It leaves the queue, if it is there; in a worker it stays until that has answered.
    pub(super) fn give_up(&mut self, call: &C) {
        let queued = self.queue.remove(call);
        if queued {
            self.dequeued(call);
        }
        if queued || self.remove_aside(call) {
            self.room.left(call.bytes());
            self.left(call);
        }
        for assigned in self.seats.iter_mut().filter_map(|seat| seat.assigned.get_mut(&call.key())) {
            assigned.given_up = true;
        }
    }

    /// Everybody who waits.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &C> {
        let aside = self.seats.iter().map(|seat| &seat.line).chain(self.turns.values()).chain(self.limits.lines());
        self.queue.iter().chain(aside.flat_map(Queue::iter)).chain(self.pauses.iter())
    }

    /// How many calls wait.
    #[cfg(test)]
    pub(super) fn waiting_calls(&self) -> usize {
        self.room.calls()
    }

    /// So many bytes of memory are left for calls that wait, as far as it can be told.
    pub(super) fn set_memory_left(&mut self, left: Option<u64>) {
        self.room.set_memory_left(left);
    }

    /// Those of them that any further worker would serve: how many they are, and when the first of them came.
    pub(super) fn crowd(&self) -> (usize, Option<Instant>) {
        (self.queue.len(), self.queue.oldest().map(Task::admitted))
    }

    /// Takes out of the queue whatever `leaves` says.
    pub(super) fn take_waiting(&mut self, mut leaves: impl FnMut(&C) -> bool) -> Vec<C> {
        let mut gone = self.queue.take(&mut leaves);
        let queued = gone.len();
        if self.aside > 0 {
            gone.extend(self.take_aside(leaves));
        }
        for (place, call) in gone.iter().enumerate() {
            self.room.left(call.bytes());
            if place < queued {
                self.dequeued(call);
            }
            self.left(call);
        }
        // One that a limit held up may have kept others back.
        self.go_on();
        gone
    }

    /// Calls that are with workers.
    pub(super) fn assigned(&self) -> usize {
        self.seats.iter().map(|seat| seat.assigned.len()).sum()
    }

    /// Calls that are with this worker.
    pub(super) fn assigned_to(&self, worker: u64) -> usize {
        self.seats.iter().find(|seat| seat.worker == worker).map_or(0, |seat| seat.assigned.len())
    }

    /// Since when this worker, which is here since `ready`, has had no call, if it has none.
    pub(super) fn idle_since(&self, worker: u64, ready: Instant) -> Option<Instant> {
        let idle = self.seats.iter().find(|seat| seat.worker == worker && seat.assigned.is_empty());
        idle.map(|seat| seat.last_left.unwrap_or(ready))
    }

    /// How many calls this worker has answered.
    pub(super) fn answered_by(&self, worker: u64) -> u64 {
        self.seats.iter().find(|seat| seat.worker == worker).map_or(0, |seat| seat.answered)
    }

    /// Gives the call to the worker with the least in flight among those that accept one, or to its session's if that does.
    fn assign(&mut self, call: &C, now: Instant) -> Option<u64> {
        let expected = self.expected(call);
        let tie = call.tie();
        let preferred = tie.and_then(Tie::bound_to);
        let accepting = self.seats.iter().enumerate().filter(|(_, seat)| seat.takes(call, expected));
        let (index, _) = accepting.min_by_key(|(_, seat)| {
            let elsewhere = preferred.is_some_and(|worker| worker != seat.worker);
            // Sessions spread, because they will be together from now on, when there may be more to do.
            (elsewhere, seat.assigned.len(), tie.map_or(0, |_| seat.last_bound))
        })?;
        if self.aside > 0 {
            let passed = self.seats[index].line.front().map(Task::admitted);
            self.seats[index].note_order(call, passed);
        }
        Some(self.give(index, call, expected, now))
    }

    fn expected(&self, call: &C) -> Duration {
        self.durations.get(call.tool()).copied().unwrap_or(UNKNOWN)
    }

    fn give(&mut self, index: usize, call: &C, expected: Duration, now: Instant) -> u64 {
        let needs = self.limits.take_units(call);
        self.hand_over(index, call, expected, needs, now)
    }

    fn hand_over(
        &mut self,
        index: usize,
        call: &C,
        expected: Duration,
        needs: Option<Arc<[Demand]>>,
        now: Instant,
    ) -> u64 {
        let seat = &mut self.seats[index];
        let exclusive = call.tie().and_then(|tie| {
            if tie.bound_to() != Some(seat.worker) {
                self.bindings += 1;
                seat.last_bound = self.bindings;
            }
            tie.bind(call.key(), seat.worker)
        });
        let progress = if call.is_large() { Progress::Arriving } else { Progress::There };
        let stream = call.is_stream();
        let (given_up, nested) = (false, false);
        seat.add(call.key(), Assigned { stream, since: now, expected, progress, given_up, exclusive, nested, needs });
        seat.worker
    }

    /// Takes a duration into account: a longer one quickly, shorter ones slowly, because to expect too little holds
    /// calls up and to expect too much costs a round trip.
    fn learn(&mut self, tool: &ToolName, took: Option<Duration>) {
        let Some(took) = took else { return };
        if let Some(known) = self.durations.get_mut(tool) {
            *known = if took > *known { (*known + took) / 2 } else { (*known * 7 + took) / 8 };
        } else if self.durations.len() < REMEMBERED_TOOLS {
            self.durations.insert(tool.clone(), took);
        }
    }
}
