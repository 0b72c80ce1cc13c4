//! How much may wait in a pool, and when it is worth trying again for those for whom there is no room. Pure.
//!
//! Calls are counted when they begin to wait and when they do so no more, and so are their arguments, which is what their
//! waiting costs in memory. What a refusal costs does not depend on how many wait or were refused.

use std::time::Duration;

use crate::error::QueueLimit;
use crate::seeded::{self, Bug};

/// What a worker is taken to need for a call before it has answered the first.
const FIRST_GUESS: Duration = Duration::from_millis(100);
/// The shortest time after which it makes sense to try again.
const SHORTEST: Duration = Duration::from_millis(1);
/// A new time counts for an eighth: the last dozen or two decide.
const WEIGHT: u32 = 8;

/// What bounds the queue of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How many calls may wait.
    pub(crate) calls: usize,
    /// How many bytes their arguments may have together.
    pub(crate) bytes: u64,
    /// How many bytes of memory have to be left for a call to wait.
    pub(crate) reserve: u64,
    /// How long each of them may: later than that, none of those that wait now does.
    pub(crate) wait: Duration,
}

/// What waits at the moment.
#[derive(Debug)]
pub(super) struct Room {
    bounds: Bounds,
    calls: usize,
    bytes: u64,
    /// How many bytes of memory were left when it was looked at last, if anybody looked.
    left: Option<u64>,
    /// How long workers have a call, as they had those that they let go of lately.
    service: Option<Duration>,
}

impl Room {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, calls: 0, bytes: 0, left: None, service: None }
    }

    /// How many calls wait.
    #[cfg(test)]
    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// How many bytes their arguments have.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether there is room for another call, whose arguments have so many bytes.
    pub(super) fn check(&self, bytes: u64) -> Result<(), QueueLimit> {
        if self.calls >= self.bounds.calls + usize::from(seeded::has(Bug::OffByOneQueue)) {
            return Err(QueueLimit::Calls(self.bounds.calls));
        }
        if self.bytes.saturating_add(bytes) > self.bounds.bytes {
            return Err(QueueLimit::Bytes(self.bounds.bytes));
        }
        if let Some(left) = self.left.filter(|left| *left < self.bounds.reserve) {
            return Err(QueueLimit::Memory(left));
        }
        Ok(())
    }

    /// So many bytes of memory are left.
    pub(super) fn set_memory_left(&mut self, left: Option<u64>) {
        self.left = left;
    }

    /// Whether there is room for another call that waits for one of so many workers and no other, as `waiting` others do.
    pub(super) fn check_share(&self, waiting: usize, workers: usize) -> Result<(), QueueLimit> {
        let share = self.bounds.calls.div_ceil(workers.max(1));
        if waiting < share { Ok(()) } else { Err(QueueLimit::Worker(share)) }
    }

    /// A call begins to wait, with or without having been asked for room: it may have been with a worker before.
    pub(super) fn entered(&mut self, bytes: u64) {
        self.calls += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A call waits no more.
    pub(super) fn left(&mut self, bytes: u64) {
        self.calls -= 1;
        self.bytes -= bytes;
    }

    /// A worker has let go of a call that it had for so long.
    pub(super) fn served(&mut self, took: Duration) {
        self.service = Some(self.service.map_or(took, |known| (known * (WEIGHT - 1) + took) / WEIGHT));
    }

    /// After which time all that wait now will have gone to workers, which have `running` calls at the moment. (By Little's
    /// law so many calls leave in the time for which each is there.)
    pub(super) fn retry_after(&self, running: usize) -> Duration {
        let running = u32::try_from(running.max(1)).unwrap_or(u32::MAX);
        let waiting = u32::try_from(self.calls.max(1)).unwrap_or(u32::MAX);
        let estimate = (self.service.unwrap_or(FIRST_GUESS) / running).saturating_mul(waiting);
        estimate.min(self.bounds.wait).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { calls: 100, bytes: 1000, reserve: 64, wait: Duration::from_secs(10) };

    #[test]
    fn calls_and_bytes_are_bounded_each_for_itself() {
        let mut room = Room::new(Bounds { calls: 2, ..BOUNDS });
        assert_eq!(room.check(1001), Err(QueueLimit::Bytes(1000)));
        assert_eq!(room.check(1000), Ok(()));
        room.entered(600);
        assert_eq!((room.check(400), room.check(401)), (Ok(()), Err(QueueLimit::Bytes(1000))));
        room.entered(0);
        assert_eq!(room.check(0), Err(QueueLimit::Calls(2)));
        room.left(600);
        assert_eq!(room.check(1000), Ok(()));
        // What comes back is let in, whatever there is.
        (0..5).for_each(|_| room.entered(900));
        assert_eq!((room.calls(), room.bytes()), (6, 4500));
    }

    #[test]
    fn nobody_begins_to_wait_while_less_memory_is_left_than_is_reserved() {
        let mut room = Room::new(BOUNDS);
        for (left, fits) in [(None, true), (Some(63), false), (Some(64), true), (Some(0), false), (None, true)] {
            room.set_memory_left(left);
            assert_eq!(room.check(1).is_ok(), fits, "{left:?}");
        }
    }

    #[test]
    fn those_that_wait_for_one_worker_have_its_share() {
        let room = Room::new(BOUNDS);
        assert_eq!((room.check_share(99, 1), room.check_share(100, 0)), (Ok(()), Err(QueueLimit::Worker(100))));
        assert_eq!((room.check_share(33, 3), room.check_share(34, 3)), (Ok(()), Err(QueueLimit::Worker(34))));
        assert_eq!(room.check_share(0, 1000), Ok(()), "one always may");
    }

    #[test]
    fn who_is_refused_is_told_when_those_that_wait_will_have_gone() {
        let mut room = Room::new(BOUNDS);
        (0..100).for_each(|_| room.entered(1));
        assert_eq!(room.retry_after(10), FIRST_GUESS * 10, "nothing is known yet");
        room.served(Duration::from_millis(20));
        assert_eq!(room.retry_after(4), Duration::from_millis(500), "4 in 20 ms");
        (0..100).for_each(|_| room.served(Duration::from_millis(40)));
        let longer = room.retry_after(4);
        assert!(longer > Duration::from_millis(990) && longer <= Duration::from_secs(1), "{longer:?}");
        assert_eq!(room.retry_after(0), room.retry_after(1), "no worker has any");
        (0..100).for_each(|_| room.served(Duration::from_secs(300)));
        assert_eq!(room.retry_after(1), BOUNDS.wait, "by then none of them waits any more");
        (0..500).for_each(|_| room.served(Duration::ZERO));
        assert_eq!(room.retry_after(100), SHORTEST);
    }

    proptest! {
        #[test]
        fn what_was_let_in_one_by_one_is_never_beyond_the_bounds(
            steps in proptest::collection::vec((any::<bool>(), 0u64..400), 1..300),
        ) {
            let mut room = Room::new(Bounds { calls: 5, ..BOUNDS });
            let mut waiting = Vec::new();
            for (enters, bytes) in steps {
                if enters {
                    let fits = waiting.len() < 5 && waiting.iter().sum::<u64>() + bytes <= 1000;
                    prop_assert_eq!(room.check(bytes).is_ok(), fits);
                    if fits {
                        room.entered(bytes);
                        waiting.push(bytes);
                    }
                } else if let Some(bytes) = waiting.pop() {
                    room.left(bytes);
                }
                prop_assert_eq!((room.calls(), room.bytes()), (waiting.len(), waiting.iter().sum()));
                let retry_after = room.retry_after(3);
                prop_assert!(retry_after >= SHORTEST && retry_after <= BOUNDS.wait);
            }
        }
    }
}
