//! How many lines of a worker go into the log. A state machine: time is passed in.

use std::time::{Duration, Instant};

/// So many lines...
const LINES: u32 = 1000;
/// ...in so long.
const WINDOW: Duration = Duration::from_secs(1);

/// What is to be done with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes into the log, behind a word about so many that did not.
    Shown { left_out: u64 },
    /// It does not.
    LeftOut,
}

/// What is left of a worker's lines in this second.
#[derive(Debug)]
pub(super) struct Allowance {
    since: Instant,
    shown: u32,
    /// Lines that were left out since the last that was shown.
    left_out: u64,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, shown: 0, left_out: 0 }
    }

    /// There is another line.
    pub(super) fn line(&mut self, now: Instant) -> Verdict {
        if now.saturating_duration_since(self.since) >= WINDOW {
            (self.since, self.shown) = (now, 0);
        }
        if self.shown < LINES {
            self.shown += 1;
            Verdict::Shown { left_out: std::mem::take(&mut self.left_out) }
        } else {
            self.left_out += 1;
            Verdict::LeftOut
        }
    }

    /// How many were left out of which nothing was said yet.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_a_flood_a_thousand_lines_a_second_are_shown_and_the_rest_is_counted() {
        let begun = Instant::now();
        let mut allowance = Allowance::new(begun);
        for _ in 0..LINES {
            assert_eq!(allowance.line(begun), Verdict::Shown { left_out: 0 });
        }
        for _ in 0..5000 {
            assert_eq!(allowance.line(begun), Verdict::LeftOut);
        }
        assert_eq!(allowance.line(begun + WINDOW), Verdict::Shown { left_out: 5000 });
        assert_eq!(allowance.line(begun + WINDOW), Verdict::Shown { left_out: 0 });
        assert_eq!(allowance.left_out(), 0);
    }

    proptest! {
        /// Every line is shown, or counted among those that were not; and no second has more than a thousand.
        #[test]
        fn lines_are_shown_or_counted(pauses in proptest::collection::vec(0u64..3, 0..8000)) {
            let begun = Instant::now();
            let (mut allowance, mut now) = (Allowance::new(begun), begun);
            let (mut shown, mut told) = (0u64, 0u64);
            for pause in &pauses {
                now += Duration::from_micros(*pause * 200);
                if let Verdict::Shown { left_out } = allowance.line(now) {
                    shown += 1;
                    told += left_out;
                }
            }
            let seconds = now.duration_since(begun).as_secs() + 1;
            prop_assert!(shown <= seconds * u64::from(LINES));
            prop_assert_eq!(shown + told + allowance.left_out(), pauses.len() as u64);
        }
    }
}
