//! Workers that do not end when they are killed, because the kernel holds them in a wait that nothing interrupts: a file
//! system that does not answer, a device that is gone. Their calls and their places do not wait for them. How many there may
//! be is bounded, so that a machine on which nothing dies is not filled with workers. A state machine.

#[derive(Debug)]
pub(super) struct Stuck {
    most: usize,
    now: usize,
}

impl Stuck {
    /// So many of them may be replaced; there are none yet.
    pub(super) fn new(most: usize) -> Self {
        Self { most, now: 0 }
    }

    /// A worker was given up.
    pub(super) fn given_up(&mut self) {
        self.now += 1;
    }

    /// One that was given up has ended after all.
    pub(super) fn has_ended(&mut self) {
        self.now = self.now.saturating_sub(1);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.now
    }

    /// Whether another worker may be started beside them.
    pub(super) fn leaves_room(&self) -> bool {
        self.now <= self.most
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_worker_that_cannot_be_ended_is_replaced_until_there_are_too_many_of_them() {
        let mut stuck = Stuck::new(1);
        assert!(stuck.leaves_room());
        stuck.given_up();
        assert!(stuck.leaves_room(), "the first is replaced");
        stuck.given_up();
        assert!(!stuck.leaves_room() && stuck.count() == 2, "the second is not");
        stuck.has_ended();
        assert!(stuck.leaves_room() && stuck.count() == 1);
        assert!(Stuck::new(0).leaves_room(), "workers start, and none is replaced that does not end");
    }

    proptest! {
        /// Whoever asks first never has more than one of them beyond those that may be replaced.
        #[test]
        fn there_are_never_more_than_may_be(most in 0usize..5, steps in proptest::collection::vec(any::<bool>(), 0..100)) {
            let mut stuck = Stuck::new(most);
            let mut alive = 0usize;
            for starts in steps {
                if starts && stuck.leaves_room() {
                    stuck.given_up();
                    alive += 1;
                } else if alive > 0 {
                    stuck.has_ended();
                    alive -= 1;
                }
                prop_assert!(stuck.count() == alive && alive <= most + 1);
            }
        }
    }
}
