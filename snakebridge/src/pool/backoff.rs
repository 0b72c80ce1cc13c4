//! How long to wait before a worker is started again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A worker that served for so long had not died of its start.
const SETTLED: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(5);

/// Grows with each quick death: at once, then 50 ms, 100 ms, … up to 5 s, give or take a quarter so that the places of
/// a pool do not march in step.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait before the next start, after a worker that served for `served`.
    pub(super) fn next(&mut self, served: Duration) -> Duration {
        if served >= SETTLED {
            self.failures = 0;
        }
        let wait = match self.failures {
            0 => Duration::ZERO,
            failures => (Duration::from_millis(50) * 2u32.saturating_pow((failures - 1).min(16))).min(LONGEST),
        };
        self.failures = self.failures.saturating_add(1);
        // A fresh random key is as random a number as this needs.
        let jitter = u32::try_from(RandomState::new().hash_one(0) % 51).unwrap_or(25);
        wait * (75 + jitter) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_nothing_to_five_seconds_and_a_long_service_starts_over() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..12).map(|_| backoff.next(Duration::ZERO)).collect();
        assert_eq!(waits[0], Duration::ZERO);
        let within = |wait: Duration, middle: u64| {
            let middle = Duration::from_millis(middle);
            wait >= middle * 3 / 4 && wait <= middle * 5 / 4
        };
        assert!(within(waits[1], 50) && within(waits[2], 100) && within(waits[11], 5_000), "{waits:?}");
        assert_eq!(backoff.next(SETTLED), Duration::ZERO);
    }
}
