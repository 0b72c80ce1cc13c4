//! When a worker has served long enough. Pure: what a worker has been through is passed in.

use std::time::Duration;

use crate::worker::descriptors::Descriptors;

/// What a worker may go through before it is replaced. Nothing of it is a hard limit, but that of one call: a worker goes on
/// until the one that takes its place is ready.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Recycling {
    /// Calls that it answers, give or take a tenth.
    pub calls: Option<u64>,
    /// How old it gets, give or take a tenth.
    pub age: Option<Duration>,
    /// Bytes of memory that are its own: its proportional share of what it shares with others.
    pub memory: Option<u64>,
}

/// What a worker has been through.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Worn {
    pub(super) calls: u64,
    pub(super) age: Duration,
    /// As far as it was measured.
    pub(super) memory: Option<u64>,
}

/// What of the operating system a worker has to do with, as far as it can be seen from outside.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Condition {
    pub(super) descriptors: Option<Descriptors>,
    /// It has left the process group, or the session, that it was started in.
    pub(super) has_moved: bool,
}

impl Condition {
    /// Why a worker in this condition is to be replaced, whatever the settings are.
    pub(super) fn complaint(self) -> Option<String> {
        if self.has_moved {
            return Some("it has left its process group, with which what it starts is ended".to_owned());
        }
        // Three quarters: what a tool leaks is nearly all of it, and the next calls still find some.
        let Descriptors { open, limit } = self.descriptors?;
        (open > limit / 4 * 3).then(|| format!("it has {open} files open and may have {limit}"))
    }
}

impl Recycling {
    /// Whether each call has a worker of its own: then the limit is a hard one.
    pub(super) fn isolates(&self) -> bool {
        self.calls == Some(1)
    }

    /// Why a worker is to be replaced, if it is. `jitter` is the worker's own random number, from 0 to 50: workers that
    /// started together are not replaced together.
    pub(super) fn reason(&self, worn: Worn, jitter: u32) -> Option<String> {
        // From nine to eleven tenths.
        let tenths = |limit: f64| limit * (0.9 + 0.2 * f64::from(jitter.min(50)) / 50.0);
        #[expect(clippy::cast_precision_loss, reason = "a limit that is a little off is as good")]
        let served = self.calls.filter(|&calls| worn.calls as f64 >= tenths(calls as f64).floor().max(1.0));
        if served.is_some() {
            return Some(format!("it has answered {} calls", worn.calls));
        }
        if self.age.is_some_and(|age| worn.age.as_secs_f64() >= tenths(age.as_secs_f64())) {
            return Some(format!("it is {:?} old", Duration::from_secs(worn.age.as_secs())));
        }
        let memory = worn.memory.filter(|&memory| self.memory.is_some_and(|limit| memory > limit))?;
        Some(format!("it holds {} MiB", memory >> 20))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Recycling =
        Recycling { calls: Some(1000), age: Some(Duration::from_secs(100)), memory: Some(512 << 20) };

    #[test]
    fn each_limit_has_its_reason() {
        let reason = |worn| LIMITS.reason(worn, 25);
        assert_eq!(reason(Worn::default()), None);
        assert_eq!(reason(Worn { calls: 999, ..Worn::default() }), None);
        assert_eq!(reason(Worn { calls: 1000, ..Worn::default() }).unwrap(), "it has answered 1000 calls");
        assert_eq!(reason(Worn { age: Duration::from_millis(100_500), ..Worn::default() }).unwrap(), "it is 100s old");
        assert_eq!(reason(Worn { memory: Some(512 << 20), ..Worn::default() }), None);
        assert_eq!(reason(Worn { memory: Some(600 << 20), ..Worn::default() }).unwrap(), "it holds 600 MiB");
    }

    #[test]
    fn without_limits_nothing_is_ever_recycled_and_one_call_is_the_least() {
        let worn = Worn { calls: u64::MAX, age: Duration::MAX, memory: Some(u64::MAX) };
        assert_eq!(Recycling::default().reason(worn, 0), None);
        let each = Recycling { calls: Some(1), ..Recycling::default() };
        for jitter in 0..=50 {
            assert_eq!(each.reason(Worn::default(), jitter), None, "before it has done anything");
        }
        assert!((0..=50).all(|jitter| each.reason(Worn { calls: 1, ..Worn::default() }, jitter).is_some()));
    }

    #[test]
    fn a_worker_that_runs_out_of_descriptors_or_leaves_its_group_is_replaced() {
        let holding = |open| Condition { descriptors: Some(Descriptors { open, limit: 1024 }), has_moved: false };
        assert_eq!(holding(768).complaint(), None);
        assert_eq!(holding(769).complaint().unwrap(), "it has 769 files open and may have 1024");
        assert_eq!(Condition::default().complaint(), None, "what cannot be seen is no reason");
        assert!(Condition { has_moved: true, ..Condition::default() }.complaint().unwrap().contains("group"));
    }

    proptest! {
        #[test]
        fn limits_are_met_within_a_tenth_and_the_same_worker_always_at_the_same(jitter in 0u32..=50, calls in 0u64..2000) {
            let is_due = LIMITS.reason(Worn { calls, ..Worn::default() }, jitter).is_some();
            prop_assert!(calls >= 900 || !is_due);
            prop_assert!(calls < 1100 || is_due);
        }
    }
}
