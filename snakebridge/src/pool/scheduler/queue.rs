//! Calls that wait: the highest priority first, among equals in the order of their admission. Anybody may leave from the
//! middle, and who comes back gets the old place.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{ByKey, Task};
use crate::link::Priority;

/// How many calls in a row may go before the one that has waited longest; the next is that one, whatever its priority.
/// So a low priority gets a ninth of the workers under any load: enough to go on, and too little for the others to
/// notice.
pub(super) const OVERTAKES: u32 = 8;

const PRIORITIES: usize = 3;

/// Where a call stands in its line. Those that were admitted at the same moment stand as they joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    admitted: Instant,
    number: u64,
}

/// A line for each priority, ordered by place; who leaves finds their place by their key. So a thousand callers that give
/// up at once cost a thousand small steps and leave nothing behind.
#[derive(Debug)]
pub(super) struct Queue<C> {
    /// The highest priority first.
    lines: [BTreeMap<Place, C>; PRIORITIES],
    places: ByKey<Place>,
    /// How many have joined.
    joined: u64,
    /// Calls that went before the one that has waited longest, since one of those went.
    overtaken: u32,
}

fn line_of(priority: Priority) -> usize {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    }
}

impl<C: Task> Queue<C> {
    pub(super) fn new() -> Self {
        let lines = std::array::from_fn(|_| BTreeMap::new());
        Self { lines, places: ByKey::default(), joined: 0, overtaken: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Joins behind those of its priority that were admitted before, which may be none: it may have been with a worker, or
    /// have waited elsewhere.
    pub(super) fn join(&mut self, call: C) {
        let place = Place { admitted: call.admitted(), number: self.joined };
        self.joined += 1;
        self.places.insert(call.key(), place);
        self.lines[line_of(call.priority())].insert(place, call);
    }

    /// The line of the call that has waited longest.
    fn oldest_line(&self) -> Option<usize> {
        let fronts =
            self.lines.iter().enumerate().filter_map(|(index, line)| Some((*line.first_key_value()?.0, index)));
        fronts.min().map(|(_, line)| line)
    }

    /// The call that has waited longest.
    pub(super) fn oldest(&self) -> Option<&C> {
        self.lines[self.oldest_line()?].first_key_value().map(|(_, call)| call)
    }

    /// The line whose turn it is.
    fn turn(&self) -> Option<usize> {
        if self.overtaken >= OVERTAKES {
            self.oldest_line()
        } else {
            self.lines.iter().position(|line| !line.is_empty())
        }
    }

    pub(super) fn front(&self) -> Option<&C> {
        self.lines[self.turn()?].first_key_value().map(|(_, call)| call)
    }

    pub(super) fn pop_front(&mut self) -> Option<C> {
        let line = self.turn()?;
        self.overtaken = if self.oldest_line() == Some(line) { 0 } else { self.overtaken + 1 };
        let (_, call) = self.lines[line].pop_first()?;
        self.places.remove(&call.key());
        Some(call)
    }

    /// Takes `call` out, if it is there.
    pub(super) fn remove(&mut self, call: &C) -> bool {
        let place = self.places.remove(&call.key());
        place.is_some_and(|place| self.lines[line_of(call.priority())].remove(&place).is_some())
    }

    /// The call of that key, if it is there.
    pub(super) fn get(&self, key: u64) -> Option<&C> {
        let place = self.places.get(&key)?;
        self.lines.iter().find_map(|line| line.get(place))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &C> {
        self.lines.iter().flat_map(BTreeMap::values)
    }

    /// Takes out whatever `leaves` says, the highest priority first and each in order.
    pub(super) fn take(&mut self, mut leaves: impl FnMut(&C) -> bool) -> Vec<C> {
        let gone: Vec<C> = self
            .lines
            .iter_mut()
            .flat_map(|line| line.extract_if(.., |_, call| leaves(call)).map(|(_, call)| call).collect::<Vec<_>>())
            .collect();
        for call in &gone {
            self.places.remove(&call.key());
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{TestCall, call};
    use super::*;

    fn of(key: usize, priority: Priority) -> TestCall {
        TestCall { priority, ..call(key, "t") }
    }

    fn keys(queue: &mut Queue<TestCall>) -> Vec<usize> {
        std::iter::from_fn(|| queue.pop_front()).map(|call| call.key).collect()
    }

    #[test]
    fn the_highest_priority_goes_first_and_among_equals_the_one_that_came_first() {
        let mut queue = Queue::new();
        let priorities = [Priority::Low, Priority::Normal, Priority::High, Priority::Normal, Priority::High];
        for (key, priority) in priorities.into_iter().enumerate() {
            queue.join(of(key, priority));
        }
        assert_eq!(keys(&mut queue), [2, 4, 1, 3, 0]);
    }

    #[test]
    fn a_low_priority_gets_its_turn_however_many_high_ones_there_are() {
        let mut queue = Queue::new();
        queue.join(of(1000, Priority::Low));
        queue.join(of(1001, Priority::Low));
        (0..30).for_each(|key| queue.join(of(key, Priority::High)));
        let order = keys(&mut queue);
        assert_eq!((order[8], order[17]), (1000, 1001), "{order:?}");
    }

    #[test]
    fn what_comes_back_is_first_of_its_priority_and_not_of_all() {
        let mut queue = Queue::new();
        let first = of(0, Priority::Normal);
        queue.join(of(1, Priority::Normal));
        queue.join(of(2, Priority::High));
        queue.join(first);
        assert_eq!(keys(&mut queue), [2, 0, 1]);
    }

    proptest! {
        /// K1, K6. Whoever comes and goes: equals are served in order, nobody goes before a higher priority but the one that has
        /// waited longest, and that one is passed by a bounded number.
        #[test]
        fn nobody_starves_and_equals_keep_their_order(
            steps in proptest::collection::vec((0u8..5, any::<usize>()), 1..300)
        ) {
            let priorities = [Priority::Low, Priority::Normal, Priority::High];
            let (mut queue, mut waiting, mut passed) = (Queue::new(), Vec::<TestCall>::new(), 0);
            for (number, (step, which)) in steps.into_iter().enumerate() {
                match step {
                    0..=2 => {
                        let call = of(number, priorities[which % 3]);
                        queue.join(call.clone());
                        waiting.push(call);
                    }
                    3 => if let Some(peeked) = queue.front().map(|call| call.key) {
                        let call = queue.pop_front().unwrap();
                        prop_assert_eq!(call.key, peeked);
                        let index = waiting.iter().position(|other| other.key == call.key).unwrap();
                        prop_assert!(waiting[..index].iter().all(|other| other.priority != call.priority));
                        let highest = waiting.iter().all(|other| other.priority <= call.priority);
                        prop_assert!(index == 0 || highest);
                        passed = if index == 0 { 0 } else { passed + 1 };
                        prop_assert!(passed <= OVERTAKES);
                        waiting.remove(index);
                    },
                    _ => if !waiting.is_empty() {
                        queue.remove(&waiting.remove(which % waiting.len()));
                    },
                }
                prop_assert_eq!(queue.len(), waiting.len());
                prop_assert_eq!(queue.is_empty(), waiting.is_empty());
                prop_assert_eq!(queue.iter().count(), waiting.len());
            }
        }
    }
}
