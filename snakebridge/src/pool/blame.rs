//! What the end of a worker says about the calls that it was running, and their answers about the worker.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Life, Pool, State, Submission};
use crate::error::{Crash, Error, ErrorKind, Executed, Result};
use crate::link::{Answer, PendingCall};
use crate::telemetry::Event;
use crate::worker::{Ended, Worker};

/// A number that stands for the arguments of a call. Secret, so that nobody makes arguments that share it with others'.
#[derive(Debug, Default)]
pub(super) struct Digests(RandomState);

impl Digests {
    pub(super) fn of(&self, arguments: &[u8]) -> u64 {
        self.0.hash_one(arguments)
    }
}

/// What an answer means beyond its call.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Arguments of its tool have killed workers: perhaps these.
    suspected: bool,
    /// This worker fails at what others do well.
    outlier: Option<Arc<Worker>>,
}

fn tell(refused: Vec<(Arc<PendingCall>, Error)>) {
    for (call, error) in refused {
        call.complete(Err(error));
    }
}

impl State {
    /// What it means that `worker` has answered `call`; `None` when that is nothing.
    pub(super) fn judge(&mut self, worker: u64, call: &PendingCall, answer: Answer) -> Option<Verdict> {
        if answer == Answer::Unfinished {
            return None;
        }
        let tool = &call.request.target;
        let outlier = self.outliers.answered(worker, tool, answer == Answer::Raised);
        let outlier = outlier.and_then(|outlier| self.workers.get(&outlier).cloned());
        Some(Verdict { suspected: self.poison.suspects(tool), outlier })
    }
}

impl Pool {
    /// Refuses arguments that have killed workers.
    pub(super) fn refuse_poison(&self, state: &State, submission: &Submission, now: Instant) -> Result<()> {
        let tool = &submission.target;
        if !state.poison.suspects(tool) || !submission.inputs.is_empty() {
            return Ok(());
        }
        match state.poison.deaths(tool, self.digests.of(&submission.body), now) {
            Some(deaths) => Err(Error::new(ErrorKind::Poison { deaths }, Executed::Never)),
            None => Ok(()),
        }
    }

    /// A worker ended while it may have been running `suspects`. Their tools are held to it, and their arguments.
    pub(super) fn blame(&self, suspects: &[&Arc<PendingCall>], ended: &Ended) {
        // A kill from outside says nothing about what happened to run.
        let by_others = ended.killed.is_some() || ended.crash == Crash::Killed;
        if by_others || suspects.is_empty() || *self.life.borrow() > Life::Running {
            return;
        }
        let now = Instant::now();
        let mut refused: Vec<(Arc<PendingCall>, Error)> = Vec::new();
        for (index, suspect) in suspects.iter().enumerate() {
            let tool = &suspect.request.target;
            if suspects[..index].iter().any(|other| other.request.target == *tool) {
                continue;
            }
            if let Some(retry_after) = self.trials.died(suspect, now) {
                self.events.emit(Event::CircuitOpened { tool: Some(tool.to_string()), retry_after });
                let of_tool = |call: &Arc<PendingCall>| call.request.target == *tool;
                let mut waiting = self.lock().scheduler.take_waiting(of_tool);
                waiting.extend(self.take_gathered(of_tool));
                let error = || Error::new(ErrorKind::CircuitOpen { retry_after }, Executed::Never);
                refused.extend(waiting.into_iter().map(|call| (call, error())));
            }
        }
        // Of several it cannot be told which it was; and streams among the arguments are not in the digest.
        if let [suspect] = suspects
            && suspect.request.inputs == 0
        {
            if suspect.batch.is_some() {
                self.suspect_all(suspect.members(), now);
                return tell(refused);
            }
            let (tool, arguments) = (&suspect.request.target, &suspect.request.body);
            let digest = self.digests.of(arguments);
            let mut state = self.lock();
            if state.poison.died(tool, digest, ended.crash == Crash::OutOfMemory, now)
                && let Some(deaths) = state.poison.deaths(tool, digest, now)
            {
                let same = |call: &Arc<PendingCall>| call.request.target == *tool && call.request.body == *arguments;
                let waiting = state.scheduler.take_waiting(same);
                let error = || Error::new(ErrorKind::Poison { deaths }, Executed::Never);
                refused.extend(waiting.into_iter().map(|call| (call, error())));
            }
        }
        tell(refused);
    }

    /// One of several calls that went together has cost its worker.
    fn suspect_all(&self, calls: &[Arc<PendingCall>], now: Instant) {
        let digests: Vec<_> = calls.iter().map(|call| self.digests.of(&call.request.body)).collect();
        let mut state = self.lock();
        for (call, digest) in calls.iter().zip(digests) {
            state.poison.was_among(&call.request.target, digest, now);
        }
    }

    /// A worker that lives has answered `call`, and `state` says what that means beyond it.
    pub(super) fn absolve(&self, call: &Arc<PendingCall>, verdict: Verdict, now: Instant) {
        let tool = &call.request.target;
        if self.trials.answered(call, now) {
            self.events.emit(Event::CircuitClosed { tool: Some(tool.to_string()) });
        }
        // Whoever is suspected goes alone.
        if verdict.suspected && call.batch.is_none() {
            let digest = self.digests.of(&call.request.body);
            self.lock().poison.answered(tool, digest);
        }
        if let Some(worker) = verdict.outlier {
            self.taint(&worker, tool);
        }
    }

    /// `worker` fails at what the others do well: it is replaced, unless too many are being replaced already.
    fn taint(&self, worker: &Worker, tool: &str) {
        {
            let mut state = self.lock();
            let serving = state.workers.values().filter(|worker| !worker.is_retired()).count();
            let places = self.places.load(Ordering::SeqCst);
            if places.saturating_sub(serving) >= (places / 2).max(1) {
                return;
            }
            state.outliers.gone(worker.number);
        }
        self.retire(worker, || format!("calls of `{tool}` fail in it, and not in the other workers"));
    }
}
