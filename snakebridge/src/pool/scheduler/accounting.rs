//! That the scheduler's books are right whatever happens to calls and workers: what it keeps up to date is counted anew
//! after each step.

use proptest::prelude::*;

use super::tests::{TestCall, call};
use super::*;

/// A call that is with a worker, as the test knows it.
#[derive(Debug, Clone)]
struct Held {
    worker: u64,
    call: TestCall,
    progress: Progress,
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
}

impl Checked {
    fn new() -> Self {
        let scheduler = Scheduler::new(usize::MAX);
        let (open, held) = (HashMap::new(), Vec::new());
        Self { scheduler, now: Instant::now(), submitted: 0, ended: 0, last_worker: 0, open, held }
    }

    fn add_worker(&mut self, which: usize) {
        self.last_worker += 1;
        let limit = which / 2 % 5 + 1;
        let capacity = if which.is_multiple_of(2) { Capacity::Serial(limit) } else { Capacity::Concurrent(limit) };
        self.open.insert(self.last_worker, capacity);
        self.scheduler.add_worker(self.last_worker, capacity);
    }

    fn hold(&mut self, worker: u64, call: TestCall) {
        let progress = if call.large { Progress::Arriving } else { Progress::There };
        self.held.push(Held { worker, call, progress });
    }

    fn submit(&mut self, which: usize) {
        let tool = if which.is_multiple_of(3) { "a" } else { "b" };
        let (stream, large) = (which % 5 == 1, which % 4 == 2);
        let priority = [Priority::Low, Priority::Normal, Priority::High][which / 7 % 3];
        let call = TestCall { stream, large, priority, ..call(self.submitted, tool) };
        self.submitted += 1;
        if let Placement::Worker(worker) = self.scheduler.submit(call.clone(), self.now).unwrap() {
            self.hold(worker, call);
        }
    }

    /// What happens to one of the calls that are with workers.
    fn happen(&mut self, step: u8, which: usize) {
        if self.held.is_empty() {
            return;
        }
        let index = which % self.held.len();
        let Held { worker, call, progress } = self.held[index].clone();
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
                self.scheduler.put_back(call);
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
            self.hold(worker, call);
        }
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
            assert!(held.len() <= limit);
            let has_room = matches!(seat.capacity, Capacity::Concurrent(_)) && held.len() < limit || held.is_empty();
            let waits = self.scheduler.waiting().next().is_some();
            assert!(seat.closed || !has_room || !waits, "nobody waits for a worker that has room");
        }
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
    }
}
