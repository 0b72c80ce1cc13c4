//! How long a place of the pool waits before its worker is started again.

use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(5);

/// Grows with each quick death: at once, then 50 ms, 100 ms, … up to 5 s, give or take a quarter so that the places of
/// a pool do not march in step.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait before the next start, after a worker that died `quickly`, or not. `jitter` is a random number from 0 to
    /// 50.
    pub(super) fn next(&mut self, quickly: bool, jitter: u32) -> Duration {
        if !quickly {
            self.failures = 0;
            return Duration::ZERO;
        }
        let wait = match self.failures {
            0 => Duration::ZERO,
            failures => (Duration::from_millis(50) * 2u32.saturating_pow((failures - 1).min(16))).min(LONGEST),
        };
        self.failures = self.failures.saturating_add(1);
        wait * (75 + jitter.min(50)) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_nothing_to_five_seconds_and_a_long_service_starts_over() {
        let waits = |jitter| {
            let mut backoff = Backoff::default();
            (0..10).map(move |_| backoff.next(true, jitter).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(waits(25), [0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(waits(0)[8], 3750);
        assert_eq!(waits(50)[8], 6250);
        let mut backoff = Backoff::default();
        backoff.next(true, 25);
        backoff.next(true, 25);
        assert_eq!(backoff.next(false, 25), Duration::ZERO);
        assert_eq!(backoff.next(true, 25), Duration::ZERO, "it begins anew");
    }
}
