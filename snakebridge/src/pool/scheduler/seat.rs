//! A worker, as the scheduler sees it: what it has, and whether it takes more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ByKey, Demand, Queue, Task};
use crate::session::Binding;

/// How much expected work may stand before a call in a worker. About what a wake-up across cores and a round trip cost
/// on a small machine, several times over; see `docs/performance.md`.
pub(super) const PREFETCH_BUDGET: Duration = Duration::from_millis(1);
/// The most calls that wait in a worker behind the running one, however short they are.
pub(super) const PREFETCH_CALLS: usize = 64;

/// How many calls a worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pool) enum Capacity {
    /// It runs one at a time; others wait in it while that is short. At most so many, running streams included.
    Serial(usize),
    /// It takes so many at once, streams included.
    Concurrent(usize),
}

/// How far a call is that is with a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its arguments are on their way.
    Arriving,
    /// It waits or runs.
    There,
    /// Its result is on its way.
    Answering,
}

#[derive(Debug)]
pub(super) struct Assigned {
    pub(super) stream: bool,
    pub(super) since: Instant,
    pub(super) expected: Duration,
    pub(super) progress: Progress,
    /// Nobody waits for it any more: it may end without having run.
    pub(super) given_up: bool,
    /// The session that it has to itself.
    pub(super) exclusive: Option<Arc<Binding>>,
    /// It runs inside another call of its worker, which waits for it.
    pub(super) nested: bool,
    /// What it has of the limits of its pool.
    pub(super) needs: Option<Arc<[Demand]>>,
}

impl Assigned {
    /// Whether others wait for it where calls run one at a time.
    pub(super) fn occupies(&self) -> bool {
        !self.stream && self.progress == Progress::There
    }
}

/// A worker, as the scheduler sees it.
#[derive(Debug)]
pub(super) struct Seat<C> {
    pub(super) worker: u64,
    pub(super) capacity: Capacity,
    /// It finishes what it has.
    pub(super) closed: bool,
    /// What it has not answered.
    pub(super) assigned: ByKey<Assigned>,
    /// How many of them others wait for, and how long those are expected to take together.
    pub(super) calls: usize,
    pub(super) expected: Duration,
    /// How many of them have arguments on their way.
    pub(super) arriving: usize,
    pub(super) last_finished: Option<Instant>,
    /// When a call was last answered, whatever kind it was.
    pub(super) last_left: Option<Instant>,
    /// How many calls it has answered.
    pub(super) answered: u64,
    /// Calls that wait for this worker and no other.
    pub(super) line: Queue<C>,
    /// How many calls in a row went past one that had waited longer: between those in the line and those that wait for any
    /// worker.
    pub(super) overtaken: u32,
    /// When it was bound to a session last, as a number in the order of bindings.
    pub(super) last_bound: u64,
}

impl<C: Task> Seat<C> {
    pub(super) fn new(worker: u64, capacity: Capacity) -> Self {
        Self {
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
        }
    }

    /// Whether it takes `call`, which waits for any worker, before those that wait for this one.
    pub(super) fn takes(&self, call: &C, expected: Duration) -> bool {
        // For most the line is empty, and that is quickly seen.
        self.accepts(expected)
            && (self.line.is_empty() || self.line.front().is_none_or(|first| self.goes_before(call, first)))
    }

    /// Whether it takes another call, which is expected to take so long.
    pub(super) fn accepts(&self, expected: Duration) -> bool {
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

    pub(super) fn add(&mut self, key: u64, assigned: Assigned) {
        if assigned.occupies() {
            self.calls += 1;
            self.expected += assigned.expected;
        }
        self.arriving += usize::from(assigned.progress == Progress::Arriving);
        self.assigned.insert(key, assigned);
    }

    pub(super) fn take(&mut self, key: u64) -> Option<Assigned> {
        let assigned = self.assigned.remove(&key)?;
        if assigned.occupies() {
            self.calls -= 1;
            self.expected -= assigned.expected;
        }
        self.arriving -= usize::from(assigned.progress == Progress::Arriving);
        Some(assigned)
    }

    /// A call has run, or never will. Returns how long it took where that can be told.
    pub(super) fn ended(&mut self, assigned: &Assigned, now: Instant) -> Option<Duration> {
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
