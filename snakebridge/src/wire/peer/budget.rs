//! A counter that notices floods.

use crate::wire::Millis;

/// At most `limit` events in any window of `per` milliseconds (windows follow one another, they do not slide: a flood
/// may pass twice the limit at a seam, which is no less a bound).
#[derive(Debug)]
pub(super) struct Budget {
    limit: u32,
    per: Millis,
    started: Millis,
    spent: u32,
}

impl Budget {
    pub(super) fn new(limit: u32, per: Millis) -> Self {
        Self { limit, per, started: 0, spent: 0 }
    }

    /// Counts one event; false when it is one too many.
    pub(super) fn spend(&mut self, now: Millis) -> bool {
        if now.saturating_sub(self.started) >= self.per {
            self.started = now;
            self.spent = 0;
        }
        self.spent = self.spent.saturating_add(1);
        self.spent <= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn a_budget_is_spent_within_a_window_and_renewed_after_it() {
        let mut budget = Budget::new(2, 1_000);
        assert!(budget.spend(5_000) && budget.spend(5_001) && !budget.spend(5_999));
        assert!(budget.spend(6_000));
    }
}
