//! That the scheduler's books are right whatever happens to calls and workers: what it keeps up to date is counted anew
//! after each step.

use std::sync::Arc;

use proptest::prelude::*;

use super::queue::OVERTAKES;
use super::tests::{BOUNDS, TestCall, call};
use super::*;
use crate::session::{Affinity, Binding, Need};

/// How many units there are of each limit.
const UNITS: [usize; 3] = [3, 2, 3];
/// Tools, with the limits of which they need so much.
const TOOLS: [(&str, &[(usize, usize)]); 5] =
    [("a", &[]), ("b", &[]), ("c", &[(0, 1)]), ("d", &[(1, 1)]), ("e", &[(0, 1), (1, 2), (2, 2)])];

/// How many units of a limit a call needs.
fn needed(call: &TestCall, limit: usize) -> usize {
    let (_, needs) = TOOLS.iter().find(|(tool, _)| *tool == &*call.tool).unwrap();
    needs.iter().find(|(number, _)| *number == limit).map_or(0, |(_, units)| *units)
}

/// A call that is with a worker, as the test knows it.
#[derive(Debug, Clone)]
struct Held {
    worker: u64,
    call: TestCall,
    progress: Progress,
    /// A tool of the host made it, for which a worker waits.
    nested: bool,
}

/// A scheduler, and what is to be true of it.
struct Checked {
    scheduler: Scheduler<TestCall>,
    now: Instant,
    submitted: usize,
    ended: usize,
    last_worker: u64,
    /// Workers that are open, with the most they may hold.
    open: HashMap<u64, Capacity>,
    held: Vec<Held>,
    /// Sessions of which calls may be.
    sessions: [Arc<Binding>; 3],
}

impl Checked {
    fn new() -> Self {
        let mut scheduler = Scheduler::new(BOUNDS, UNITS);
        for (tool, needs) in TOOLS {
            scheduler.set_needs(tool, needs.iter().map(|&(limit, units)| Demand { limit, units }).collect());
        }
        let (open, held, sessions) = (HashMap::new(), Vec::new(), Default::default());
        Self { scheduler, now: Instant::now(), submitted: 0, ended: 0, last_worker: 0, open, held, sessions }
    }

    fn add_worker(&mut self, which: usize) {
        self.last_worker += 1;
        let limit = which / 2 % 5 + 1;
        let capacity = if which.is_multiple_of(2) { Capacity::Serial(limit) } else { Capacity::Concurrent(limit) };
        self.open.insert(self.last_worker, capacity);
        self.scheduler.add_worker(self.last_worker, capacity);
    }

    fn hold(&mut self, worker: u64, call: TestCall, nested: bool) {
        let progress = if call.large { Progress::Arriving } else { Progress::There };
        self.held.push(Held { worker, call, progress, nested });
    }

    fn submit(&mut self, which: usize) {
        let (tool, _) = TOOLS[which / 11 % 5];
        let bytes = (which % 1000) as u64;
        let (stream, large) = (which % 5 == 1, which % 4 == 2);
        let (admitted, tie) = (self.now, self.tie(which / 60));
        let priority = [Priority::Low, Priority::Normal, Priority::High][which / 7 % 3];
        let call = TestCall { stream, large, bytes, priority, admitted, tie, ..call(self.submitted, tool) };
        // Some are made inside one that is with a worker, which waits, and that inside another.
        let outer = self.held.get(which % 50).map(|outer| outer.worker);
        let further_up = outer.and_then(|_| self.held.get(which % 31)).map(|outer| outer.worker);
        let waiting: Vec<u64> = outer.into_iter().chain(further_up).collect();
        let placement = self.scheduler.nest(call.clone(), &waiting, which.is_multiple_of(2), self.now);
        match placement {
            Ok(Placement::Worker(worker)) => self.hold(worker, call, waiting.contains(&worker)),
            Ok(Placement::Queued) => assert!(outer.is_none() || call.tie.is_some(), "only its session holds it up"),
            Err(Refusal::QueueFull(..)) => panic!("there is room for all"),
            Err(Refusal::SessionLost | Refusal::WorkerBusy | Refusal::ReferenceLost(_)) => {
                assert!(call.tie.is_some(), "others can always wait");
                return;
            }
        }
        self.submitted += 1;
    }

    /// What ties a call to a worker, for every second one.
    fn tie(&self, which: usize) -> Option<Tie> {
        let affinity = match which / 2 % 4 {
            0 => Affinity::None,
            1 => Affinity::Hint,
            2 => Affinity::StrictQueue,
            _ => Affinity::StrictFailFast,
        };
        let (session, exclusive) = (which / 8 % 3, (which / 24).is_multiple_of(3));
        // Some belong to a chain: that of the call submitted last, whether or not that still runs.
        let chain = (which / 72).is_multiple_of(3).then(|| self.submitted.saturating_sub(1) as u64);
        let binding = Arc::clone(&self.sessions[session]);
        let need = match which / 16 % 5 {
            0 => Need::Worker((which / 80) as u64 % 8),
            1 => Need::FreshStart,
            _ => Need::Nothing,
        };
        which.is_multiple_of(2).then_some(Tie { binding, affinity, exclusive, chain, need })
    }

    /// What happens to one of the calls that are with workers.
    fn happen(&mut self, step: u8, which: usize) {
        if self.held.is_empty() {
            return;
        }
        let index = which % self.held.len();
        let Held { worker, call, progress, .. } = self.held[index].clone();
        match step {
            0 => {
                self.scheduler.arrived(worker, &call, self.now);
                if progress == Progress::Arriving {
                    self.held[index].progress = Progress::There;
                }
            }
            1 => {
                self.scheduler.answering(worker, &call, self.now);
                self.held[index].progress = Progress::Answering;
            }
            2 => self.scheduler.give_up(&call),
            3 => {
                self.scheduler.release(worker, &call);
                self.held.remove(index);
                if which.is_multiple_of(3) {
                    self.scheduler.put_back_after(call, self.now + Duration::from_millis(20));
                } else {
                    self.scheduler.put_back(call);
                }
            }
            4 => {
                self.scheduler.release(worker, &call);
                self.held.remove(index);
                self.ended += 1;
                // It answers late.
                let drained = self.scheduler.finished(worker, &call, self.now);
                assert_eq!(drained, self.is_drained(worker));
            }
            _ => {
                let drained = self.scheduler.finished(worker, &call, self.now);
                self.held.remove(index);
                self.ended += 1;
                assert_eq!(drained, self.is_drained(worker));
            }
        }
    }

    fn is_drained(&self, worker: u64) -> bool {
        !self.open.contains_key(&worker) && self.held.iter().all(|held| held.worker != worker)
    }

    fn close_worker(&mut self, which: usize) {
        let worker = which as u64 % self.last_worker + 1;
        self.open.remove(&worker);
        self.scheduler.close_worker(worker);
    }

    /// A worker dies, and its calls wait again.
    fn remove_worker(&mut self, which: usize) {
        let worker = which as u64 % self.last_worker + 1;
        self.open.remove(&worker);
        self.scheduler.remove_worker(worker);
        for held in self.held.extract_if(.., |held| held.worker == worker) {
            self.scheduler.put_back(held.call);
        }
    }

    /// Somebody who waits gives up.
    fn leave(&mut self, which: usize) {
        let waiting: Vec<_> = self.scheduler.waiting().cloned().collect();
        if !waiting.is_empty() {
            self.scheduler.give_up(&waiting[which % waiting.len()]);
            self.ended += 1;
        }
    }

    fn dispatch(&mut self) {
        while let Some((worker, call)) = self.scheduler.next(self.now) {
            assert!(self.open.contains_key(&worker), "a closed worker gets nothing");
            if let Some(Need::Worker(keeps)) = call.tie.as_ref().map(|tie| tie.need) {
                assert_eq!(worker, keeps, "what is about an object goes to the worker that keeps it");
            } else if let Some(tie) = call.tie.as_ref().filter(|tie| tie.affinity.is_strict()) {
                assert_eq!(tie.binding.lock().worker, Some(worker), "a strict call goes to its session's worker");
            }
            self.hold(worker, call, false);
        }
        for (call, refusal) in self.scheduler.take_refused() {
            assert!(call.tie.is_some() && !matches!(refusal, Refusal::QueueFull(..)));
            self.ended += 1;
        }
    }

    /// Of each session one chain of exclusive calls is with workers, and who waits for it to end is woken by that.
    fn check_sessions(&self) {
        for binding in &self.sessions {
            let of_it = |call: &TestCall| {
                let tie = call.tie.as_ref().filter(|tie| tie.exclusive && Arc::ptr_eq(&tie.binding, binding))?;
                Some(tie.chain.unwrap_or(call.key()))
            };
            let chains: Vec<u64> = self.held.iter().filter_map(|held| of_it(&held.call)).collect();
            assert!(chains.windows(2).all(|two| two[0] == two[1]), "one chain at a time");
            let exclusive = chains.first().map(|chain| (*chain, chains.len()));
            assert_eq!(binding.lock().exclusive, exclusive);
            if let Some(turn) = self.scheduler.turns.get(&binding.key()) {
                let woken = self.scheduler.queue.iter().any(|call| of_it(call).is_some())
                    || self.scheduler.seats.iter().any(|seat| seat.line.iter().any(|call| of_it(call).is_some()))
                    || self.scheduler.limits.lines().flat_map(Queue::iter).any(|call| of_it(call).is_some());
                assert!(!turn.is_empty() && (exclusive.is_some() || woken), "nobody waits for nothing");
            }
        }
        let aside = self.scheduler.waiting().count() - self.scheduler.queue.len();
        assert_eq!(self.scheduler.aside, aside);
    }

    /// Calls have no more of what they need than there is, and none waits for what is free.
    fn check_limits(&self) {
        let scheduler = &self.scheduler;
        for (number, limit) in scheduler.limits.all().iter().enumerate() {
            let taken = self.held.iter().filter(|held| !held.nested).map(|held| needed(&held.call, number)).sum();
            let queued = scheduler.queue.iter().map(|call| needed(call, number)).sum();
            assert_eq!((limit.taken, limit.queued), (taken, queued));
            assert!(taken <= UNITS[number]);
            for (units, line) in &limit.lines {
                assert!(line.iter().all(|call| needed(call, number) == *units));
            }
            assert!(limit.next_in_line().is_none(), "who waits for what others have is told when it is free");
            assert!(limit.overtaken <= OVERTAKES, "nobody is passed by for ever");
            let waiting = scheduler.queue.iter().chain(scheduler.limits.lines().flat_map(Queue::iter));
            let waiting = waiting.filter(|call| needed(call, number) > 0);
            assert_eq!(limit.waiting, waiting.map(|call| (call.admitted, call.key())).collect());
        }
        let bytes = self.scheduler.waiting().map(|call| call.bytes).sum::<u64>();
        let room = &self.scheduler.room;
        assert_eq!((room.calls(), room.bytes()), (self.scheduler.waiting().count(), bytes));
    }

    /// Whoever is with a worker ends, and those who wait for that go on, until nobody is left.
    fn drain(&mut self) {
        self.add_worker(5);
        let waiting = self.scheduler.waiting().count();
        for _ in 0..=waiting {
            // Pauses end, too.
            self.now += Duration::from_secs(1);
            self.dispatch();
            while !self.held.is_empty() {
                self.happen(5, 0);
            }
        }
        self.check();
        assert_eq!(self.ended, self.submitted, "nobody waits for somebody who waits");
    }

    /// Everything that is kept up to date is what it would be if it were counted.
    fn check(&self) {
        for seat in &self.scheduler.seats {
            let held: Vec<_> = self.held.iter().filter(|held| held.worker == seat.worker).collect();
            let mut keys: Vec<_> = seat.assigned.keys().copied().collect();
            let mut expected: Vec<_> = held.iter().map(|held| held.call.key()).collect();
            keys.sort_unstable();
            expected.sort_unstable();
            assert_eq!(keys, expected, "no call is lost or doubled");
            let occupying = |held: &&&Held| !held.call.stream && held.progress == Progress::There;
            assert_eq!(seat.calls, held.iter().filter(occupying).count());
            assert_eq!(seat.arriving, held.iter().filter(|held| held.progress == Progress::Arriving).count());
            let occupying = seat.assigned.values().filter(|assigned| assigned.occupies());
            assert_eq!(seat.expected, occupying.map(|assigned| assigned.expected).sum());
            let (Capacity::Serial(limit) | Capacity::Concurrent(limit)) = seat.capacity;
            assert!(held.iter().filter(|held| !held.nested).count() <= limit);
            let has_room = matches!(seat.capacity, Capacity::Concurrent(_)) && held.len() < limit || held.is_empty();
            let waits = !self.scheduler.queue.is_empty() || !seat.line.is_empty();
            assert!(seat.closed || !has_room || !waits, "nobody waits for a worker that has room");
        }
        self.check_sessions();
        self.check_limits();
        assert_eq!(self.scheduler.assigned(), self.held.len());
        assert_eq!(self.held.len() + self.scheduler.waiting().count() + self.ended, self.submitted);
    }
}

proptest! {
    /// Whatever happens to calls and workers, the books are right.
    #[test]
    fn what_is_counted_along_the_way_is_what_is_there(
        steps in proptest::collection::vec((0u8..16, any::<usize>(), 0u64..3_000), 1..300)
    ) {
        let mut checked = Checked::new();
        checked.add_worker(100);
        checked.add_worker(5);
        for (step, which, micros) in steps {
            checked.now += Duration::from_micros(micros);
            match step {
                0..6 => checked.submit(which),
                6..13 => checked.happen(step - 6, which),
                13 => checked.leave(which),
                14 => checked.close_worker(which),
                _ if which.is_multiple_of(3) => checked.remove_worker(which / 3),
                _ => checked.add_worker(which / 3),
            }
            checked.dispatch();
            checked.check();
        }
        checked.drain();
    }
}
