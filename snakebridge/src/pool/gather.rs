//! Which calls go together, for tools that take many at once: a state machine without a clock.
//!
//! Waiting for company pays only where there is something else to do meanwhile, or where company is sure to come. So a call
//! waits for others, at most for as long as its tool says, while calls of its kind are under way. Where none is, it goes as
//! soon as the tasks that were ready beside it have had their *turn*: a burst is together by then, and a caller that is
//! alone waits for nothing. Callers that have been answered together are likely to call again together: for a moment
//! behind their answer as many calls are awaited as were answered.

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
/// So long behind an answer its callers are awaited again. Longer: lone calls behind a burst wait longer for nobody. Shorter:
/// callers who do something between two calls come too late for each other.
const MOMENT: Duration = Duration::from_millis(1);

/// Calls of one kind.
#[derive(Debug)]
struct Group<C> {
    rule: Rule,
    waiting: Vec<C>,
    bytes: usize,
    /// When the first of those that wait has to go, whoever else has come.
    due: Option<Instant>,
    /// Those that went and have not come back, each together with those that went with it.
    under_way: usize,
    /// Somebody will ask when the others have had their turn.
    has_turn: bool,
    /// So many are likely to come, until then.
    expected: usize,
    expected_until: Option<Instant>,
}

impl<C> Group<C> {
    fn new(rule: Rule) -> Self {
        let (waiting, bytes, due, under_way, has_turn) = (Vec::new(), 0, None, 0, false);
        Self { rule, waiting, bytes, due, under_way, has_turn, expected: 0, expected_until: None }
    }

    /// Those that wait are on their way.
    fn leave(&mut self) -> Vec<C> {
        (self.bytes, self.due) = (0, None);
        self.under_way += 1;
        self.expected = self.expected.saturating_sub(self.waiting.len());
        std::mem::take(&mut self.waiting)
    }

    /// Those that answers have set free are expected.
    fn expect(&mut self, calls: usize, now: Instant) {
        let still = if self.expects(now) { self.expected } else { 0 };
        self.expected = still + calls;
        self.expected_until = now.checked_add(MOMENT.min(self.rule.wait));
    }

    /// Whether more than one is expected: who is alone is not awaited.
    fn expects(&self, now: Instant) -> bool {
        self.expected > 1 && self.expected_until.is_some_and(|until| now < until)
    }

    /// Whether those that wait are to go as soon as others have had their turn.
    fn may_go(&self, now: Instant) -> bool {
        let complete = !self.expects(now) || self.waiting.len() >= self.expected.min(self.rule.most);
        self.under_way == 0 && !self.waiting.is_empty() && complete
    }

    /// Whether somebody has to ask again after a turn, which is then noted.
    fn takes_turn(&mut self, now: Instant) -> bool {
        let takes = self.may_go(now) && !self.has_turn;
        self.has_turn |= takes;
        takes
    }

    /// When somebody has to look again, if nobody comes.
    fn next(&self) -> Option<Instant> {
        let awaits = self.under_way == 0 && self.expected > 1;
        [self.due, self.expected_until.filter(|_| awaits)].into_iter().flatten().min()
    }

    /// Whether there is nothing left to remember.
    fn is_over(&self, now: Instant) -> bool {
        self.waiting.is_empty() && self.under_way == 0 && !self.has_turn && !self.expects(now)
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

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Returned {
    /// As in [`Joined`].
    pub(super) turn: bool,
    /// As in [`Joined`].
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
        let group = self.groups.entry(kind).or_insert_with(|| Group::new(rule));
        group.rule = rule;
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
        Joined { go, turn: group.takes_turn(now), due: group.next() }
    }

    /// Those of a kind that go because the tasks that were ready had their turn, and still nothing is under way.
    pub(super) fn turn(&mut self, kind: &K, now: Instant) -> Option<Vec<C>> {
        let group = self.groups.get_mut(kind)?;
        group.has_turn = false;
        let gone = group.may_go(now).then(|| group.leave());
        self.forget(kind, now);
        gone
    }

    /// So many calls that went together have been answered.
    pub(super) fn came_back(&mut self, kind: &K, calls: usize, now: Instant) -> Returned {
        let Some(group) = self.groups.get_mut(kind) else { return Returned { turn: false, due: None } };
        group.under_way = group.under_way.saturating_sub(1);
        group.expect(calls, now);
        let returned = Returned { turn: group.takes_turn(now), due: group.next() };
        self.forget(kind, now);
        returned
    }

    /// Those that go because the first of them has waited for long enough, or those that were expected have not come; and when
    /// to ask again.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<(K, Vec<C>)>, Option<Instant>) {
        let mut gone = Vec::new();
        let mut next: Option<Instant> = None;
        self.groups.retain(|kind, group| {
            if group.due.is_some_and(|due| due <= now) || (group.may_go(now) && !group.has_turn) {
                gone.push((kind.clone(), group.leave()));
            }
            next = [next, group.next().filter(|next| now < *next)].into_iter().flatten().min();
            !group.is_over(now)
        });
        (gone, next)
    }

    /// Takes out those that leave before they go.
    pub(super) fn take(&mut self, mut leaves: impl FnMut(&C) -> bool, bytes: impl Fn(&C) -> usize) -> Vec<C> {
        let mut gone = Vec::new();
        for group in self.groups.values_mut() {
            gone.extend(group.waiting.extract_if(.., |call| leaves(call)));
            group.bytes = group.waiting.iter().map(&bytes).sum();
            if group.waiting.is_empty() {
                group.due = None;
            }
        }
        // Without a clock: what somebody is expected in is looked through later.
        self.groups.retain(|_, group| {
            !group.waiting.is_empty() || group.under_way > 0 || group.has_turn || group.expected_until.is_some()
        });
        gone
    }

    /// Those that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &C> {
        self.groups.values().flat_map(|group| &group.waiting)
    }

    fn forget(&mut self, kind: &K, now: Instant) {
        if self.groups.get(kind).is_some_and(|group| group.is_over(now)) {
            self.groups.remove(kind);
        }
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
        assert_eq!(gather.turn(&0, now), Some(vec![1]));
        assert_eq!(gather.came_back(&0, 1, now), Returned { turn: false, due: None });
        assert!(gather.groups.is_empty(), "nothing is left of it");
    }

    #[test]
    fn a_burst_goes_together_and_what_is_full_goes_at_once() {
        let (mut gather, now) = (Gather::new(), Instant::now());
        assert_eq!(join(&mut gather, 0..3, now), Vec::<Vec<u32>>::new());
        assert_eq!(gather.turn(&0, now), Some(vec![0, 1, 2]));
        assert_eq!(join(&mut gather, 3..12, now), [vec![3, 4, 5, 6], vec![7, 8, 9, 10]]);
    }

    #[test]
    fn behind_others_a_call_waits_for_company_until_its_time_or_until_they_are_back() {
        let (mut gather, now) = (Gather::new(), Instant::now());
        join(&mut gather, 0..1, now);
        gather.turn(&0, now);
        let joined = gather.join(0, 1, 1, RULE, now);
        assert!(joined.go.is_empty() && !joined.turn);
        assert_eq!(joined.due, Some(now + RULE.wait));
        assert_eq!(gather.due(now), (Vec::new(), Some(now + RULE.wait)), "not yet");
        assert_eq!(gather.due(now + RULE.wait).0, [(0, vec![1])]);
        join(&mut gather, 2..3, now);
        assert!(!gather.came_back(&0, 1, now).turn, "one is still under way");
        let later = now + MOMENT;
        assert!(gather.came_back(&0, 1, later).turn, "and now none is");
        join(&mut gather, 3..4, later);
        assert_eq!(gather.turn(&0, later), Some(vec![2, 3]));
    }

    #[test]
    fn those_who_were_answered_together_are_awaited_for_a_moment() {
        let (mut gather, now) = (Gather::new(), Instant::now());
        join(&mut gather, 0..3, now);
        assert_eq!(gather.turn(&0, now), Some(vec![0, 1, 2]));
        assert_eq!(gather.came_back(&0, 3, now), Returned { turn: false, due: Some(now + MOMENT) });
        for call in 3..5 {
            let joined = gather.join(0, call, 1, RULE, now);
            assert!(!joined.turn && joined.go.is_empty() && joined.due == Some(now + MOMENT));
        }
        assert!(gather.join(0, 5, 1, RULE, now).turn, "all are there");
        assert_eq!(gather.turn(&0, now), Some(vec![3, 4, 5]));
        gather.came_back(&0, 3, now);
        join(&mut gather, 6..7, now);
        assert_eq!(gather.due(now), (Vec::new(), Some(now + MOMENT)));
        assert_eq!(gather.due(now + MOMENT).0, [(0, vec![6])], "the others do not come");
        gather.came_back(&0, 1, now + MOMENT);
        assert!(gather.join(0, 7, 1, RULE, now + MOMENT * 2).turn, "and who is alone again is not made to wait");
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
        assert_eq!(gather.turn(&0, now), Some(vec![0, 2]));
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
            let mut under_way: HashMap<u8, Vec<usize>> = HashMap::new();
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
                        went.extend(gather.turn(&kind, now).map(|calls| (kind, calls)));
                    }
                    3 => {
                        if let Some(calls) = under_way.entry(kind).or_default().pop() {
                            turns.extend(gather.came_back(&kind, calls, now).turn.then_some(kind));
                        }
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
                    under_way.entry(kind).or_default().push(calls.len());
                    let bytes: usize = calls.iter().map(|(_, bytes, _)| bytes).sum();
                    prop_assert!(!calls.is_empty() && calls.len() <= RULE.most);
                    prop_assert!(calls.len() == 1 || bytes <= MOST_BYTES);
                    prop_assert!(calls.is_sorted_by_key(|(call, ..)| *call), "first come, first in the list");
                    for (call, ..) in calls {
                        prop_assert!(settled.insert(call), "{} went twice", call);
                    }
                }
                for (kind, group) in &gather.groups {
                    prop_assert_eq!(group.under_way, under_way.get(kind).map_or(0, Vec::len));
                    prop_assert_eq!(group.bytes, group.waiting.iter().map(|(_, bytes, _)| bytes).sum::<usize>());
                    let waits_for_others = group.under_way > 0 || turns.contains(kind) || group.expects(now);
                    prop_assert!(waits_for_others || group.waiting.is_empty(), "nobody waits for nothing");
                    prop_assert!(group.waiting.iter().all(|(.., came)| now < *came + RULE.wait));
                    prop_assert!(!group.is_over(now));
                }
                let waits = gather.waiting().count();
                prop_assert_eq!(settled.len() + waits, joined as usize, "none is lost");
            }
        }
    }
}
