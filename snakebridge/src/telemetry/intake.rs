//! How many records of one worker are taken. Pure: times are told.

use std::time::Duration;

/// Records that may come in one burst.
const BURST: u32 = 5_000;
/// Records a second in the long run: more than anybody reads, and what a log can grow by in a second.
const PER_SECOND: u32 = 1_000;
/// Between two reports of drops.
const QUIET: Duration = Duration::from_secs(1);

/// A bucket of records that may still come, and a count of those that were dropped.
#[derive(Debug)]
pub(super) struct Intake {
    /// Thousandths of records.
    left: u64,
    /// When `left` was reckoned.
    at: Duration,
    dropped: u64,
    told_at: Option<Duration>,
}

impl Default for Intake {
    fn default() -> Self {
        Self { left: u64::from(BURST) * 1_000, at: Duration::ZERO, dropped: 0, told_at: None }
    }
}

impl Intake {
    /// Whether a record is taken that comes at `now`.
    pub(super) fn takes(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_millis();
        let gained = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(u64::from(PER_SECOND));
        if gained > 0 {
            self.left = self.left.saturating_add(gained).min(u64::from(BURST) * 1_000);
            self.at = now;
        }
        let taken = self.left >= 1_000;
        if taken {
            self.left -= 1_000;
        } else {
            self.dropped += 1;
        }
        taken
    }

    /// The worker says that it has dropped some by itself.
    pub(super) fn were_dropped(&mut self, count: u64) {
        self.dropped = self.dropped.saturating_add(count);
    }

    /// How many were dropped, where it is time to say so.
    pub(super) fn untold(&mut self, now: Duration) -> Option<u64> {
        let is_time = self.told_at.is_none_or(|told| now.saturating_sub(told) >= QUIET);
        if self.dropped == 0 || !is_time {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.dropped))
    }
}

impl Intake {
    /// How many were dropped that nobody was told of, now that no more come.
    pub(super) fn rest(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_taken_and_after_it_so_many_a_second() {
        let mut intake = Intake::default();
        let mut taken = |at: u64| (0..20_000).filter(|_| intake.takes(Duration::from_millis(at))).count();
        assert_eq!(taken(0), 5_000);
        assert_eq!(taken(500), 500);
        assert_eq!(taken(60_000), 5_000, "no more is saved up than a burst");
    }

    #[test]
    fn drops_are_told_at_once_and_then_once_a_second() {
        let mut intake = Intake::default();
        intake.were_dropped(7);
        assert_eq!(intake.untold(Duration::from_millis(5)), Some(7));
        intake.were_dropped(2);
        assert_eq!(intake.untold(Duration::from_millis(1_004)), None);
        assert_eq!(intake.untold(Duration::from_millis(1_005)), Some(2));
        assert_eq!(intake.untold(Duration::from_secs(9)), None, "nothing is told twice");
        intake.were_dropped(3);
        assert_eq!((intake.rest(), intake.rest()), (3, 0));
    }

    proptest! {
        #[test]
        fn whatever_comes_when_each_record_is_taken_or_told_as_dropped_and_the_rate_holds(
            pauses in prop::collection::vec(0u64..40, 1..4_000),
        ) {
            let mut intake = Intake::default();
            let (mut now, mut taken, mut told) = (0, 0, 0);
            for pause in &pauses {
                now += pause;
                // Ten at a time, so that there are drops.
                for _ in 0..10 {
                    taken += u64::from(intake.takes(Duration::from_millis(now)));
                }
                told += intake.untold(Duration::from_millis(now)).unwrap_or(0);
            }
            told += intake.untold(Duration::from_millis(now + 1_000)).unwrap_or(0);
            prop_assert_eq!(taken + told, 10 * pauses.len() as u64);
            prop_assert!(taken <= u64::from(BURST) + now * u64::from(PER_SECOND) / 1_000);
        }
    }
}
