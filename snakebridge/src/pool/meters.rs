//! The meter of each tool, and what they all read.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Pool;
use crate::link::{PendingCall, ToolName};
use crate::telemetry::{Meter, Statistics};

/// Tools that have a meter of their own. Names come from callers.
const METERS: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Meters {
    tools: RwLock<HashMap<ToolName, Arc<Meter>>>,
    /// For all other tools.
    others: Arc<Meter>,
}

impl Meters {
    /// The meter of `tool`.
    pub(super) fn of(&self, tool: &ToolName) -> Arc<Meter> {
        let known = self.tools.read().unwrap_or_else(PoisonError::into_inner).get(tool).cloned();
        known.unwrap_or_else(|| {
            let mut tools = self.tools.write().unwrap_or_else(PoisonError::into_inner);
            if tools.len() >= METERS && !tools.contains_key(tool) {
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
    /// What it has done so far.
    pub(super) fn statistics(&self) -> Statistics {
        let mut statistics = {
            let state = self.lock();
            let serving = state.workers.values().filter(|worker| !worker.is_retired()).count();
            let mut statistics = state.history.clone();
            (statistics.workers, statistics.waiting) = (serving, callers(state.scheduler.waiting()));
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
    fn names_beyond_the_limit_share_a_meter_and_nothing_is_left_out() {
        let meters = Meters::default();
        for number in 0..METERS + 10 {
            meters.of(&ToolName::Named(format!("tool_{number}").into())).requested();
        }
        meters.of(&ToolName::Declared("tool_0")).requested();
        let mut statistics = Statistics::default();
        meters.read(&mut statistics);
        assert_eq!(statistics.calls.requests, METERS as u64 + 11);
        assert_eq!((statistics.tools["tool_0"].requests, statistics.tools[""].requests), (2, 10));
    }
}
