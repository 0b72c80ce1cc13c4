//! A circuit for each tool that has cost workers lately. A state machine without a clock.
//!
//! Only the deaths of workers count, and only those that the tool may have caused. An exception is an answer like any
//! other: the tool works, if not as its caller would like.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::circuit::{Circuit, Pauses};
use crate::link::ToolName;

/// So many deaths in a row open a tool's circuit: an answer in between starts the count anew.
const DEATHS: u32 = 5;
/// One that flaps stays open for at most so many times the first pause.
const LONGEST: u32 = 2;

#[derive(Debug)]
struct Breaker {
    deaths: u32,
    circuit: Circuit,
}

/// The tools that have cost workers since their last answer.
#[derive(Debug)]
pub(super) struct Breakers {
    pauses: Pauses,
    tools: HashMap<ToolName, Breaker>,
}

impl Breakers {
    /// The first pause of each.
    pub(super) fn new(pause: Duration) -> Self {
        Self { pauses: Pauses { first: pause, longest: pause.saturating_mul(LONGEST) }, tools: HashMap::new() }
    }

    /// Whether there is nothing to say about any tool.
    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Forgets all of them.
    pub(super) fn forget(&mut self) {
        self.tools.clear();
    }

    /// Whether a call of `tool` may be made: freely, as the trial of this number, or not for so long.
    pub(super) fn pass(&mut self, tool: &ToolName, now: Instant) -> Result<Option<u64>, Duration> {
        self.tools.get_mut(tool).map_or(Ok(None), |breaker| breaker.circuit.pass(now))
    }

    /// Whether calls of `tool` are admitted without a question.
    pub(super) fn is_closed(&self, tool: &ToolName) -> bool {
        self.tools.get(tool).is_none_or(|breaker| breaker.circuit.is_closed())
    }

    /// A call of `tool` was answered by a worker that lives. True when that closed its circuit.
    pub(super) fn answered(&mut self, tool: &ToolName, trial: Option<u64>, now: Instant) -> bool {
        let Some(breaker) = self.tools.get_mut(tool) else { return false };
        breaker.deaths = 0;
        // Without a trial it may have begun before the deaths that opened the circuit.
        let closed = trial.is_some_and(|trial| breaker.circuit.succeeded(trial));
        if breaker.circuit.is_forgotten(now) {
            self.tools.remove(tool);
        }
        closed
    }

    /// A call of `tool` cost a worker. Says for how long its circuit is open, if that opened it.
    pub(super) fn died(&mut self, tool: &ToolName, trial: Option<u64>, now: Instant) -> Option<Duration> {
        let new = || Breaker { deaths: 0, circuit: Circuit::new(self.pauses) };
        let breaker = self.tools.entry(tool.clone()).or_insert_with(new);
        if let Some(trial) = trial {
            return breaker.circuit.failed(trial, now);
        }
        breaker.deaths += 1;
        let opens = breaker.deaths >= DEATHS && breaker.circuit.is_closed();
        opens.then(|| {
            breaker.deaths = 0;
            breaker.circuit.open(now)
        })
    }

    /// The trial of this number has gone without a word: another call may try.
    pub(super) fn returned(&mut self, tool: &ToolName, trial: u64) {
        if let Some(breaker) = self.tools.get_mut(tool) {
            breaker.circuit.returned(trial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    fn open(now: Instant) -> (Breakers, ToolName) {
        let (mut breakers, tool) = (Breakers::new(PAUSE), ToolName::Declared("segfaults"));
        for death in 1..=4 {
            assert_eq!(breakers.died(&tool, None, now), None, "death {death}");
            assert_eq!(breakers.pass(&tool, now), Ok(None));
        }
        assert_eq!(breakers.died(&tool, None, now), Some(PAUSE));
        (breakers, tool)
    }

    #[test]
    fn five_deaths_in_a_row_open_the_circuit_of_that_tool_alone() {
        let now = Instant::now();
        let (mut breakers, tool) = open(now);
        assert_eq!(breakers.pass(&tool, now), Err(PAUSE));
        assert_eq!(breakers.pass(&ToolName::Declared("honest"), now), Ok(None));
    }

    #[test]
    fn an_answer_starts_the_count_anew_and_is_all_that_is_remembered() {
        let now = Instant::now();
        let (mut breakers, tool) = (Breakers::new(PAUSE), ToolName::Declared("fragile"));
        for _ in 0..20 {
            for _ in 0..4 {
                assert_eq!(breakers.died(&tool, None, now), None);
            }
            assert!(!breakers.answered(&tool, None, now));
            assert!(breakers.is_empty());
        }
    }

    #[test]
    fn one_call_tries_when_the_pause_is_over_and_its_answer_closes_the_circuit() {
        let now = Instant::now();
        let (mut breakers, tool) = open(now);
        let later = now + PAUSE;
        assert_eq!(breakers.pass(&tool, later), Ok(Some(1)));
        assert!(breakers.pass(&tool, later).is_err() && !breakers.is_closed(&tool));
        assert!(!breakers.answered(&tool, None, now), "a call from before the deaths says nothing");
        assert!(breakers.answered(&tool, Some(1), later));
        assert_eq!(breakers.pass(&tool, later), Ok(None));
    }

    #[test]
    fn a_trial_that_costs_a_worker_opens_it_for_longer_and_one_that_is_gone_makes_room_for_another() {
        let now = Instant::now();
        let (mut breakers, tool) = open(now);
        let later = now + PAUSE;
        assert_eq!(breakers.pass(&tool, later), Ok(Some(1)));
        breakers.returned(&tool, 1);
        assert_eq!(breakers.pass(&tool, later), Ok(Some(2)));
        assert_eq!(breakers.died(&tool, Some(2), later), Some(PAUSE * LONGEST));
        assert_eq!(breakers.pass(&tool, later), Err(PAUSE * LONGEST));
    }

    #[test]
    fn deaths_of_calls_from_before_do_not_lengthen_the_pause() {
        let now = Instant::now();
        let (mut breakers, tool) = open(now);
        for _ in 0..20 {
            assert_eq!(breakers.died(&tool, None, now), None);
        }
        assert_eq!(breakers.pass(&tool, now), Err(PAUSE));
    }
}
