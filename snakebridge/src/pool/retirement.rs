//! Ending one worker while the pool goes on: when it asks for it, or when a call in it does not let go.
//!
//! A worker that runs one call at a time is killed for a cancelled call that goes on: nothing else is running there. One
//! that runs many gets no more calls instead and is replaced at once; its other calls end in their own time, and only
//! then is it ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Pool;
use super::loss::apart;
use crate::error::{Crash, Error, ErrorKind, Executed, Exit, Phase};
use crate::link::{PendingCall, Unanswered};
use crate::telemetry::Event;
use crate::worker::Worker;

/// A cancelled call that went on for longer than it may.
#[derive(Debug)]
pub(super) struct Overdue {
    pub(super) id: u64,
    pub(super) call: Arc<PendingCall>,
}

impl Pool {
    /// `worker` gets no more calls, and another one takes its place.
    pub(super) fn retire(&self, worker: &Worker, reason: impl FnOnce() -> String) {
        if worker.retire() {
            let mut state = self.lock();
            state.scheduler.close_worker(worker.number);
            state.outliers.gone(worker.number);
            drop(state);
            let (pid, reason) = (worker.pid, reason());
            self.events.emit(Event::WorkerDraining { pool: self.name(), worker: worker.number, pid, reason });
            // It may have nothing left to do.
            self.alarm.set(Some(Instant::now()));
            // Those that waited for it and no other.
            self.dispatch();
        }
    }

    /// `worker` has said that it takes no more calls. Those that it `never_ran` are in line again, before those that came later, and their callers
    /// notice nothing. Those that it denies and had started are treated like those of a lost worker.
    pub(super) fn going_away(&self, worker: &Worker, reason: &str, never_ran: &[Unanswered]) {
        self.retire(worker, || format!("it takes no more calls: {}", reason.escape_debug()));
        let (mut refused, mut events) = (Vec::new(), Vec::new());
        {
            let mut state = self.lock();
            let handed_back = never_ran.iter().flat_map(|Unanswered { id, call, .. }| {
                state.scheduler.release(worker.number, call);
                let executed = worker.executed_if_handed_back(*id, call);
                apart(call, executed).into_iter().map(move |call| (call, executed))
            });
            for (call, executed) in handed_back.collect::<Vec<_>>() {
                let waits_again = match executed {
                    Executed::Never => call.hand_back(),
                    _ => self.may_repeat(&mut state, worker, &call, executed) && call.requeue(executed),
                };
                // What does not wait again was begun: it ran, or streams among its arguments have begun to flow.
                if !waits_again || !self.wait_again(&mut state, &call, executed) {
                    refused.push((call, executed, waits_again));
                } else if executed != Executed::Never {
                    let (tool, attempts) = (call.request.target.to_string(), call.attempts());
                    events.push(Event::CallRepeated {
                        pool: self.name(),
                        tool,
                        lost_worker: worker.number,
                        executed,
                        attempts,
                    });
                }
            }
        }
        for (call, executed, waits_again) in refused {
            let handed_back = waits_again && executed == Executed::Never;
            let kind = if handed_back {
                ErrorKind::ShuttingDown
            } else {
                let phase = if call.request.stream { Phase::Stream } else { Phase::Run };
                ErrorKind::WorkerLost { exit: Exit::Unknown, crash: Crash::Unknown, phase, stderr_tail: String::new() }
            };
            // Does nothing to one that nobody waits for any more.
            if call.complete(Err(Error::new(kind, executed).on_worker(worker.number))) && !handed_back {
                let tool = call.request.target.to_string();
                events.push(Event::CallLost { pool: self.name(), tool, worker: worker.number, executed });
            }
        }
        for event in events {
            self.events.emit(event);
        }
        self.vacated(Instant::now());
        self.dispatch();
    }

    /// Nobody waits any more for what does not let go: not the retired worker's end, and not a shutdown.
    pub(super) fn write_off(&self, worker: &Worker, overdue: &[Overdue]) {
        let draining = {
            let mut state = self.lock();
            for Overdue { call, .. } in overdue {
                state.scheduler.release(worker.number, call);
            }
            state.draining
        };
        if draining {
            self.ended.notify_waiters();
        }
    }

    /// Ends a retired worker if nothing that anybody waits for is left in it.
    pub(super) fn end_if_idle(self: &Arc<Self>, worker: &Arc<Worker>, overdue: &[Overdue]) {
        if !worker.is_retired() || self.lock().scheduler.assigned_to(worker.number) > 0 {
            return;
        }
        if let Some(overdue) = one_to_name(overdue, worker.last_started()) {
            self.kill_for(worker, overdue);
        } else if worker.link.in_flight() == 0 && worker.begin_to_end() {
            let (worker, grace) = (Arc::clone(worker), self.config.worker.exit_grace);
            self.tasks.spawn(async move { worker.stop(grace).await });
        }
    }

    /// Kills a worker in which `overdue` went on, once it has told what it is doing.
    pub(super) fn kill_for(self: &Arc<Self>, worker: &Arc<Worker>, overdue: &Overdue) {
        if !worker.begin_to_end() {
            return;
        }
        {
            let mut state = self.lock();
            // What would be sent now would only be sent again elsewhere.
            state.scheduler.close_worker(worker.number);
            state.condemned.insert(worker.number, Arc::clone(&overdue.call));
        }
        let reason = went_on(overdue, self.config.cancel_grace);
        let (pool, worker) = (Arc::clone(self), Arc::clone(worker));
        self.tasks.spawn(async move {
            let stacks = worker.last_stacks(&reason).await;
            pool.tell_of_kill(&worker, stacks);
            worker.kill(reason);
        });
    }

    /// Tells that `worker` was killed and for which call, if it was and nobody has told yet. Before its end is told, even
    /// if the question for its stacks was its end.
    pub(super) fn tell_of_kill(&self, worker: &Worker, stacks: Option<String>) {
        let condemned = self.lock().condemned.remove(&worker.number);
        if let Some(call) = condemned {
            self.events.emit(Event::WorkerKilled {
                pool: self.name(),
                worker: worker.number,
                pid: worker.pid,
                tool: call.request.target.to_string(),
                correlation_id: call.correlation_id(),
                stacks,
            });
        }
    }
}

/// Why a worker with `overdue` in it is not kept.
pub(super) fn went_on(overdue: &Overdue, grace: Duration) -> String {
    format!("a cancelled call of `{}` was still running {grace:?} later", &*overdue.call.request.target)
}

/// The call that a worker is killed for, if it is for one of several: the last that it started, calls before streams.
pub(super) fn one_to_name(overdue: &[Overdue], last_started: Option<u64>) -> Option<&Overdue> {
    overdue.iter().max_by_key(|overdue| {
        let started = last_started.is_none_or(|last| overdue.id <= last);
        (started, !overdue.call.request.stream, overdue.id)
    })
}
