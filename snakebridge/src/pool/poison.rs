//! Arguments that kill whoever gets them. A state machine without a clock.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::link::ToolName;

/// So many deaths of workers make arguments poison.
const DEATHS: u32 = 2;
/// For so long after the last one.
const REFUSED: Duration = Duration::from_mins(10);
/// Arguments that are remembered. When there are more, those whose last death is longest ago are forgotten.
const REMEMBERED: usize = 1024;

#[derive(Debug)]
struct Suspicion {
    deaths: u32,
    /// One death for want of memory says more about the moment than about the arguments.
    forgiven: bool,
    last: Instant,
}

/// The arguments that have killed workers since they last did not, by tool and digest.
#[derive(Debug, Default)]
pub(super) struct Poison {
    tools: HashMap<ToolName, HashMap<u64, Suspicion>>,
    remembered: usize,
}

impl Poison {
    /// Whether any arguments of `tool` are suspected: only then is a digest worth its price.
    pub(super) fn suspects(&self, tool: &ToolName) -> bool {
        !self.tools.is_empty() && self.tools.contains_key(tool)
    }

    /// A call with these arguments was all that its worker was running when it died. True when they are poison now.
    pub(super) fn died(&mut self, tool: &ToolName, digest: u64, out_of_memory: bool, now: Instant) -> bool {
        self.forget(now);
        let digests = self.tools.entry(tool.clone()).or_default();
        let known = digests.len();
        let suspicion = digests.entry(digest).or_insert(Suspicion { deaths: 0, forgiven: false, last: now });
        suspicion.last = now;
        if out_of_memory && !suspicion.forgiven {
            suspicion.forgiven = true;
        } else {
            suspicion.deaths += 1;
        }
        let is_poison = suspicion.deaths >= DEATHS;
        self.remembered += digests.len() - known;
        is_poison
    }

    /// Several calls, one of them with these arguments, were all that a worker was running when it died. Nobody knows which
    /// of them it was: they are watched.
    pub(super) fn was_among(&mut self, tool: &ToolName, digest: u64, now: Instant) {
        self.forget(now);
        let digests = self.tools.entry(tool.clone()).or_default();
        let known = digests.len();
        digests.entry(digest).or_insert(Suspicion { deaths: 0, forgiven: false, last: now }).last = now;
        self.remembered += digests.len() - known;
    }

    /// Whether these arguments may have killed a worker.
    pub(super) fn is_suspect(&self, tool: &ToolName, digest: u64) -> bool {
        self.tools.get(tool).is_some_and(|digests| digests.contains_key(&digest))
    }

    /// How many workers these arguments have killed, if they are poison.
    pub(super) fn deaths(&self, tool: &ToolName, digest: u64, now: Instant) -> Option<u32> {
        let suspicion = self.tools.get(tool)?.get(&digest)?;
        let is_poison = suspicion.deaths >= DEATHS && now.saturating_duration_since(suspicion.last) < REFUSED;
        is_poison.then_some(suspicion.deaths)
    }

    /// A call with these arguments was answered: they are harmless.
    pub(super) fn answered(&mut self, tool: &ToolName, digest: u64) {
        let Some(digests) = self.tools.get_mut(tool) else { return };
        if digests.remove(&digest).is_some() {
            self.remembered -= 1;
        }
        if digests.is_empty() {
            self.tools.remove(tool);
        }
    }

    /// Makes room for one more.
    fn forget(&mut self, now: Instant) {
        let oldest = (self.remembered >= REMEMBERED)
            .then(|| self.tools.values().flat_map(HashMap::values).map(|suspicion| suspicion.last).min());
        let oldest = oldest.flatten();
        let is_over = |last: Instant| now.saturating_duration_since(last) >= REFUSED || Some(last) == oldest;
        for digests in self.tools.values_mut() {
            let known = digests.len();
            digests.retain(|_, suspicion| !is_over(suspicion.last));
            self.remembered -= known - digests.len();
        }
        self.tools.retain(|_, digests| !digests.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOOL: ToolName = ToolName::Declared("parse");

    #[test]
    fn two_deaths_make_arguments_poison_for_ten_minutes_and_no_others() {
        let now = Instant::now();
        let mut poison = Poison::default();
        assert!(!poison.died(&TOOL, 1, false, now));
        assert_eq!(poison.deaths(&TOOL, 1, now), None);
        assert!(poison.died(&TOOL, 1, false, now));
        assert_eq!(poison.deaths(&TOOL, 1, now), Some(2));
        assert_eq!(poison.deaths(&TOOL, 2, now), None);
        assert_eq!(poison.deaths(&ToolName::Declared("other"), 1, now), None);
        assert_eq!(poison.deaths(&TOOL, 1, now + REFUSED), None);
    }

    #[test]
    fn the_first_death_for_want_of_memory_does_not_count() {
        let now = Instant::now();
        let mut poison = Poison::default();
        assert!(!poison.died(&TOOL, 1, true, now));
        assert!(!poison.died(&TOOL, 1, true, now));
        assert!(poison.died(&TOOL, 1, true, now));
    }

    #[test]
    fn an_answer_clears_arguments_of_suspicion() {
        let now = Instant::now();
        let mut poison = Poison::default();
        poison.died(&TOOL, 1, false, now);
        assert!(poison.suspects(&TOOL));
        poison.answered(&TOOL, 1);
        assert!(!poison.suspects(&TOOL));
        assert!(!poison.died(&TOOL, 1, false, now), "it begins anew");
    }

    #[test]
    fn who_was_among_others_is_suspect_and_no_poison_before_it_has_killed_alone() {
        let now = Instant::now();
        let mut poison = Poison::default();
        poison.was_among(&TOOL, 1, now);
        poison.was_among(&TOOL, 1, now);
        assert!(poison.suspects(&TOOL) && poison.is_suspect(&TOOL, 1) && !poison.is_suspect(&TOOL, 2));
        assert!(!poison.died(&TOOL, 1, false, now));
        assert!(poison.died(&TOOL, 1, false, now));
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_bounded_and_counted_right(
            steps in proptest::collection::vec((0u64..3000, 0u8..3, 0u64..30), 0..3000),
        ) {
            let mut now = Instant::now();
            let mut poison = Poison::default();
            for (digest, what, wait) in steps {
                now += Duration::from_secs(wait);
                match what {
                    0 => { poison.died(&TOOL, digest, false, now); }
                    1 => poison.was_among(&TOOL, digest, now),
                    _ => poison.answered(&TOOL, digest),
                }
                let counted: usize = poison.tools.values().map(HashMap::len).sum();
                prop_assert_eq!(counted, poison.remembered);
                prop_assert!(counted <= REMEMBERED);
            }
        }
    }
}
