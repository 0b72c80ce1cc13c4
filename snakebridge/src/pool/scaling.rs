//! When a pool grows and when it shrinks. Pure: what it looks like is passed in.

use std::time::Duration;

/// Calls that have waited for so long want another worker: about what its start takes. Shorter waits are over before it
/// would be there.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// Between how many workers a pool has, and how long one may idle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scaling {
    /// The fewest.
    pub least: usize,
    /// The most.
    pub most: usize,
    /// A worker beyond the fewest leaves when it has had no call for so long.
    pub idle_timeout: Duration,
}

/// A pool at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    /// Places for workers, filled or not.
    pub(super) places: usize,
    /// Places whose workers serve.
    pub(super) serving: usize,
    /// Calls that wait, and for how long the first of them has.
    pub(super) waiting: usize,
    pub(super) waited: Duration,
    /// Workers without a call, and for how long they have had none.
    pub(super) idle: Vec<(u64, Duration)>,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// So many places more.
    pub(super) grow: usize,
    /// These workers leave, and their places with them.
    pub(super) dismiss: Vec<u64>,
}

impl Scaling {
    /// What `load` calls for.
    pub(super) fn step(&self, load: &Load) -> Step {
        if load.waiting > 0 {
            // Doubles, as long as that is not too much; and sees first what those do that are starting.
            let crowded = load.waited >= PATIENCE && load.serving >= load.places;
            let grow = load.waiting.min(load.places.max(1)).min(self.most.saturating_sub(load.places));
            return Step { grow: if crowded { grow } else { 0 }, dismiss: Vec::new() };
        }
        let mut idle: Vec<_> = load.idle.iter().filter(|(_, since)| *since >= self.idle_timeout).collect();
        // Those that have idled longest first.
        idle.sort_by_key(|(_, since)| std::cmp::Reverse(*since));
        let beyond = load.places.saturating_sub(self.least);
        Step { grow: 0, dismiss: idle.into_iter().take(beyond).map(|&(worker, _)| worker).collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCALING: Scaling = Scaling { least: 2, most: 16, idle_timeout: Duration::from_secs(60) };

    fn crowded(places: usize, waiting: usize) -> Load {
        Load { places, serving: places, waiting, waited: PATIENCE, ..Load::default() }
    }

    fn grown(load: &Load) -> usize {
        SCALING.step(load).grow
    }

    #[test]
    fn a_pool_doubles_while_calls_wait_up_to_what_they_need_and_its_limit() {
        assert_eq!(grown(&crowded(2, 100)), 2);
        assert_eq!(grown(&crowded(4, 100)), 4);
        assert_eq!(grown(&crowded(8, 3)), 3);
        assert_eq!(grown(&crowded(15, 100)), 1);
        assert_eq!(grown(&crowded(16, 100)), 0);
    }

    #[test]
    fn short_waits_and_workers_that_are_on_their_way_are_waited_for() {
        assert_eq!(grown(&Load { waited: PATIENCE / 2, ..crowded(4, 100) }), 0);
        assert_eq!(grown(&Load { serving: 3, ..crowded(4, 100) }), 0);
    }

    #[test]
    fn those_that_idle_longest_leave_and_the_fewest_stay() {
        let seconds = Duration::from_secs;
        let idle = vec![(1, seconds(61)), (2, seconds(90)), (3, seconds(59)), (4, seconds(70))];
        let load = Load { places: 4, serving: 4, idle, ..Load::default() };
        assert_eq!(SCALING.step(&load).dismiss, [2, 4]);
        assert_eq!(SCALING.step(&Load { places: 2, ..load.clone() }).dismiss, [0_u64; 0]);
        assert_eq!(SCALING.step(&Load { waiting: 1, ..load }).dismiss, [0_u64; 0], "somebody is about to get work");
    }

    proptest! {
        #[test]
        fn it_stays_between_its_limits(
            places in 2usize..17, serving in 0usize..17, waiting in 0usize..100, millis in 0u64..500,
            idle in proptest::collection::vec(0u64..200, 0..17),
        ) {
            let idle: Vec<_> = (0u64..).zip(idle.into_iter().map(Duration::from_secs)).take(serving.min(places)).collect();
            let waited = Duration::from_millis(millis);
            let step = SCALING.step(&Load { places, serving: serving.min(places), waiting, waited, idle });
            prop_assert!(places + step.grow <= SCALING.most);
            prop_assert!(places - step.dismiss.len() >= SCALING.least);
            prop_assert!(step.grow == 0 || step.dismiss.is_empty());
        }
    }
}
