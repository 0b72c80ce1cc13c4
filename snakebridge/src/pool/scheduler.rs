//! Which call goes to which worker, and which wait: a state machine without I/O. Time is passed in.
//!
//! How many calls a worker takes is its [`Capacity`]. One that runs a call at a time may still hold calls that wait
//! *in* it (which saves a round trip for each), but only while what they wait for is short: together at most
//! [`PREFETCH_BUDGET`] by what is known of their tools. A tool never seen before counts as long. So a slow tool never
//! holds a call that another worker could run. One that runs many calls at once takes so many, streams included.
//!
//! Calls that a session ties to one worker wait for it beside the queue, see [`ties`].
//!
//! A call whose arguments are large keeps nobody busy until they have arrived, nor one whose large result is on its way
//! back: short calls go past them.
//!
//! Those who wait go by their priority, and none of them waits for ever.
//!
//! Nothing here takes longer when more calls are outstanding, but for what looks at all of them on purpose.

#[cfg(test)]
mod accounting;
mod nesting;
mod queue;
#[cfg(test)]
mod tests;
mod ties;
#[cfg(test)]
mod ties_tests;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::queue::Queue;
use crate::link::{Priority, ToolName};
use crate::session::{Binding, Tie};
use crate::wire::table::IdHasher;

/// How much expected work may stand before a call in a worker. About what a wake-up across cores and a round trip cost
/// on a small machine, several times over; see `docs/performance.md`.
const PREFETCH_BUDGET: Duration = Duration::from_millis(1);
/// The most calls that wait in a worker behind the running one, however short they are.
const PREFETCH_CALLS: usize = 64;
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
    /// The queue is full.
    QueueFull,
    /// The worker that its session was bound to is gone.
    SessionLost,
    /// It would have to wait for its session's worker, and does not.
    WorkerBusy,
    /// The worker is gone that keeps an object which the call is about, or takes no more calls.
    ReferenceLost,
}

/// How many calls a worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capacity {
    /// It runs one at a time; others wait in it while that is short. At most so many, running streams included.
    Serial(usize),
    /// It takes so many at once, streams included.
    Concurrent(usize),
}

/// Something about each of many calls, by their keys: addresses, which one multiplication spreads as well as ids.
type ByKey<T> = HashMap<u64, T, BuildHasherDefault<IdHasher>>;

/// How far a call is that is with a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Its arguments are on their way.
    Arriving,
    /// It waits or runs.
    There,
    /// Its result is on its way.
    Answering,
}

#[derive(Debug)]
struct Assigned {
    stream: bool,
    since: Instant,
    expected: Duration,
    progress: Progress,
    /// Nobody waits for it any more: it may end without having run.
    given_up: bool,
    /// The session that it has to itself.
    exclusive: Option<Arc<Binding>>,
    /// It runs inside another call of its worker, which waits for it.
    nested: bool,
}

impl Assigned {
    /// Whether others wait for it where calls run one at a time.
    fn occupies(&self) -> bool {
        !self.stream && self.progress == Progress::There
    }
}

/// A worker, as the scheduler sees it.
#[derive(Debug)]
struct Seat<C> {
    worker: u64,
    capacity: Capacity,
    /// It finishes what it has.
    closed: bool,
    /// What it has not answered.
    assigned: ByKey<Assigned>,
    /// How many of them others wait for, and how long those are expected to take together.
    calls: usize,
    expected: Duration,
    /// How many of them have arguments on their way.
    arriving: usize,
    last_finished: Option<Instant>,
    /// When a call was last answered, whatever kind it was.
    last_left: Option<Instant>,
    /// How many calls it has answered.
    answered: u64,
    /// Calls that wait for this worker and no other.
    line: Queue<C>,
    /// How many calls in a row went past one that had waited longer: between those in the line and those that wait for any
    /// worker.
    overtaken: u32,
    /// When it was bound to a session last, as a number in the order of bindings.
    last_bound: u64,
}

impl<C: Task> Seat<C> {
    /// Whether it takes `call`, which waits for any worker, before those that wait for this one.
    fn takes(&self, call: &C, expected: Duration) -> bool {
        // For most the line is empty, and that is quickly seen.
        self.accepts(expected)
            && (self.line.is_empty() || self.line.front().is_none_or(|first| self.goes_before(call, first)))
    }

    /// Whether it takes another call, which is expected to take so long.
    fn accepts(&self, expected: Duration) -> bool {
        let held = self.assigned.len();
        match self.capacity {
            _ if self.closed => false,
            Capacity::Concurrent(limit) => held < limit,
            Capacity::Serial(limit) if held >= limit => false,
            // What is about to arrive would find it busy.
            Capacity::Serial(_) if self.arriving > 0 && expected > PREFETCH_BUDGET => false,
            Capacity::Serial(_) => {
                self.calls == 0 || (self.calls <= PREFETCH_CALLS && self.expected <= PREFETCH_BUDGET)
            }
        }
    }

    fn add(&mut self, key: u64, assigned: Assigned) {
        if assigned.occupies() {
            self.calls += 1;
            self.expected += assigned.expected;
        }
        self.arriving += usize::from(assigned.progress == Progress::Arriving);
        self.assigned.insert(key, assigned);
    }

    fn take(&mut self, key: u64) -> Option<Assigned> {
        let assigned = self.assigned.remove(&key)?;
        if assigned.occupies() {
            self.calls -= 1;
            self.expected -= assigned.expected;
        }
        self.arriving -= usize::from(assigned.progress == Progress::Arriving);
        Some(assigned)
    }

    /// A call has run, or never will. Returns how long it took where that can be told.
    fn ended(&mut self, assigned: &Assigned, now: Instant) -> Option<Duration> {
        // A call that never ran would teach that its tool takes no time, and so would the one that runs beside it.
        if assigned.progress != Progress::There || assigned.given_up {
            return None;
        }
        if assigned.nested {
            // It began at once, and what it is inside of goes on.
            return assigned.occupies().then(|| now.saturating_duration_since(assigned.since));
        }
        // It began when it was sent, or when the one before it ended.
        let began = self.last_finished.map_or(assigned.since, |finished| finished.max(assigned.since));
        self.last_finished = Some(now);
        let can_be_told = assigned.occupies() && matches!(self.capacity, Capacity::Serial(_));
        can_be_told.then(|| now.saturating_duration_since(began))
    }
}

/// The state of a pool's routing.
#[derive(Debug)]
pub(super) struct Scheduler<C> {
    seats: Vec<Seat<C>>,
    queue: Queue<C>,
    queue_limit: usize,
    /// Calls that wait until their session is free, by the key of its binding.
    turns: ByKey<Queue<C>>,
    /// How many calls wait beside the queue.
    aside: usize,
    /// Calls that were admitted and go nowhere.
    refused: Vec<(C, Refusal)>,
    /// How often a session was bound to a worker.
    bindings: u64,
    durations: HashMap<ToolName, Duration>,
}

impl<C: Task> Scheduler<C> {
    pub(super) fn new(queue_limit: usize) -> Self {
        Self {
            seats: Vec::new(),
            queue: Queue::new(),
            queue_limit,
            turns: ByKey::default(),
            aside: 0,
            refused: Vec::new(),
            bindings: 0,
            durations: HashMap::new(),
        }
    }

    /// A worker is ready. Call [`next`](Self::next) until nothing comes.
    pub(super) fn add_worker(&mut self, worker: u64, capacity: Capacity) {
        self.seats.push(Seat {
            worker,
            capacity,
            closed: false,
            assigned: ByKey::default(),
            calls: 0,
            expected: Duration::ZERO,
            arriving: 0,
            last_finished: None,
            last_left: None,
            answered: 0,
            line: Queue::new(),
            overtaken: 0,
            last_bound: 0,
        });
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
            self.leave(assigned.exclusive);
        }
    }

    /// A new call.
    pub(super) fn submit(&mut self, call: C, now: Instant) -> Result<Placement, Refusal> {
        if call.tie().is_some() {
            return self.submit_tied(call, now);
        }
        // Nobody overtakes those who wait, but by priority.
        if self.queue.is_empty()
            && let Some(worker) = self.assign(&call, now)
        {
            return Ok(Placement::Worker(worker));
        }
        self.check_room()?;
        self.queue.push_back(call);
        Ok(Placement::Queued)
    }

    fn check_room(&self) -> Result<(), Refusal> {
        if self.queue.len() + self.aside < self.queue_limit { Ok(()) } else { Err(Refusal::QueueFull) }
    }

    /// A call that was with a worker goes back to the head of the queue. It was admitted before; no limit applies.
    pub(super) fn put_back(&mut self, call: C) {
        match call.tie() {
            None => self.queue.push_front(call),
            Some(_) => self.put_back_tied(call),
        }
    }

    /// A call leaves the worker it was given to without an answer: it was never sent, or never ran there.
    pub(super) fn release(&mut self, worker: u64, call: &C) {
        if let Some(assigned) = self.seat(worker).and_then(|seat| seat.take(call.key())) {
            self.leave(assigned.exclusive);
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
            self.leave(assigned.exclusive);
        }
        drained
    }

    /// The next call to send, and where to. One that was given up at this very moment may still come.
    pub(super) fn next(&mut self, now: Instant) -> Option<(u64, C)> {
        loop {
            if let Some(call) = self.queue.front().cloned() {
                if call.tie().is_some() && self.step_aside(&call) {
                    continue;
                }
                if let Some(worker) = self.assign(&call, now) {
                    self.queue.pop_front();
                    return Some((worker, call));
                }
            }
            if self.aside == 0 {
                return None;
            }
            let seat = self.awaited()?;
            if let Some(next) = self.serve_line(seat, now) {
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
        self.queue.remove(call);
        if self.aside > 0 && call.tie().is_some() {
            self.remove_aside(call);
            self.left(call);
        }
        for assigned in self.seats.iter_mut().filter_map(|seat| seat.assigned.get_mut(&call.key())) {
            assigned.given_up = true;
        }
    }

    /// Everybody who waits.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &C> {
        let aside = self.seats.iter().map(|seat| &seat.line).chain(self.turns.values());
        self.queue.iter().chain(aside.flat_map(Queue::iter))
    }

    /// Takes out of the queue whatever `leaves` says.
    pub(super) fn take_waiting(&mut self, mut leaves: impl FnMut(&C) -> bool) -> Vec<C> {
        let mut gone = self.queue.take(&mut leaves);
        if self.aside > 0 {
            gone.extend(self.take_aside(leaves));
            for call in &gone {
                self.left(call);
            }
        }
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
        seat.add(call.key(), Assigned { stream, since: now, expected, progress, given_up, exclusive, nested });
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
