//! Calls whose results are kept, and of which several want the same at the same time: one of them *leads* and runs, the
//! others follow and get its result. A state machine without I/O.
//!
//! An error is the leader's alone, and so is its leaving: the next one leads then. Whatever happens, each follower is told
//! once: by a result, or that it leads.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// One run, by its number.
pub(super) type Flight = u64;

/// What a call is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It runs, and says how that went.
    Leads(Flight),
    /// It waits to be told.
    Follows(Flight),
}

/// Runs that are under way, by what is asked for, with those who follow.
#[derive(Debug)]
pub(super) struct Flights<K, W> {
    /// The run that a further call would follow.
    current: HashMap<K, Flight>,
    followers: HashMap<Flight, VecDeque<W>>,
    keys: HashMap<Flight, K>,
    last: Flight,
}

impl<K: Clone + Eq + Hash, W> Flights<K, W> {
    pub(super) fn new() -> Self {
        Self { current: HashMap::new(), followers: HashMap::new(), keys: HashMap::new(), last: 0 }
    }

    /// A call asks for what `key` stands for. The one that has to wait gives `follower`, by which it is told.
    pub(super) fn join(&mut self, key: &K, follower: impl FnOnce() -> W) -> Role {
        if let Some(flight) = self.current.get(key) {
            self.followers.entry(*flight).or_default().push_back(follower());
            return Role::Follows(*flight);
        }
        self.last += 1;
        self.current.insert(key.clone(), self.last);
        self.followers.insert(self.last, VecDeque::new());
        self.keys.insert(self.last, key.clone());
        Role::Leads(self.last)
    }

    /// The leader has a result: these get it too. Says whether it may be kept, which it may not when what was asked for has
    /// been forgotten meanwhile.
    pub(super) fn landed(&mut self, flight: Flight) -> (VecDeque<W>, bool) {
        let followers = self.followers.remove(&flight).unwrap_or_default();
        (followers, self.end(flight))
    }

    /// The leader has none, or has left. This one leads now, if there is one; it has to be told.
    pub(super) fn failed(&mut self, flight: Flight) -> Option<W> {
        let next = self.followers.get_mut(&flight).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.followers.remove(&flight);
            self.end(flight);
        }
        next
    }

    /// A follower leaves. Returns it, unless it has been told already.
    pub(super) fn left(&mut self, flight: Flight, is_it: impl Fn(&W) -> bool) -> Option<W> {
        let followers = self.followers.get_mut(&flight)?;
        let index = followers.iter().position(is_it)?;
        followers.remove(index)
    }

    /// Calls that come from now on do not follow those of before.
    pub(super) fn forget(&mut self, is_meant: impl Fn(&K) -> bool) {
        self.current.retain(|key, _| !is_meant(key));
    }

    /// Whether `flight` was still the one to follow.
    fn end(&mut self, flight: Flight) -> bool {
        let Some(key) = self.keys.remove(&flight) else { return false };
        let is_current = self.current.get(&key) == Some(&flight);
        if is_current {
            self.current.remove(&key);
        }
        is_current
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn those_who_follow_get_the_result_of_the_one_who_leads() {
        let mut flights = Flights::new();
        assert_eq!(flights.join(&'a', || 1), Role::Leads(1));
        assert_eq!(flights.join(&'b', || 2), Role::Leads(2));
        assert_eq!(flights.join(&'a', || 3), Role::Follows(1));
        assert_eq!(flights.landed(1), ([3].into(), true));
        assert_eq!(flights.join(&'a', || 4), Role::Leads(3), "that one has landed");
    }

    #[test]
    fn when_the_leader_fails_the_next_one_leads_and_the_others_go_on_following() {
        let mut flights = Flights::new();
        flights.join(&'a', || 0);
        for follower in 1..4 {
            flights.join(&'a', || follower);
        }
        assert_eq!(flights.left(1, |follower| *follower == 2), Some(2));
        assert_eq!(flights.failed(1), Some(1));
        assert_eq!(flights.join(&'a', || 4), Role::Follows(1));
        assert_eq!(flights.left(1, |follower| *follower == 1), None, "it leads by now");
        assert_eq!(flights.landed(1), ([3, 4].into(), true));
    }

    #[test]
    fn what_is_forgotten_is_neither_followed_nor_kept() {
        let mut flights = Flights::new();
        flights.join(&'a', || 0);
        flights.join(&'a', || 1);
        flights.forget(|key| *key == 'a');
        assert_eq!(flights.join(&'a', || 2), Role::Leads(2));
        assert_eq!(flights.landed(1), ([1].into(), false));
        assert_eq!(flights.landed(2), ([].into(), true));
    }

    proptest! {
        /// Each call that follows is told once, or leaves; there is one leader for each key that is not forgotten; and when
        /// all is quiet nothing is left.
        #[test]
        fn nobody_waits_for_ever_and_nobody_is_told_twice(
            steps in proptest::collection::vec((0u8..6, 0u8..3, any::<prop::sample::Index>()), 1..200)
        ) {
            let mut flights: Flights<u8, u32> = Flights::new();
            let mut leaders: Vec<Flight> = Vec::new();
            let mut waiting: Vec<(Flight, u32)> = Vec::new();
            let mut calls = 0;
            let finish = |flights: &mut Flights<u8, u32>, flight, lands, waiting: &mut Vec<(Flight, u32)>| {
                let told: Vec<u32> = if lands { flights.landed(flight).0.into() } else { Vec::new() };
                let next = if lands { None } else { flights.failed(flight) };
                let told: Vec<u32> = told.into_iter().chain(next).collect();
                waiting.retain(|(_, call)| !told.contains(call));
                (told, next.is_some())
            };
            for (step, key, index) in steps {
                match step {
                    0..3 => {
                        calls += 1;
                        match flights.join(&key, || calls) {
                            Role::Leads(flight) => leaders.push(flight),
                            Role::Follows(flight) => {
                                prop_assert!(leaders.contains(&flight));
                                waiting.push((flight, calls));
                            }
                        }
                    }
                    3 | 4 if !leaders.is_empty() => {
                        let place = index.index(leaders.len());
                        let before = waiting.len();
                        let (told, has_next) = finish(&mut flights, leaders[place], step == 3, &mut waiting);
                        prop_assert_eq!(before - waiting.len(), told.len(), "whoever is told was waiting");
                        if !has_next {
                            let flight = leaders.remove(place);
                            prop_assert!(waiting.iter().all(|(followed, _)| *followed != flight));
                        }
                    }
                    5 if !waiting.is_empty() => {
                        let (flight, call) = waiting.remove(index.index(waiting.len()));
                        prop_assert_eq!(flights.left(flight, |other| *other == call), Some(call));
                    }
                    _ => flights.forget(|other| *other == key),
                }
            }
            while let Some(flight) = leaders.last().copied() {
                if !finish(&mut flights, flight, false, &mut waiting).1 {
                    leaders.pop();
                }
            }
            prop_assert!(waiting.is_empty());
            prop_assert!(flights.current.is_empty() && flights.followers.is_empty() && flights.keys.is_empty());
        }
    }
}
