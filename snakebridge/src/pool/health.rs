//! Whether idle workers are still there: a question now and then, and a count of those that got no answer. A state machine
//! without a clock.
//!
//! A worker with a call is never asked: its call's deadline says how long it may be silent.

use std::collections::HashMap;

/// So many questions in a row without an answer.
const MISSES: u32 = 3;

/// What to do about a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask it, under this number.
    Ask(u64),
    /// Leave it alone: it is at work.
    Leave,
    /// It is silent: end it.
    End,
}

#[derive(Debug, Default)]
struct Asked {
    /// The last question, if one is open.
    question: Option<u64>,
    misses: u32,
}

/// What was asked of each worker.
#[derive(Debug, Default)]
pub(super) struct Health {
    workers: HashMap<u64, Asked>,
    questions: u64,
}

impl Health {
    /// It is time to look at `worker`, which is idle or not, and has last answered the question of number `heard`.
    pub(super) fn look(&mut self, worker: u64, idle: bool, heard: u64) -> Step {
        let asked = self.workers.entry(worker).or_default();
        if !idle {
            *asked = Asked::default();
            return Step::Leave;
        }
        match asked.question {
            Some(question) if heard < question => asked.misses += 1,
            _ => asked.misses = 0,
        }
        if asked.misses >= MISSES {
            return Step::End;
        }
        self.questions += 1;
        asked.question = Some(self.questions);
        Step::Ask(self.questions)
    }

    /// Forgets all workers but those that `stay`.
    pub(super) fn keep(&mut self, stay: impl Fn(u64) -> bool) {
        self.workers.retain(|&worker, _| stay(worker));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_questions_in_a_row_without_an_answer_end_an_idle_worker() {
        let mut health = Health::default();
        assert_eq!(health.look(1, true, 0), Step::Ask(1));
        assert_eq!(health.look(1, true, 0), Step::Ask(2));
        assert_eq!(health.look(1, true, 0), Step::Ask(3));
        assert_eq!(health.look(1, true, 0), Step::End);
    }

    #[test]
    fn an_answer_or_a_call_starts_the_count_anew() {
        let mut health = Health::default();
        for round in 0..10 {
            health.look(1, true, 0);
            // The second question in a row without an answer.
            let Step::Ask(question) = health.look(1, true, 0) else { panic!("round {round}") };
            if round % 2 == 0 {
                assert!(matches!(health.look(1, true, question), Step::Ask(_)));
            }
            assert_eq!(health.look(1, false, question), Step::Leave);
        }
    }

    #[test]
    fn workers_that_are_gone_are_forgotten() {
        let mut health = Health::default();
        health.look(1, true, 0);
        health.look(2, true, 0);
        health.keep(|worker| worker == 2);
        assert_eq!(health.workers.keys().collect::<Vec<_>>(), [&2]);
    }

    proptest! {
        /// Whatever happens, nobody is ended who answers every third question, or who has a call at each third look.
        #[test]
        fn nobody_is_ended_who_is_at_work_or_answers(looks in proptest::collection::vec(0u8..3, 0..300)) {
            let mut health = Health::default();
            let (mut heard, mut silent) = (0, 0);
            for look in looks {
                let idle = look != 1;
                match health.look(1, idle, heard) {
                    Step::Ask(question) => {
                        let answers = look == 2;
                        silent = if answers { 0 } else { silent + 1 };
                        if answers { heard = question; }
                    }
                    Step::Leave => { prop_assert!(!idle); silent = 0; }
                    Step::End => { prop_assert!(idle && silent >= MISSES); return Ok(()); }
                }
            }
        }
    }
}
