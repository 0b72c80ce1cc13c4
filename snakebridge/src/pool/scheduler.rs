//! Which call goes to which worker, and which wait: a state machine without I/O. Time is passed in.
//!
//! A worker runs one call at a time. Calls may wait behind it *in* the worker (which saves a round trip for each) only
//! while what they wait for is short: together at most [`PREFETCH_BUDGET`] by what is known of their tools. A tool never
//! seen before counts as long. So a slow tool never holds a call that another worker could run.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::link::ToolName;

/// How much expected work may stand before a call in a worker. About what a wake-up across cores and a round trip cost
/// on a small machine, several times over; see `docs/performance.md`.
const PREFETCH_BUDGET: Duration = Duration::from_millis(1);
/// The most calls that wait in a worker behind the running one, however short they are.
const PREFETCH_CALLS: usize = 64;
/// The most calls and streams that one worker has at once.
const SEAT_LIMIT: usize = 1000;
/// What a tool that has never answered is taken to need.
const UNKNOWN: Duration = Duration::from_secs(1);
/// Tools whose duration is remembered. Names come from callers, so their number must be bounded.
const REMEMBERED_TOOLS: usize = 4096;

/// What the scheduler has to know about a call.
pub(super) trait Task: Clone {
    /// Tells calls apart.
    fn key(&self) -> usize;
    /// The tool it calls.
    fn tool(&self) -> &ToolName;
    /// Streams are pulled between calls; they count as load, not as something to wait for.
    fn is_stream(&self) -> bool;
    /// Whether anybody still waits for it.
    fn is_wanted(&self) -> bool;
}

/// Where a submitted call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// To this worker, at once.
    Worker(u64),
    /// Into the queue.
    Queued,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueFull;

#[derive(Debug)]
struct Assigned {
    key: usize,
    stream: bool,
    since: Instant,
    expected: Duration,
}

/// A worker, as the scheduler sees it.
#[derive(Debug)]
struct Seat {
    worker: u64,
    /// How many calls it takes at the most, running streams included.
    limit: usize,
    /// What it has not answered, oldest first.
    assigned: VecDeque<Assigned>,
    last_finished: Option<Instant>,
}

impl Seat {
    fn accepts(&self) -> bool {
        if self.assigned.len() >= self.limit {
            return false;
        }
        let mut calls = self.assigned.iter().filter(|call| !call.stream).peekable();
        if calls.peek().is_none() {
            return true;
        }
        let (count, expected) =
            calls.fold((0, Duration::ZERO), |(count, expected), call| (count + 1, expected + call.expected));
        count <= PREFETCH_CALLS && expected <= PREFETCH_BUDGET
    }
}

/// The state of a pool's routing.
#[derive(Debug)]
pub(super) struct Scheduler<C> {
    seats: Vec<Seat>,
    queue: VecDeque<C>,
    queue_limit: usize,
    durations: HashMap<ToolName, Duration>,
}

impl<C: Task> Scheduler<C> {
    pub(super) fn new(queue_limit: usize) -> Self {
        Self { seats: Vec::new(), queue: VecDeque::new(), queue_limit, durations: HashMap::new() }
    }

    /// A worker is ready that takes at most `limit` calls at once. Call [`next`](Self::next) until nothing comes.
    pub(super) fn add_worker(&mut self, worker: u64, limit: usize) {
        let limit = limit.clamp(1, SEAT_LIMIT);
        self.seats.push(Seat { worker, limit, assigned: VecDeque::new(), last_finished: None });
    }

    /// A worker takes no more calls.
    pub(super) fn remove_worker(&mut self, worker: u64) {
        self.seats.retain(|seat| seat.worker != worker);
    }

    /// A new call.
    pub(super) fn submit(&mut self, call: C, now: Instant) -> Result<Placement, QueueFull> {
        // Nobody overtakes those who wait.
        if self.queue.is_empty()
            && let Some(worker) = self.assign(&call, now)
        {
            return Ok(Placement::Worker(worker));
        }
        if self.queue.len() >= self.queue_limit {
            // Some of them may have stopped waiting.
            self.queue.retain(C::is_wanted);
            if self.queue.len() >= self.queue_limit {
                return Err(QueueFull);
            }
        }
        self.queue.push_back(call);
        Ok(Placement::Queued)
    }

    /// A call that was with a worker goes back to the head of the queue. It was admitted before; no limit applies.
    pub(super) fn put_back(&mut self, call: C) {
        self.queue.push_front(call);
    }

    /// A call that was never sent leaves the worker it was given to.
    pub(super) fn release(&mut self, worker: u64, call: &C) {
        self.take_assigned(worker, call);
    }

    fn take_assigned(&mut self, worker: u64, call: &C) -> Option<(&mut Seat, Assigned)> {
        let seat = self.seats.iter_mut().find(|seat| seat.worker == worker)?;
        let index = seat.assigned.iter().position(|assigned| assigned.key == call.key())?;
        let assigned = seat.assigned.remove(index)?;
        Some((seat, assigned))
    }

    /// A call is answered.
    pub(super) fn finished(&mut self, worker: u64, call: &C, now: Instant) {
        let Some((seat, assigned)) = self.take_assigned(worker, call) else { return };
        // It began when it was sent, or when the one before it ended.
        let began = seat.last_finished.map_or(assigned.since, |finished| finished.max(assigned.since));
        seat.last_finished = Some(now);
        if !assigned.stream {
            self.learn(call.tool(), now.saturating_duration_since(began));
        }
    }

    /// The next call to send, and where to.
    pub(super) fn next(&mut self, now: Instant) -> Option<(u64, C)> {
        while let Some(call) = self.queue.front() {
            if !call.is_wanted() {
                self.queue.pop_front();
                continue;
            }
            let call = call.clone();
            let worker = self.assign(&call, now)?;
            self.queue.pop_front();
            return Some((worker, call));
        }
        None
    }

    /// A call that nobody waits for any more leaves the queue, if it is there.
    pub(super) fn forget(&mut self, call: &C) {
        if let Some(index) = self.queue.iter().position(|waiting| waiting.key() == call.key()) {
            self.queue.remove(index);
        }
    }

    /// Everybody who waits.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &C> {
        self.queue.iter()
    }

    /// Takes out of the queue whatever `leaves` says.
    pub(super) fn take_waiting(&mut self, mut leaves: impl FnMut(&C) -> bool) -> Vec<C> {
        let (gone, stay) = self.queue.drain(..).partition(|call| leaves(call));
        self.queue = stay;
        Vec::from(gone)
    }

    /// Calls that are with workers.
    pub(super) fn assigned(&self) -> usize {
        self.seats.iter().map(|seat| seat.assigned.len()).sum()
    }

    /// Gives the call to the worker with the least in flight among those that accept one.
    fn assign(&mut self, call: &C, now: Instant) -> Option<u64> {
        let expected = self.durations.get(call.tool()).copied().unwrap_or(UNKNOWN);
        let seat = self.seats.iter_mut().filter(|seat| seat.accepts()).min_by_key(|seat| seat.assigned.len())?;
        let stream = call.is_stream();
        seat.assigned.push_back(Assigned { key: call.key(), stream, since: now, expected });
        Some(seat.worker)
    }

    /// Takes a duration into account: a longer one quickly, shorter ones slowly, because to expect too little holds
    /// calls up and to expect too much costs a round trip.
    fn learn(&mut self, tool: &ToolName, took: Duration) {
        if let Some(known) = self.durations.get_mut(tool) {
            *known = if took > *known { (*known + took) / 2 } else { (*known * 7 + took) / 8 };
        } else if self.durations.len() < REMEMBERED_TOOLS {
            self.durations.insert(tool.clone(), took);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    struct TestCall {
        key: usize,
        tool: ToolName,
        stream: bool,
        wanted: Rc<Cell<bool>>,
    }

    impl Task for TestCall {
        fn key(&self) -> usize {
            self.key
        }
        fn tool(&self) -> &ToolName {
            &self.tool
        }
        fn is_stream(&self) -> bool {
            self.stream
        }
        fn is_wanted(&self) -> bool {
            self.wanted.get()
        }
    }

    fn call(key: usize, tool: &'static str) -> TestCall {
        TestCall { key, tool: ToolName::Declared(tool), stream: false, wanted: Rc::new(Cell::new(true)) }
    }

    fn stream(key: usize) -> TestCall {
        TestCall { stream: true, ..call(key, "stream") }
    }

    fn pool(workers: u64, queue_limit: usize) -> (Scheduler<TestCall>, Instant) {
        let mut scheduler = Scheduler::new(queue_limit);
        (1..=workers).for_each(|worker| scheduler.add_worker(worker, usize::MAX));
        (scheduler, Instant::now())
    }

    /// Lets worker 1 answer a call of `tool` that takes `millis`.
    fn teach(scheduler: &mut Scheduler<TestCall>, tool: &'static str, micros: u64, now: Instant) -> Instant {
        let call = call(usize::MAX, tool);
        let Ok(Placement::Worker(worker)) = scheduler.submit(call.clone(), now) else { panic!("no worker is free") };
        let later = now + Duration::from_micros(micros);
        scheduler.finished(worker, &call, later);
        later
    }

    #[test]
    fn calls_go_to_the_worker_with_the_least_in_flight() {
        let (mut scheduler, now) = pool(3, 10);
        let placed: Vec<_> = (0..3).map(|key| scheduler.submit(call(key, "t"), now).unwrap()).collect();
        assert_eq!(placed, [Placement::Worker(1), Placement::Worker(2), Placement::Worker(3)]);
    }

    #[test]
    fn nothing_waits_behind_a_tool_that_is_unknown_or_slow() {
        let (mut scheduler, now) = pool(1, 10);
        scheduler.submit(call(0, "unknown"), now).unwrap();
        assert_eq!(scheduler.submit(call(1, "quick"), now), Ok(Placement::Queued));
        let (mut scheduler, now) = pool(1, 10);
        let now = teach(&mut scheduler, "slow", 1_500, now);
        scheduler.submit(call(0, "slow"), now).unwrap();
        assert_eq!(scheduler.submit(call(1, "slow"), now), Ok(Placement::Queued));
    }

    #[test]
    fn behind_short_tools_calls_wait_in_the_worker_up_to_a_bound() {
        let (mut scheduler, now) = pool(1, 1000);
        let now = teach(&mut scheduler, "quick", 1, now);
        let in_worker =
            (0..200).filter(|&key| scheduler.submit(call(key, "quick"), now) == Ok(Placement::Worker(1))).count();
        assert_eq!(in_worker, 1 + PREFETCH_CALLS);
        let (mut scheduler, now) = pool(1, 1000);
        let now = teach(&mut scheduler, "brief", 300, now);
        let in_worker =
            (0..200).filter(|&key| scheduler.submit(call(key, "brief"), now) == Ok(Placement::Worker(1))).count();
        assert_eq!(in_worker, 4, "three of them are expected within the budget, a fourth starts within it");
    }

    #[test]
    fn an_open_stream_does_not_keep_calls_from_its_worker_but_a_free_one_is_preferred() {
        let (mut scheduler, now) = pool(2, 10);
        scheduler.submit(stream(0), now).unwrap();
        assert_eq!(scheduler.submit(call(1, "t"), now), Ok(Placement::Worker(2)));
        assert_eq!(scheduler.submit(call(2, "t"), now), Ok(Placement::Worker(1)));
        assert_eq!(scheduler.submit(call(3, "t"), now), Ok(Placement::Queued));
    }

    #[test]
    fn a_stream_waits_for_a_free_worker_like_any_call() {
        let (mut scheduler, now) = pool(1, 10);
        scheduler.submit(call(0, "slow"), now).unwrap();
        assert_eq!(scheduler.submit(stream(1), now), Ok(Placement::Queued));
    }

    #[test]
    fn a_worker_has_at_most_as_many_calls_as_it_takes() {
        let (mut scheduler, now) = pool(0, 10);
        scheduler.add_worker(1, 2);
        let placed: Vec<_> = (0..3).map(|key| scheduler.submit(stream(key), now).unwrap()).collect();
        assert_eq!(placed, [Placement::Worker(1), Placement::Worker(1), Placement::Queued]);
        scheduler.release(1, &stream(0));
        assert_eq!(scheduler.next(now).map(|(_, call)| call.key), Some(2));
    }

    #[test]
    fn the_queue_is_first_in_first_out_and_those_who_left_do_not_run() {
        let (mut scheduler, now) = pool(1, 10);
        let running = call(0, "t");
        scheduler.submit(running.clone(), now).unwrap();
        let waiting: Vec<_> = (1..4).map(|key| call(key, "t")).collect();
        for call in &waiting {
            assert_eq!(scheduler.submit(call.clone(), now), Ok(Placement::Queued));
        }
        waiting[0].wanted.set(false);
        scheduler.forget(&waiting[1]);
        assert!(scheduler.next(now).is_none(), "the worker is busy");
        scheduler.finished(1, &running, now + Duration::from_millis(5));
        assert_eq!(scheduler.next(now).map(|(_, call)| call.key), Some(3));
    }

    #[test]
    fn a_full_queue_refuses_and_those_who_stopped_waiting_make_room() {
        let (mut scheduler, now) = pool(1, 2);
        scheduler.submit(call(0, "t"), now).unwrap();
        let left = call(1, "t");
        scheduler.submit(left.clone(), now).unwrap();
        scheduler.submit(call(2, "t"), now).unwrap();
        assert_eq!(scheduler.submit(call(3, "t"), now), Err(QueueFull));
        left.wanted.set(false);
        assert_eq!(scheduler.submit(call(3, "t"), now), Ok(Placement::Queued));
    }

    #[test]
    fn a_call_that_comes_back_is_the_first_to_go_again() {
        let (mut scheduler, now) = pool(1, 1);
        scheduler.submit(call(0, "t"), now).unwrap();
        scheduler.submit(call(1, "t"), now).unwrap();
        scheduler.remove_worker(1);
        scheduler.put_back(call(0, "t"));
        scheduler.add_worker(2, usize::MAX);
        assert_eq!(scheduler.next(now).map(|(worker, call)| (worker, call.key)), Some((2, 0)));
    }

    proptest! {
        /// Whatever happens, no call is lost, doubled, or overtaken in the queue.
        #[test]
        fn every_call_is_assigned_once_and_in_order(steps in proptest::collection::vec((0u8..4, any::<usize>()), 1..300)) {
            let (mut scheduler, mut now) = pool(2, usize::MAX);
            let (mut submitted, mut with, mut started) = (0, Vec::<(u64, TestCall)>::new(), Vec::new());
            for (step, which) in steps {
                now += Duration::from_micros(50);
                match step {
                    0 | 1 => {
                        let call = call(submitted, if which % 3 == 0 { "a" } else { "b" });
                        submitted += 1;
                        if let Ok(Placement::Worker(worker)) = scheduler.submit(call.clone(), now) {
                            started.push(call.key);
                            with.push((worker, call));
                        }
                    }
                    _ => if !with.is_empty() {
                        let (worker, call) = with.swap_remove(which % with.len());
                        scheduler.finished(worker, &call, now);
                    },
                }
                while let Some((worker, call)) = scheduler.next(now) {
                    started.push(call.key);
                    with.push((worker, call));
                }
                prop_assert_eq!(scheduler.assigned(), with.len());
                prop_assert!(with.len() >= 2 || scheduler.waiting().next().is_none(), "nobody waits for a free worker");
            }
            prop_assert!(started.is_sorted());
            prop_assert_eq!(started.len() + scheduler.waiting().count(), submitted);
        }
    }
}
