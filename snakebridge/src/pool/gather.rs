//! Which calls go together, for tools that take many at once: a state machine without a clock.
//!
//! Waiting for company pays only where there is something else to do meanwhile. So a call waits for others, at most for as
//! long as its tool says, while calls of its kind are under way; where none is, it goes as soon as the tasks that were
//! ready beside it have had their *turn*: a burst is together by then, and a caller that is alone waits for nothing. When
//! the last of those that are under way has come back, those that wait have their turn in the same way, so that the
//! callers that have just been answered can join them.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How a tool wants its calls gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// So many calls at most go together.
    pub(super) most: usize,
    /// So long at most a call waits for others.
    pub(super) wait: Duration,
}

/// Arguments of so many bytes go together at most, unless those of a single call are longer.
const MOST_BYTES: usize = 16 << 20;

/// Calls of one kind.
#[derive(Debug)]
struct Group<C> {
    waiting: Vec<C>,
    bytes: usize,
    /// When the first of those that wait has to go, whoever else has come.
    due: Option<Instant>,
    /// Those that went and have not come back, each together with those that went with it.
    under_way: usize,
    /// Somebody will ask when the others have had their turn.
    has_turn: bool,
}

impl<C> Group<C> {
    fn new() -> Self {
        Self { waiting: Vec::new(), bytes: 0, due: None, under_way: 0, has_turn: false }
    }

    /// Those that wait are on their way.
    fn leave(&mut self) -> Vec<C> {
        (self.bytes, self.due) = (0, None);
        self.under_way += 1;
        std::mem::take(&mut self.waiting)
    }

    /// Whether somebody has to ask again after a turn, which is then noted.
    fn takes_turn(&mut self) -> bool {
        let takes = self.under_way == 0 && !self.waiting.is_empty() && !self.has_turn;
        self.has_turn |= takes;
        takes
    }
}

/// What follows from a call's arrival.
#[derive(Debug)]
pub(super) struct Joined<C> {
    /// Those that go now, each together with others or alone.
    pub(super) go: Vec<Vec<C>>,
    /// [`Gather::turn`] is to be asked when the tasks that are ready now have had their turn.
    pub(super) turn: bool,
    /// [`Gather::due`] is to be asked then.
    pub(super) due: Option<Instant>,
}

/// Calls that wait for others of their kind, by what makes them of a kind.
#[derive(Debug)]
pub(super) struct Gather<K, C> {
    groups: HashMap<K, Group<C>>,
}

impl<K: Clone + Eq + Hash, C> Gather<K, C> {
    pub(super) fn new() -> Self {
        Self { groups: HashMap::new() }
    }

    /// `call`, whose arguments have so many bytes, waits for others of its kind, or goes with them.
    pub(super) fn join(&mut self, kind: K, call: C, bytes: usize, rule: Rule, now: Instant) -> Joined<C> {
        let group = self.groups.entry(kind).or_insert_with(Group::new);
        let mut go = Vec::new();
        if !group.waiting.is_empty() && group.bytes + bytes > MOST_BYTES {
            go.push(group.leave());
        }
        group.waiting.push(call);
        group.bytes += bytes;
        // A time beyond what the clock can say is no time at all: others, or the turn, will take it along.
        group.due = group.due.or_else(|| now.checked_add(rule.wait));
        if group.waiting.len() >= rule.most || group.bytes > MOST_BYTES {
            go.push(group.leave());
        }
        Joined { go, turn: group.takes_turn(), due: group.due }
    }

    /// Those of a kind that go because the tasks that were ready had their turn, and still nothing is under way.
    pub(super) fn turn(&mut self, kind: &K) -> Option<Vec<C>> {
        let group = self.groups.get_mut(kind)?;
        group.has_turn = false;
        let goes = group.under_way == 0 && !group.waiting.is_empty();
        let gone = goes.then(|| group.leave());
        self.forget(kind);
        gone
    }

    /// What went has come back. Whether [`turn`](Self::turn) is to be asked when ready tasks have had their turn.
    pub(super) fn came_back(&mut self, kind: &K) -> bool {
        let Some(group) = self.groups.get_mut(kind) else { return false };
        group.under_way = group.under_way.saturating_sub(1);
        let turn = group.takes_turn();
        self.forget(kind);
        turn
    }

    /// Those that go because the first of them has waited for long enough; and when to ask again.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<(K, Vec<C>)>, Option<Instant>) {
        let mut gone = Vec::new();
        let mut next: Option<Instant> = None;
        for (kind, group) in &mut self.groups {
            match group.due {
                Some(due) if due <= now => gone.push((kind.clone(), group.leave())),
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None => {}
            }
        }
        (gone, next)
    }

    /// Takes out those that leave before they go.
    pub(super) fn take(&mut self, mut leaves: impl FnMut(&C) -> bool, bytes: impl Fn(&C) -> usize) -> Vec<C> {
        let mut gone = Vec::new();
        self.groups.retain(|_, group| {
            gone.extend(group.waiting.extract_if(.., |call| leaves(call)));
            group.bytes = group.waiting.iter().map(&bytes).sum();
            if group.waiting.is_empty() {
                group.due = None;
            }
            !group.is_over()
        });
        gone
    }

    /// Those that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &C> {
        self.groups.values().flat_map(|group| &group.waiting)
    }

    fn forget(&mut self, kind: &K) {
        if self.groups.get(kind).is_some_and(Group::is_over) {
            self.groups.remove(kind);
        }
    }
}

impl<C> Group<C> {
    /// Whether there is nothing left to remember.
    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.under_way == 0 && !self.has_turn
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const RULE: Rule = Rule { most: 4, wait: Duration::from_millis(5) };

    fn join(gather: &mut Gather<u8, u32>, calls: std::ops::Range<u32>, now: Instant) -> Vec<Vec<u32>> {
        calls.flat_map(|call| gather.join(0, call, 1, RULE, now).go).collect()
    }

    #[test]
    fn a_call_that_is_alone_goes_after_a_turn_and_waits_for_no_clock() {
        let (mut gather, now) = (Gather::new(), Instant::now());
        let joined = gather.join(0, 1, 1, RULE, now);
        assert!(joined.go.is_empty() && joined.turn);
        assert_eq!(gather.turn(&0), Some(vec![1]));
        assert!(!gather.came_back(&0));
        assert!(gather.groups.is_empty(), "nothing is left of it");
    }

    #[test]
    fn a_burst_goes_together_and_what_is_full_goes_at_once() {
        let (mut gather, now) = (Gather::new(), Instant::now());
        assert_eq!(join(&mut gather, 0..3, now), Vec::<Vec<u32>>::new());
        assert_eq!(gather.turn(&0), Some(vec![0, 1, 2]));
        assert_eq!(join(&mut gather, 3..12, now), [vec![3, 4, 5, 6], vec![7, 8, 9, 10]]);
    }

    #[test]
    fn behind_others_a_call_waits_for_company_until_its_time_or_until_they_are_back() {
        let (mut gather, now) = (Gather::new(), Instant::now());
        join(&mut gather, 0..1, now);
        gather.turn(&0);
        let joined = gather.join(0, 1, 1, RULE, now);
        assert!(joined.go.is_empty() && !joined.turn);
        assert_eq!(joined.due, Some(now + RULE.wait));
        assert_eq!(gather.due(now).1, Some(now + RULE.wait), "not yet");
        assert_eq!(gather.due(now + RULE.wait).0, [(0, vec![1])]);
        join(&mut gather, 2..3, now);
        assert!(!gather.came_back(&0), "one is still under way");
        assert!(gather.came_back(&0), "and now none is");
        join(&mut gather, 3..4, now);
        assert_eq!(gather.turn(&0), Some(vec![2, 3]));
    }

    #[test]
    fn large_arguments_do_not_pile_up() {
        let (mut gather, now) = (Gather::new(), Instant::now());
        let half = MOST_BYTES / 2 + 1;
        assert!(gather.join(0, 1, half, RULE, now).go.is_empty());
        assert_eq!(gather.join(0, 2, half, RULE, now).go, [[1]]);
        assert_eq!(gather.join(0, 3, MOST_BYTES + 1, RULE, now).go, [[2], [3]]);
    }

    #[test]
    fn who_leaves_does_not_go() {
        let (mut gather, now) = (Gather::new(), Instant::now());
        join(&mut gather, 0..3, now);
        assert_eq!(gather.take(|call| *call == 1, |_| 1), [1]);
        assert_eq!(gather.turn(&0), Some(vec![0, 2]));
        join(&mut gather, 3..4, now);
        assert_eq!(gather.take(|_| true, |_| 1), [3]);
        assert_eq!(gather.due(now + RULE.wait), (Vec::new(), None));
    }

    /// A call, the bytes of its arguments, and when it came.
    type Waits = (u32, usize, Instant);

    proptest! {
        /// Against what was put in: every call goes once or leaves, no more go together than may, nobody waits beyond the
        /// time, and nobody waits for nothing.
        #[test]
        fn each_call_goes_once_in_time_and_in_company_that_is_not_too_large(
            steps in proptest::collection::vec((0u8..5, 0u8..3, 1usize..6_000_000, 0u64..4), 1..300)
        ) {
            let mut gather: Gather<u8, Waits> = Gather::new();
            let mut now = Instant::now();
            let (mut joined, mut settled) = (0_u32, BTreeSet::new());
            let mut turns: Vec<u8> = Vec::new();
            let mut under_way: HashMap<u8, usize> = HashMap::new();
            for (step, kind, bytes, millis) in steps {
                let mut went: Vec<(u8, Vec<Waits>)> = Vec::new();
                match step {
                    0 | 1 => {
                        joined += 1;
                        let result = gather.join(kind, (joined, bytes, now), bytes, RULE, now);
                        went.extend(result.go.into_iter().map(|calls| (kind, calls)));
                        turns.extend(result.turn.then_some(kind));
                    }
                    2 if !turns.is_empty() => {
                        let kind = turns.remove(0);
                        went.extend(gather.turn(&kind).map(|calls| (kind, calls)));
                    }
                    3 if under_way.get(&kind).is_some_and(|count| *count > 0) => {
                        *under_way.entry(kind).or_default() -= 1;
                        turns.extend(gather.came_back(&kind).then_some(kind));
                    }
                    4 => {
                        for (call, ..) in gather.take(|(call, ..)| call % 5 == 0, |(_, bytes, _)| *bytes) {
                            prop_assert!(settled.insert(call));
                        }
                    }
                    _ => {}
                }
                now += Duration::from_millis(millis);
                went.extend(gather.due(now).0);
                for (kind, calls) in went {
                    *under_way.entry(kind).or_default() += 1;
                    let bytes: usize = calls.iter().map(|(_, bytes, _)| bytes).sum();
                    prop_assert!(!calls.is_empty() && calls.len() <= RULE.most);
                    prop_assert!(calls.len() == 1 || bytes <= MOST_BYTES);
                    prop_assert!(calls.is_sorted_by_key(|(call, ..)| *call), "first come, first in the list");
                    for (call, ..) in calls {
                        prop_assert!(settled.insert(call), "{} went twice", call);
                    }
                }
                for (kind, group) in &gather.groups {
                    prop_assert_eq!(group.under_way, under_way.get(kind).copied().unwrap_or_default());
                    prop_assert_eq!(group.bytes, group.waiting.iter().map(|(_, bytes, _)| bytes).sum::<usize>());
                    prop_assert!(group.under_way > 0 || group.waiting.is_empty() || turns.contains(kind));
                    prop_assert!(group.waiting.iter().all(|(.., came)| now < *came + RULE.wait));
                    prop_assert!(!group.is_over());
                }
                let waits = gather.waiting().count();
                prop_assert_eq!(settled.len() + waits, joined as usize, "none is lost");
            }
        }
    }
}
