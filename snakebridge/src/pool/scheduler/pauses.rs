//! Calls that pause before they wait again: those that are repeated, each until a moment of its own.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{ByKey, Scheduler, Task};

/// Ordered by the ends of their pauses; who leaves before is found by key.
#[derive(Debug)]
pub(super) struct Pauses<C> {
    calls: BTreeMap<(Instant, u64), C>,
    ends: ByKey<Instant>,
}

impl<C: Task> Pauses<C> {
    pub(super) fn new() -> Self {
        Self { calls: BTreeMap::new(), ends: ByKey::default() }
    }

    fn insert(&mut self, call: C, end: Instant) {
        self.ends.insert(call.key(), end);
        self.calls.insert((end, call.key()), call);
    }

    /// When the first of them is over.
    fn next_end(&self) -> Option<Instant> {
        self.calls.first_key_value().map(|((end, _), _)| *end)
    }

    /// A call whose pause is over.
    fn pop_ended(&mut self, now: Instant) -> Option<C> {
        self.next_end().filter(|end| *end <= now)?;
        let (_, call) = self.calls.pop_first()?;
        self.ends.remove(&call.key());
        Some(call)
    }

    /// Takes `call` out, if it is there.
    pub(super) fn remove(&mut self, call: &C) -> bool {
        let end = self.ends.remove(&call.key());
        end.is_some_and(|end| self.calls.remove(&(end, call.key())).is_some())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &C> {
        self.calls.values()
    }

    /// Takes out whatever `leaves` says.
    pub(super) fn take(&mut self, mut leaves: impl FnMut(&C) -> bool) -> Vec<C> {
        let gone: Vec<C> = self.calls.extract_if(.., |_, call| leaves(call)).map(|(_, call)| call).collect();
        for call in &gone {
            self.ends.remove(&call.key());
        }
        gone
    }
}

impl<C: Task> Scheduler<C> {
    /// A call that was with a worker waits again when a pause is over. No limit applies.
    pub(in crate::pool) fn put_back_after(&mut self, call: C, end: Instant) {
        self.room.entered(call.bytes());
        self.aside += 1;
        self.pauses.insert(call, end);
    }

    /// When the next pause is over.
    pub(in crate::pool) fn next_pause(&self) -> Option<Instant> {
        self.pauses.next_end()
    }

    /// Those whose pauses are over wait like all others. True when there were some.
    pub(in crate::pool) fn end_pauses(&mut self, now: Instant) -> bool {
        let mut some = false;
        while let Some(call) = self.pauses.pop_ended(now) {
            self.aside -= 1;
            self.wait_again(call);
            some = true;
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{call, pool};

    #[test]
    fn a_call_that_pauses_is_not_sent_before_that_is_over_and_then_has_its_old_place() {
        let (mut scheduler, now) = pool(0, 10);
        let (first, second) = (call(0, "t"), call(1, "t"));
        let millis = Duration::from_millis;
        scheduler.put_back_after(second, now + millis(100));
        scheduler.put_back_after(first, now + millis(200));
        scheduler.submit(call(2, "t"), now).unwrap();
        assert_eq!((scheduler.waiting_calls(), scheduler.waiting().count()), (3, 3));
        assert_eq!(scheduler.next_pause(), Some(now + millis(100)));
        scheduler.add_worker(1, super::super::Capacity::Concurrent(9));
        let mut sent = |at| scheduler.next(now + millis(at)).map(|(_, call)| call.key);
        assert_eq!([sent(99), sent(99)], [Some(2), None]);
        assert_eq!([sent(200), sent(200), sent(200)], [Some(0), Some(1), None]);
        assert_eq!((scheduler.next_pause(), scheduler.waiting_calls()), (None, 0));
    }

    #[test]
    fn who_leaves_while_it_pauses_is_gone() {
        let (mut scheduler, now) = pool(1, 10);
        let calls: Vec<_> = (0..4).map(|key| call(key, "t")).collect();
        for call in &calls {
            scheduler.put_back_after(call.clone(), now);
        }
        scheduler.give_up(&calls[0]);
        let taken: Vec<_> = scheduler.take_waiting(|call| call.key == 2).iter().map(|call| call.key).collect();
        assert_eq!((taken, scheduler.waiting_calls()), (vec![2], 2));
        assert_eq!(scheduler.next(now).map(|(_, call)| call.key), Some(1));
    }
}
