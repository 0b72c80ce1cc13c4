//! How many calls may be repeated, and when: a share of those that are made, and each after a pause, so that a pool in
//! trouble is not drowned by its own second attempts.

use std::time::Duration;

/// So many calls earn one repetition: a fifth of all calls may be repeated.
const CALLS: u32 = 5;
/// Repetitions that need not be earned.
const FREE: u32 = 3;
/// Repetitions that can be saved up. More would let a long quiet time pay for a storm.
const SAVED: u32 = 100;

/// The pause before the first repetition of a call; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1600);

/// How long a call that was with so many workers waits before the next one, give or take a quarter: those that one worker
/// had do not come back together. Of the time that the call has left at most half. `jitter` is a random number from 0 to
/// 50.
pub(super) fn pause(attempts: u32, left: Option<Duration>, jitter: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
    let pause = doubled.min(LONGEST_PAUSE) * (75 + jitter.min(50)) / 100;
    left.map_or(pause, |left| pause.min(left / 2))
}

/// What is left, counted in calls.
#[derive(Debug)]
pub(super) struct Retries {
    earned: u32,
}

impl Retries {
    pub(super) fn new() -> Self {
        Self { earned: FREE * CALLS }
    }

    /// A call was admitted.
    pub(super) fn earn(&mut self) {
        self.earned = (self.earned + 1).min(SAVED * CALLS);
    }

    /// Whether a call that may have run may be repeated; takes that from what is left.
    pub(super) fn spend(&mut self) -> bool {
        let left = self.earned.checked_sub(CALLS);
        self.earned = left.unwrap_or(self.earned);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_are_free_and_then_each_fifth_call_earns_one() {
        let mut retries = Retries::new();
        assert_eq!([(); 4].map(|()| retries.spend()), [true, true, true, false]);
        for _ in 0..4 {
            retries.earn();
            assert!(!retries.spend());
        }
        retries.earn();
        assert!(retries.spend() && !retries.spend());
    }

    #[test]
    fn each_pause_is_twice_the_one_before_give_or_take_a_quarter_and_within_the_time_that_is_left() {
        let millis = Duration::from_millis;
        let pauses = [1, 2, 3, 4, 5, 6, 100].map(|attempts| pause(attempts, None, 25));
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 1600, 1600].map(millis));
        assert_eq!([pause(1, None, 0), pause(1, None, 50)], [75, 125].map(millis));
        assert_eq!([pause(1, Some(millis(60)), 25), pause(3, Some(millis(2000)), 25)], [30, 400].map(millis));
    }

    #[test]
    fn a_long_quiet_time_pays_for_a_hundred() {
        let mut retries = Retries::new();
        for _ in 0..1_000_000 {
            retries.earn();
        }
        assert_eq!(std::iter::from_fn(|| retries.spend().then_some(())).count(), 100);
    }

    proptest! {
        #[test]
        fn attempts_are_never_more_than_a_fifth_and_three_above_the_calls(
            steps in proptest::collection::vec(any::<bool>(), 0..2000),
        ) {
            let mut retries = Retries::new();
            let (mut calls, mut attempts) = (0u32, 0u32);
            for is_call in steps {
                if is_call {
                    retries.earn();
                    calls += 1;
                    attempts += 1;
                } else {
                    attempts += u32::from(retries.spend());
                }
                prop_assert!(attempts <= calls + calls / 5 + 3, "{attempts} attempts of {calls} calls");
            }
        }
    }
}
