//! The meter of each tool, and what they all read.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Pool;
use crate::link::{PendingCall, RELEASE, ToolName};
use crate::telemetry::{Meter, Statistics};

/// Tools that have a meter of their own: as many series as those who collect them bear.
const METERS: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Meters {
    tools: RwLock<HashMap<ToolName, Arc<Meter>>>,
    /// For all other tools.
    others: Arc<Meter>,
}

impl Meters {
    /// The meter of `tool`: one of its own if the workers have a tool of that name, as `is_there` says. Other names are
    /// anybody's.
    pub(super) fn of(&self, tool: &ToolName, is_there: impl FnOnce() -> bool) -> Arc<Meter> {
        if **tool == *RELEASE {
            return Arc::default(); // nobody's call
        }
        let known = self.tools.read().unwrap_or_else(PoisonError::into_inner).get(tool).cloned();
        known.unwrap_or_else(|| {
            let is_there = is_there();
            let mut tools = self.tools.write().unwrap_or_else(PoisonError::into_inner);
            if !is_there || (tools.len() >= METERS && !tools.contains_key(tool)) {
                return Arc::clone(&self.others);
            }
            Arc::clone(tools.entry(tool.clone()).or_default())
        })
    }

    /// Adds what they read to `statistics`.
    fn read(&self, statistics: &mut Statistics) {
        for (tool, meter) in &*self.tools.read().unwrap_or_else(PoisonError::into_inner) {
            statistics.add(tool, &meter.read());
        }
        let others = self.others.read();
        if others.requests > 0 {
            statistics.add("", &others);
        }
    }
}

/// How many callers wait for these calls.
fn callers<'a>(calls: impl Iterator<Item = &'a Arc<PendingCall>>) -> usize {
    calls.map(|call| call.callers()).sum()
}

impl Pool {
    /// Counts the calls of `tool`.
    pub(super) fn meter(&self, tool: &ToolName) -> Arc<Meter> {
        self.meters.of(tool, || self.lock().manifests.values().any(|manifest| manifest.tool(tool).is_some()))
    }

    /// What it has done so far.
    pub(super) fn statistics(&self) -> Statistics {
        let mut statistics = {
            let state = self.lock();
            let serving = state.workers.values().filter(|worker| !worker.is_retired()).count();
            let mut statistics = state.history.clone();
            (statistics.workers, statistics.spares) = (serving, state.spares.len());
            statistics.waiting = callers(state.scheduler.waiting());
            statistics.workers_stuck = state.stuck.count();
            statistics
        };
        statistics.waiting += self.gathering().waiting().count();
        self.meters.read(&mut statistics);
        statistics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_limit_and_names_of_no_tool_share_a_meter_and_nothing_is_left_out() {
        let meters = Meters::default();
        for number in 0..METERS + 10 {
            meters.of(&ToolName::Named(format!("tool_{number}").into()), || true).requested();
        }
        meters.of(&ToolName::Declared("tool_0"), || true).requested();
        meters.of(&ToolName::Declared("no_tool"), || false).requested();
        let mut statistics = Statistics::default();
        meters.read(&mut statistics);
        assert_eq!(statistics.calls.requests, METERS as u64 + 12);
        assert_eq!((statistics.tools["tool_0"].requests, statistics.tools[""].requests), (2, 11));
    }
}
