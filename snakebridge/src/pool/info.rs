//! What a pool tells of its workers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Pool;
use crate::worker::{Sandbox, Worker, memory};

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkerState {
    /// It has no calls.
    Idle,
    /// It has calls.
    Busy,
    /// It is ready and gets no calls: it takes the place of the next worker that is lost or replaced.
    Spare,
    /// It gets no more calls, and ends when those it has are done; another one has taken its place, or will.
    Draining,
}

/// The call that a worker runs; where it runs many at once, the last one that it began.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CurrentCall {
    /// The tool.
    pub tool: String,
    /// How long the worker has had it.
    pub running_for: Duration,
}

/// One worker, as it is at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its pool.
    pub pool: Arc<str>,
    /// Its number, never used again in any pool.
    pub number: u64,
    /// Its process.
    pub pid: u32,
    /// How long it has been ready.
    pub age: Duration,
    /// Calls it has answered.
    pub calls: u64,
    /// Calls it has not answered.
    pub in_flight: usize,
    /// What it runs, if it has entered anything.
    pub current: Option<CurrentCall>,
    /// It gets no more calls, and ends when these are done; another one has taken its place, or will.
    pub draining: bool,
    /// It gets no calls yet, and takes the place of the next worker that is lost or replaced.
    pub spare: bool,
    /// It has restricted itself as `sandbox` says; the event `WorkerSandboxed` has told how.
    pub sandboxed: bool,
}

impl WorkerInfo {
    /// What it is doing.
    pub fn state(&self) -> WorkerState {
        match self.in_flight {
            _ if self.draining => WorkerState::Draining,
            _ if self.spare => WorkerState::Spare,
            0 => WorkerState::Idle,
            _ => WorkerState::Busy,
        }
    }

    /// How many bytes of memory its process holds: its own, and its share of what it shares with others (PSS). Measured at
    /// this call, which takes up to some milliseconds for a large one. `None` when it has ended.
    pub fn memory(&self) -> Option<u64> {
        memory::proportional(self.pid)
    }
}

impl Pool {
    /// The workers that serve calls, drain, or are spare, by number.
    pub(super) fn infos(&self) -> Vec<WorkerInfo> {
        let now = Instant::now();
        let mut workers: Vec<_> = {
            let state = self.lock();
            let answered = |worker: &Worker| state.scheduler.answered_by(worker.number);
            let is_spare = |worker: &Worker| !state.workers.contains_key(&worker.number);
            state.living().map(|worker| (Arc::clone(worker), answered(worker), is_spare(worker))).collect()
        };
        workers.sort_by_key(|(worker, ..)| worker.number);
        let info = |(worker, calls, spare): &(Arc<Worker>, u64, bool)| WorkerInfo {
            pool: self.name(),
            number: worker.number,
            pid: worker.pid,
            age: worker.age(now),
            calls: *calls,
            in_flight: worker.link.in_flight(),
            current: current(worker),
            draining: worker.is_retired(),
            spare: *spare,
            sandboxed: self.config.worker.sandbox != Sandbox::Hardened,
        };
        workers.iter().map(info).collect()
    }
}

/// The last call that `worker` has begun and not answered.
fn current(worker: &Worker) -> Option<CurrentCall> {
    let last_started = worker.last_started();
    let mut last = None;
    worker.link.for_each(|id, call, _| {
        let started = last_started.is_none_or(|last_started| id <= last_started);
        if started && last.as_ref().is_none_or(|&(other, _)| id > other) {
            last = Some((id, Arc::clone(call)));
        }
    });
    let (_, call) = last?;
    Some(CurrentCall { tool: call.request.target.to_string(), running_for: call.running_for().unwrap_or_default() })
}
