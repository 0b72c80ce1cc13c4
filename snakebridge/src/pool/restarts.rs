//! How many workers may die before their pool stops starting new ones, and how it tries again.
//!
//! Only quick deaths count: of workers that died right after they were ready, or had never done anything. Workers that
//! are killed at their work are replaced without end, and what kills them is found out elsewhere, by tool and by
//! arguments. And the pool stops only when nobody is left to serve: while one worker lives, callers have an answer, and
//! each place's own waits bound how often it is filled.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::circuit::{Circuit, Pauses};

/// So many quick deaths...
const DEATHS: usize = 10;
/// ...within so long are too many.
const WITHIN: Duration = Duration::from_secs(10);

const PAUSES: Pauses = Pauses { first: Duration::from_secs(5), longest: Duration::from_mins(1) };

/// A worker that died before it was so old has died of its start, whatever it did.
const NEWBORN: Duration = Duration::from_millis(250);
/// One that was older than this when it died without having done anything has not.
const SETTLED: Duration = Duration::from_secs(10);
/// A probe that lives for so long has gone well.
pub(super) const PROVEN: Duration = Duration::from_secs(1);

/// Whether a worker that lived for so long after it was ready died of its start.
pub(super) fn is_quick(lived: Duration, worked: bool) -> bool {
    lived < NEWBORN || (!worked && lived < SETTLED)
}

#[derive(Debug)]
pub(super) struct Restarts {
    /// The last quick deaths, oldest first.
    deaths: VecDeque<Instant>,
    circuit: Circuit,
}

impl Restarts {
    pub(super) fn new() -> Self {
        Self { deaths: VecDeque::with_capacity(DEATHS), circuit: Circuit::new(PAUSES) }
    }

    /// A worker died quickly, or could not start; `alone`: no other one serves. Says for how long the pool pauses, if
    /// that was one too many.
    pub(super) fn died(&mut self, now: Instant, alone: bool) -> Option<Duration> {
        if self.deaths.len() == DEATHS {
            self.deaths.pop_front();
        }
        self.deaths.push_back(now);
        let too_many = self.deaths.len() == DEATHS
            && self.deaths.front().is_some_and(|&oldest| now.saturating_duration_since(oldest) <= WITHIN);
        (too_many && alone && self.circuit.is_closed()).then(|| self.open(now))
    }

    fn open(&mut self, now: Instant) -> Duration {
        self.deaths.clear();
        self.circuit.open(now)
    }

    /// Whether a worker may be started: freely, as the probe of this number, or not for so long.
    pub(super) fn may_start(&mut self, now: Instant) -> Result<Option<u64>, Duration> {
        self.circuit.pass(now)
    }

    /// How long callers are told to wait, while nobody serves; `None` when a worker is sure to come.
    pub(super) fn retry_after(&self, now: Instant) -> Option<Duration> {
        (!self.circuit.is_closed()).then(|| self.circuit.retry_after(now))
    }

    /// The probe has proven itself. True when that lets everybody start again.
    pub(super) fn succeeded(&mut self, probe: u64) -> bool {
        self.circuit.succeeded(probe)
    }

    /// The probe died quickly too, or could not start. Says for how long the pool pauses.
    pub(super) fn failed(&mut self, probe: u64, now: Instant) -> Option<Duration> {
        self.circuit.failed(probe, now)
    }

    /// The probe has gone without a word.
    pub(super) fn returned(&mut self, probe: u64) -> bool {
        self.circuit.returned(probe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(millis: u64, begun: Instant) -> Instant {
        begun + Duration::from_millis(millis)
    }

    #[test]
    fn ten_quick_deaths_within_ten_seconds_pause_the_pool_and_nine_do_not() {
        let begun = Instant::now();
        let mut restarts = Restarts::new();
        for death in 0..9 {
            assert_eq!(restarts.died(after(death * 100, begun), true), None);
        }
        assert_eq!(restarts.retry_after(begun), None);
        let tenth = after(900, begun);
        assert_eq!(restarts.died(tenth, true), Some(PAUSES.first));
        assert_eq!(restarts.may_start(tenth), Err(PAUSES.first));
        assert_eq!(restarts.retry_after(tenth), Some(PAUSES.first));
    }

    #[test]
    fn deaths_that_are_spread_out_do_not_pause_it() {
        let begun = Instant::now();
        let mut restarts = Restarts::new();
        for death in 0..100 {
            assert_eq!(restarts.died(after(death * 1200, begun), true), None, "death {death}");
        }
    }

    #[test]
    fn while_another_worker_serves_nothing_pauses() {
        let begun = Instant::now();
        let mut restarts = Restarts::new();
        for death in 0..50 {
            assert_eq!(restarts.died(after(death, begun), false), None);
        }
        assert_eq!(restarts.died(after(50, begun), true), Some(PAUSES.first), "it was the last one");
    }

    #[test]
    fn after_a_pause_one_worker_starts_and_the_others_follow_when_it_has_proven_itself() {
        let begun = Instant::now();
        let mut restarts = Restarts::new();
        for _ in 0..10 {
            restarts.died(begun, true);
        }
        let later = begun + PAUSES.first;
        assert_eq!(restarts.may_start(later), Ok(Some(1)));
        assert!(restarts.may_start(later).is_err() && restarts.retry_after(later).is_some());
        assert_eq!(restarts.failed(1, later), Some(PAUSES.first * 2));
        let later = later + PAUSES.first * 2;
        assert_eq!(restarts.may_start(later), Ok(Some(2)));
        assert!(restarts.succeeded(2));
        assert_eq!((restarts.may_start(later), restarts.retry_after(later)), (Ok(None), None));
        assert_eq!(restarts.died(later, true), None, "it counts anew");
    }

    #[test]
    fn a_death_is_quick_right_after_the_start_or_before_any_work() {
        let seconds = Duration::from_secs;
        assert!(is_quick(Duration::from_millis(10), true) && is_quick(seconds(9), false));
        assert!(!is_quick(seconds(1), true) && !is_quick(seconds(10), false));
    }
}
