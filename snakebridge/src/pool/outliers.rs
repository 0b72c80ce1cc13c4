//! Which worker fails where the others do not. A state machine without a clock.
//!
//! An exception says nothing against a worker as long as the same tool raises elsewhere too. One that keeps raising in
//! one worker only, while it works in all the others, has something in its process to blame: a device that is lost, a
//! connection that is broken, a module in a bad state.

use std::collections::HashMap;

use crate::link::ToolName;

/// So many exceptions of one tool in a row make a worker suspect...
const RAISED: u32 = 5;
/// ...if the tool has meanwhile ended well in others at least so often...
const GOOD: u32 = 5;
/// ...and for each exception there, so often.
const GOOD_FOR_EACH: u32 = 10;
/// Tools that are followed. Their names come from callers.
const FOLLOWED: usize = 1024;

/// What has happened since a tool last ended well in one worker.
#[derive(Debug, Default)]
struct Streak {
    raised: u32,
    good_elsewhere: u32,
    raised_elsewhere: u32,
}

impl Streak {
    fn is_outlier(&self) -> bool {
        self.raised >= RAISED
            && self.good_elsewhere >= GOOD
            && self.good_elsewhere / GOOD_FOR_EACH >= self.raised_elsewhere
    }
}

/// Tools that have raised and not ended well since, with the workers where that is so.
#[derive(Debug, Default)]
pub(super) struct Outliers {
    tools: HashMap<ToolName, HashMap<u64, Streak>>,
}

impl Outliers {
    /// A call of `tool` in `worker` ended well, or `raised`. Names a worker that has nobody but itself to blame.
    pub(super) fn answered(&mut self, worker: u64, tool: &ToolName, raised: bool) -> Option<u64> {
        if !raised && self.tools.is_empty() {
            return None;
        }
        if raised && !self.tools.contains_key(tool) && self.tools.len() < FOLLOWED {
            self.tools.insert(tool.clone(), HashMap::new());
        }
        let streaks = self.tools.get_mut(tool)?;
        if raised {
            streaks.entry(worker).or_default().raised += 1;
        } else {
            streaks.remove(&worker);
        }
        for (_, streak) in streaks.iter_mut().filter(|&(&other, _)| other != worker) {
            if raised {
                streak.raised_elsewhere += 1;
            } else {
                streak.good_elsewhere += 1;
            }
        }
        let outlier = streaks.iter().find(|(_, streak)| streak.is_outlier()).map(|(&worker, _)| worker);
        if streaks.is_empty() {
            self.tools.remove(tool);
        }
        outlier
    }

    /// A worker is gone, or gets no more calls.
    pub(super) fn gone(&mut self, worker: u64) {
        self.tools.retain(|_, streaks| {
            streaks.remove(&worker);
            !streaks.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOOL: ToolName = ToolName::Declared("infer");

    #[test]
    fn a_worker_where_a_tool_keeps_raising_while_it_works_elsewhere_is_named_at_the_fifth_exception() {
        let mut outliers = Outliers::default();
        for _ in 0..4 {
            assert_eq!(outliers.answered(1, &TOOL, true), None);
            for other in [2, 3] {
                assert_eq!(outliers.answered(other, &TOOL, false), None);
            }
        }
        assert_eq!(outliers.answered(1, &TOOL, true), Some(1));
        outliers.gone(1);
        assert_eq!(outliers.answered(2, &TOOL, false), None);
    }

    #[test]
    fn a_tool_that_raises_everywhere_is_nobodys_fault() {
        let mut outliers = Outliers::default();
        for call in 0..1000 {
            assert_eq!(outliers.answered(call % 8, &TOOL, true), None);
        }
        for call in 0..1000 {
            // One of three raises, whoever runs it; worker 1 has had bad luck five times.
            let raised = call % 3 == 0 || (call > 500 && call % 8 == 1);
            assert_eq!(outliers.answered(call % 8, &TOOL, raised), None, "call {call}");
        }
    }

    #[test]
    fn an_only_worker_is_never_named_and_a_good_end_starts_over() {
        let mut outliers = Outliers::default();
        for _ in 0..100 {
            assert_eq!(outliers.answered(1, &TOOL, true), None);
        }
        for _ in 0..100 {
            for _ in 0..4 {
                assert_eq!(outliers.answered(2, &TOOL, true), None);
            }
            assert_eq!(outliers.answered(2, &TOOL, false), None);
        }
    }

    #[test]
    fn what_other_tools_do_in_the_worker_says_nothing() {
        let mut outliers = Outliers::default();
        let mut named = None;
        for _ in 0..5 {
            named = named.or(outliers.answered(1, &TOOL, true));
            outliers.answered(1, &ToolName::Declared("echo"), false);
            named = named.or(outliers.answered(2, &TOOL, false));
        }
        assert_eq!(named, Some(1), "its calls of `infer` fail, whatever `echo` does");
    }

    proptest! {
        #[test]
        fn nobody_is_named_who_raised_less_than_five_times_and_nothing_is_kept_of_those_who_are_gone(
            answers in proptest::collection::vec((1u64..5, any::<bool>()), 0..500),
        ) {
            let mut outliers = Outliers::default();
            let mut raised = HashMap::new();
            for (worker, raises) in answers {
                *raised.entry(worker).or_insert(0) += u32::from(raises);
                if let Some(named) = outliers.answered(worker, &TOOL, raises) {
                    prop_assert!(raised[&named] >= RAISED);
                    outliers.gone(named);
                    raised.remove(&named);
                }
            }
            for worker in 1..5 {
                outliers.gone(worker);
            }
            prop_assert!(outliers.tools.is_empty());
        }
    }
}
