//! Waits that cannot end, found when they begin and never by a timeout.
//!
//! A *chain* is a call with all the calls that are nested in it, through whatever processes. It holds what it has been
//! given (a session of its own, a permit of a tool) until the call that was given it ends, and that call ends only when
//! every wait below it has. So a chain can go on when all that it waits for can be had at the same time; when it has gone
//! on, what it holds is free for the others. Chains that are left when no more can go on wait for each other, whatever
//! happens: [`stuck`] finds them, and the one whose wait closed the circle is told.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind, Executed, Result};

/// What chains have for themselves, in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    /// A session, in one pool, by the key of its binding. There is one unit of it, and its chain may use it again.
    Session(u64),
    /// What only so many calls may have at a time: a place of a tool, by the address of its semaphore or of its limit in a
    /// pool, or units of what tools of a pool share, by the address of that limit.
    Permit {
        /// Which.
        limit: usize,
        /// How many units there are.
        units: usize,
    },
}

impl Resource {
    fn units(&self) -> usize {
        match self {
            Self::Session(_) => 1,
            Self::Permit { units, .. } => *units,
        }
    }
}

/// Who has what, and who waits for what, in all pools of a bridge.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<Claims>);

#[derive(Debug, Default)]
struct Claims {
    last: u64,
    claims: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    chain: u64,
    resource: Resource,
    units: usize,
    waits: bool,
}

/// Units of a resource that a chain has or waits for, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    waits: Arc<Waits>,
    number: u64,
}

impl Waits {
    fn lock(&self) -> MutexGuard<'_, Claims> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A chain of its own for somebody who belongs to none. Other chains are known by addresses, which are never as high.
    pub(crate) fn stranger(&self) -> u64 {
        let mut claims = self.lock();
        claims.last += 1;
        1 << 63 | claims.last
    }

    /// `chain` has so many units of `resource`. `None` for what it has already and may use again.
    pub(crate) fn hold(self: &Arc<Self>, chain: u64, resource: Resource, units: usize) -> Option<Claim> {
        let mut claims = self.lock();
        let again = matches!(resource, Resource::Session(_)) && claims.has(chain, resource);
        (!again).then(|| claims.add(self, Entry { chain, resource, units, waits: false }))
    }

    /// `chain` waits for so many units of `resource`, and has nothing that anybody waits for: it closes no circle.
    pub(crate) fn expect(self: &Arc<Self>, chain: u64, resource: Resource, units: usize) -> Claim {
        self.lock().add(self, Entry { chain, resource, units, waits: true })
    }

    /// `chain` waits for so many units of `resource`, named `what` in the error. `None` for what it has already and may use
    /// again.
    ///
    /// # Errors
    /// `WouldDeadlock` when the wait could never end.
    pub(crate) fn wait(
        self: &Arc<Self>,
        chain: u64,
        resource: Resource,
        units: usize,
        what: &str,
    ) -> Result<Option<Claim>> {
        let mut claims = self.lock();
        if matches!(resource, Resource::Session(_)) && claims.has(chain, resource) {
            return Ok(None);
        }
        let claim = claims.add(self, Entry { chain, resource, units, waits: true });
        let is_stuck = claims.is_stuck(chain);
        // A claim is given back under the lock.
        drop(claims);
        if is_stuck {
            let message = format!("{what} is held by a call that waits, in the end, for this one");
            return Err(Error::new(ErrorKind::WouldDeadlock { message }, Executed::Never));
        }
        Ok(Some(claim))
    }
}

impl Claims {
    fn has(&self, chain: u64, resource: Resource) -> bool {
        self.claims.values().any(|claim| claim.chain == chain && claim.resource == resource && !claim.waits)
    }

    fn add(&mut self, waits: &Arc<Waits>, entry: Entry) -> Claim {
        self.last += 1;
        self.claims.insert(self.last, entry);
        Claim { waits: Arc::clone(waits), number: self.last }
    }

    fn is_stuck(&self, chain: u64) -> bool {
        let mut chains: BTreeMap<u64, Chain<Resource>> = BTreeMap::new();
        for Entry { chain, resource, units, waits } in self.claims.values() {
            let chain = chains.entry(*chain).or_default();
            if *waits { &mut chain.waits } else { &mut chain.holds }.push((*resource, *units));
        }
        let keys: Vec<u64> = chains.keys().copied().collect();
        let chains: Vec<_> = chains.into_values().collect();
        stuck(&chains, Resource::units).into_iter().any(|place| keys[place] == chain)
    }
}

impl Claim {
    /// Whether the unit is there, or is waited for (again, when the call lost its worker).
    pub(crate) fn set_waiting(&self, waits: bool) {
        if let Some(entry) = self.waits.lock().claims.get_mut(&self.number) {
            entry.waits = waits;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.waits.lock().claims.remove(&self.number);
    }
}

/// One chain of calls, as far as waiting goes. What a chain has already and may use again is neither held twice nor waited
/// for.
#[derive(Debug, Clone)]
struct Chain<R> {
    /// What it has, and how many units of that.
    holds: Vec<(R, usize)>,
    /// What it waits for, and how many units of that: all of it at the same time, also when calls of it wait side by side.
    waits: Vec<(R, usize)>,
}

impl<R> Default for Chain<R> {
    fn default() -> Self {
        Self { holds: Vec::new(), waits: Vec::new() }
    }
}

/// Which of the chains, by their places, can never go on. `capacity` says how many units of a resource there are.
fn stuck<R: Eq + Hash>(chains: &[Chain<R>], capacity: impl Fn(&R) -> usize) -> Vec<usize> {
    let mut held: HashMap<&R, usize> = HashMap::new();
    for (resource, units) in chains.iter().flat_map(|chain| &chain.holds) {
        *held.entry(resource).or_default() += units;
    }
    let can_go_on = |chain: &Chain<R>, held: &HashMap<&R, usize>| {
        let mut wanted: HashMap<&R, usize> = HashMap::new();
        for (resource, units) in &chain.waits {
            *wanted.entry(resource).or_default() += units;
        }
        wanted.into_iter().all(|(resource, units)| {
            let taken = held.get(resource).copied().unwrap_or(0);
            taken + units <= capacity(resource)
        })
    };
    let mut left: Vec<usize> = (0..chains.len()).collect();
    loop {
        let before = left.len();
        left.retain(|&place| {
            let chain = &chains[place];
            let goes_on = can_go_on(chain, &held);
            if goes_on {
                for (resource, units) in &chain.holds {
                    // Counted above, so there are as many to take away.
                    if let Some(held) = held.get_mut(resource) {
                        *held -= units;
                    }
                }
            }
            !goes_on
        });
        if left.len() == before {
            return left;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// A chain that has a unit of each of these, and waits for one of each of those.
    fn chain(holds: &[u8], waits: &[u8]) -> Chain<u8> {
        let one_of_each = |resources: &[u8]| resources.iter().map(|&resource| (resource, 1)).collect();
        Chain { holds: one_of_each(holds), waits: one_of_each(waits) }
    }

    #[test]
    fn two_that_wait_for_each_other_are_stuck_and_who_waits_for_them_too() {
        let chains = [chain(&[1], &[2]), chain(&[2], &[1]), chain(&[], &[1]), chain(&[3], &[])];
        assert_eq!(stuck(&chains, |_| 1), [0, 1, 2]);
    }

    #[test]
    fn a_wait_for_one_that_can_go_on_is_only_a_wait() {
        assert!(stuck(&[chain(&[1], &[2]), chain(&[2], &[3]), chain(&[3], &[])], |_| 1).is_empty());
    }

    #[test]
    fn a_second_permit_lets_one_of_two_go_on_and_then_the_other() {
        let chains = [chain(&[1], &[2]), chain(&[2], &[1])];
        assert!(stuck(&chains, |resource| if *resource == 2 { 2 } else { 1 }).is_empty());
    }

    #[test]
    fn as_many_chains_as_permits_that_each_need_another_are_stuck() {
        let chains = vec![chain(&[1], &[1]); 3];
        assert_eq!(stuck(&chains, |_| 3), [0, 1, 2]);
        assert!(stuck(&chains, |_| 4).is_empty());
    }

    #[test]
    fn calls_side_by_side_need_all_that_they_wait_for_at_the_same_time() {
        assert_eq!(stuck(&[chain(&[], &[1, 1])], |_| 1), [0]);
        assert!(stuck(&[chain(&[], &[1, 2]), chain(&[2], &[])], |_| 1).is_empty());
    }

    #[test]
    fn a_chain_that_needs_more_units_than_are_free_waits_for_those_that_have_them() {
        let has_one = |waits| Chain { holds: vec![(1, 1)], waits };
        let chains = [has_one(vec![(2, 2)]), Chain { holds: vec![(2, 1)], waits: vec![(1, 2)] }];
        assert_eq!(stuck(&chains, |_| 2), [0, 1]);
        assert!(stuck(&chains, |_| 3).is_empty());
        assert!(stuck(&[has_one(vec![(2, 1)]), chains[1].clone()], |_| 2).is_empty(), "one of two is free");
    }

    /// Whether some order exists in which all of `left` can go on: every order is tried.
    fn some_order(chains: &[Chain<u8>], left: &HashSet<usize>, capacity: usize) -> HashSet<usize> {
        let mut best = HashSet::new();
        for &place in left {
            let others = left.iter().flat_map(|&other| &chains[other].holds);
            let mut units = [0; 4];
            others.for_each(|&(resource, number)| units[usize::from(resource)] += number);
            chains[place].waits.iter().for_each(|&(resource, number)| units[usize::from(resource)] += number);
            let fits = chains[place].waits.iter().all(|&(resource, _)| units[usize::from(resource)] <= capacity);
            if fits {
                let rest = left.iter().copied().filter(|&other| other != place).collect();
                let mut went_on = some_order(chains, &rest, capacity);
                went_on.insert(place);
                if went_on.len() > best.len() {
                    best = went_on;
                }
            }
        }
        best
    }

    #[test]
    fn the_wait_that_closes_a_circle_is_refused_and_the_others_go_on() {
        let waits = Arc::new(Waits::default());
        let (one, other) = (Resource::Session(1), Resource::Session(2));
        let first = waits.hold(10, one, 1).unwrap();
        let second = waits.hold(20, other, 1).unwrap();
        let waiting = waits.wait(10, other, 1, "session `b`").unwrap().unwrap();
        let error = waits.wait(20, one, 1, "session `a`").unwrap_err();
        assert_eq!((error.code(), error.executed()), ("would_deadlock", Executed::Never));
        assert!(error.to_string().contains("session `a` is held by a call that waits"), "{error}");
        drop(second);
        waiting.set_waiting(false);
        assert!(waits.wait(30, one, 1, "session `a`").unwrap().is_some(), "the chain that has it goes on");
        drop((first, waiting));
        assert_eq!(waits.lock().claims.len(), 0, "a claim ends with its owner");
    }

    #[test]
    fn a_chain_may_use_its_session_again_and_not_its_permit() {
        let waits = Arc::new(Waits::default());
        let (session, permit) = (Resource::Session(1), Resource::Permit { limit: 1, units: 1 });
        let _held = (waits.hold(10, session, 1), waits.hold(10, permit, 1));
        assert!(waits.hold(10, session, 1).is_none() && waits.wait(10, session, 1, "").unwrap().is_none());
        assert_eq!(waits.wait(10, permit, 1, "tool `t`").unwrap_err().code(), "would_deadlock");
    }

    proptest! {
        #[test]
        fn what_is_stuck_is_what_no_order_frees(
            chains in prop::collection::vec(
                (
                    prop::collection::vec((0_u8..4, 1_usize..3), 0..3),
                    prop::collection::vec((0_u8..4, 1_usize..3), 0..3),
                ),
                0..5,
            ),
        ) {
            let chains: Vec<_> = chains.into_iter().map(|(holds, waits)| Chain { holds, waits }).collect();
            let capacity = 3;
            let everybody: HashSet<usize> = (0..chains.len()).collect();
            let free = some_order(&chains, &everybody, capacity);
            let expected: Vec<usize> = (0..chains.len()).filter(|place| !free.contains(place)).collect();
            prop_assert_eq!(stuck(&chains, |_| capacity), expected);
        }
    }
}
