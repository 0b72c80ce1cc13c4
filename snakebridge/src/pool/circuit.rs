//! A circuit: what keeps failing is left alone for a while, and then tried once.
//!
//! A state machine without a clock. Whoever gets the one probe says how it went, or gives it back: a number tells the
//! probes apart, so that word of an old one changes nothing.

use std::time::{Duration, Instant};

/// How long a circuit stays open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    /// At first.
    pub(super) first: Duration,
    /// At most: each opening that follows another within this time doubles the pause.
    pub(super) longest: Duration,
}

/// As good as for ever, and still a time that clocks can tell.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// What callers are told to wait while a probe is under way: nobody knows how long it takes.
const PROBING: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// One probe is under way; `since` is when the circuit could first be tried.
    HalfOpen {
        probe: u64,
        since: Instant,
    },
}

#[derive(Debug)]
pub(super) struct Circuit {
    pauses: Pauses,
    state: State,
    /// The last pause, and when the circuit was last found to be broken.
    pause: Duration,
    broken: Option<Instant>,
    probes: u64,
}

impl Circuit {
    pub(super) fn new(pauses: Pauses) -> Self {
        Self { pauses, state: State::Closed, pause: Duration::ZERO, broken: None, probes: 0 }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether it has nothing to remember: closed, and for so long that its next opening will be like its first.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        let long_ago = |broken| now.saturating_duration_since(broken) >= self.pauses.longest;
        self.is_closed() && self.broken.is_none_or(long_ago)
    }

    /// Whether somebody may pass at `now`: freely, as the probe of this number, or not for so long.
    pub(super) fn pass(&mut self, now: Instant) -> Result<Option<u64>, Duration> {
        match self.state {
            State::Closed => Ok(None),
            State::Open { until } if until <= now => {
                self.probes += 1;
                self.state = State::HalfOpen { probe: self.probes, since: until };
                Ok(Some(self.probes))
            }
            State::Open { .. } | State::HalfOpen { .. } => Err(self.retry_after(now)),
        }
    }

    /// After which time it is worth trying again.
    pub(super) fn retry_after(&self, now: Instant) -> Duration {
        match self.state {
            State::Closed => Duration::ZERO,
            State::Open { until } => until.saturating_duration_since(now),
            State::HalfOpen { .. } => PROBING,
        }
    }

    /// Opens it, and says for how long. One that flaps stays open for longer and longer.
    pub(super) fn open(&mut self, now: Instant) -> Duration {
        let flaps = self.broken.is_some_and(|broken| now.saturating_duration_since(broken) < self.pauses.longest);
        let pause = if flaps { self.pause.saturating_mul(2).min(self.pauses.longest) } else { self.pauses.first };
        self.pause = pause.min(FOREVER);
        let until = now + self.pause;
        self.broken = Some(until);
        self.state = State::Open { until };
        self.pause
    }

    /// The probe of this number went well. True when that closed the circuit.
    pub(super) fn succeeded(&mut self, probe: u64) -> bool {
        let closes = self.is_out(probe);
        if closes {
            self.state = State::Closed;
        }
        closes
    }

    /// The probe of this number failed. Says for how long the circuit is open again, if that opened it.
    pub(super) fn failed(&mut self, probe: u64, now: Instant) -> Option<Duration> {
        self.is_out(probe).then(|| self.open(now))
    }

    /// The probe of this number has gone without a word: another may try at once. True when it was the one.
    pub(super) fn returned(&mut self, probe: u64) -> bool {
        match self.state {
            State::HalfOpen { probe: out, since } if out == probe => {
                self.state = State::Open { until: since };
                true
            }
            _ => false,
        }
    }

    fn is_out(&self, probe: u64) -> bool {
        matches!(self.state, State::HalfOpen { probe: out, .. } if out == probe)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAUSES: Pauses = Pauses { first: Duration::from_secs(5), longest: Duration::from_secs(60) };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_open_circuit_lets_nobody_pass_then_one_and_after_its_success_everybody() {
        let now = Instant::now();
        let mut circuit = Circuit::new(PAUSES);
        assert_eq!(circuit.pass(now), Ok(None));
        assert_eq!(circuit.open(now), seconds(5));
        assert_eq!(circuit.pass(now + seconds(2)), Err(seconds(3)));
        assert_eq!(circuit.pass(now + seconds(5)), Ok(Some(1)));
        assert_eq!(circuit.pass(now + seconds(5)), Err(PROBING), "there is one probe");
        assert!(circuit.succeeded(1));
        assert_eq!(circuit.pass(now + seconds(5)), Ok(None));
    }

    #[test]
    fn a_probe_that_is_given_back_is_there_for_the_next() {
        let now = Instant::now();
        let mut circuit = Circuit::new(PAUSES);
        circuit.open(now);
        let later = now + seconds(5);
        assert_eq!(circuit.pass(later), Ok(Some(1)));
        assert!(circuit.returned(1));
        assert_eq!(circuit.pass(later), Ok(Some(2)));
        assert!(!circuit.returned(1) && !circuit.succeeded(1), "word of an old probe changes nothing");
        assert_eq!(circuit.failed(1, later), None);
        assert_eq!(circuit.failed(2, later), Some(seconds(10)));
    }

    #[test]
    fn a_circuit_that_flaps_stays_open_for_longer_and_one_that_held_for_a_minute_begins_anew() {
        let mut now = Instant::now();
        let mut circuit = Circuit::new(PAUSES);
        for expected in [5, 10, 20, 40, 60, 60] {
            assert_eq!(circuit.open(now), seconds(expected));
            now += seconds(expected);
            let Ok(Some(probe)) = circuit.pass(now) else { panic!("the pause is over") };
            assert!(circuit.succeeded(probe));
            now += seconds(1);
        }
        now += seconds(60);
        assert_eq!(circuit.open(now), seconds(5));
    }

    #[test]
    fn a_pause_without_an_end_is_as_long_as_clocks_go() {
        let now = Instant::now();
        let mut circuit = Circuit::new(Pauses { first: Duration::MAX, longest: Duration::MAX });
        circuit.open(now);
        assert!(circuit.pass(now + Duration::from_secs(1 << 30)).is_err());
        circuit.open(now);
    }

    proptest! {
        /// Whatever is said by whom: at most one probe is out, and no circuit is stuck.
        #[test]
        fn there_is_never_more_than_one_probe_and_always_a_way_back(
            steps in proptest::collection::vec((0u8..6, 0u64..4, 0u64..20), 1..200),
        ) {
            let mut now = Instant::now();
            let mut circuit = Circuit::new(PAUSES);
            // Probes that were given out and have not been told of, newest last.
            let mut out: Vec<u64> = Vec::new();
            for (step, which, wait) in steps {
                now += seconds(wait);
                let probe = out.iter().rev().nth(usize::try_from(which).unwrap()).copied();
                match (step, probe) {
                    (0, _) => { circuit.open(now); }
                    (1 | 2, _) => {
                        if let Ok(Some(probe)) = circuit.pass(now) {
                            let live = out.iter().filter(|&&old| circuit.is_out(old)).count();
                            prop_assert_eq!(live, 0, "two probes at once");
                            out.push(probe);
                        }
                    }
                    (3, Some(probe)) => { circuit.succeeded(probe); }
                    (4, Some(probe)) => { circuit.failed(probe, now); }
                    (5, Some(probe)) => { circuit.returned(probe); }
                    _ => {}
                }
            }
            // Every holder is gone, as dropping makes them: after the longest pause somebody may pass.
            for probe in out {
                circuit.returned(probe);
            }
            prop_assert!(circuit.pass(now + PAUSES.longest).is_ok());
        }
    }
}
