//! What becomes of the calls of a worker that has ended.

use std::sync::Arc;

use super::Pool;
use crate::error::{Error, ErrorKind, Executed, Phase};
use crate::link::{CloseReason, PendingCall, Unanswered};
use crate::telemetry::Event;
use crate::worker::{Ended, Worker};

impl Pool {
    /// Takes a dead worker out and settles its calls: those that never ran go to another worker in silence; those that
    /// may have run are repeated if they are idempotent, else their callers are told.
    pub(super) fn settle(self: &Arc<Self>, worker: &Arc<Worker>, ended: &Ended) {
        {
            let mut state = self.lock();
            state.workers.remove(&worker.number);
            state.scheduler.remove_worker(worker.number);
        }
        self.registry.cancel_worker(worker.number);
        let draining = self.lock().draining;
        let (mut maybe, mut never) = (0, 0);
        let mut again = Vec::new();
        for Unanswered { id, call, sent } in &ended.unanswered {
            if call.is_done() {
                continue;
            }
            let executed = PendingCall::executed_if_lost(*sent, *id, ended.last_started);
            match executed {
                Executed::Never => never += 1,
                _ => maybe += 1,
            }
            let may_repeat = match executed {
                Executed::Never => true,
                _ => is_idempotent(worker, call) && !call.is_committed() && call.attempts() < self.config.attempts,
            };
            if may_repeat && !draining && call.requeue() {
                again.push((Arc::clone(call), executed));
            } else if call.complete(Err(lost(ended, call, executed).on_worker(worker.number))) {
                let tool = call.request.target.to_string();
                self.events.emit(Event::CallLost { tool, worker: worker.number, executed });
            }
        }
        self.events.emit(Event::WorkerLost {
            worker: worker.number,
            pid: worker.pid,
            exit: ended.exit,
            reason: ended.killed.clone(),
            maybe,
            never,
        });
        {
            let mut state = self.lock();
            // The oldest goes to the very front.
            for (call, executed) in again.into_iter().rev() {
                let when = self.expiry(&call, true);
                self.look_at(&mut state, when);
                self.events.emit(Event::CallRepeated {
                    tool: call.request.target.to_string(),
                    lost_worker: worker.number,
                    executed,
                    attempts: call.attempts(),
                });
                state.scheduler.put_back(call);
            }
        }
        self.ended.notify_waiters();
        self.dispatch();
    }
}

/// Whether the call, or its tool in Python, is declared idempotent.
fn is_idempotent(worker: &Worker, call: &PendingCall) -> bool {
    call.idempotent || worker.manifest.tool(&call.request.target).is_some_and(|tool| tool.idempotent)
}

/// The error of a call whose worker ended.
fn lost(ended: &Ended, call: &PendingCall, executed: Executed) -> Error {
    let kind = match &ended.reason {
        CloseReason::Violation(violation) => ErrorKind::Protocol(violation.clone()),
        _ => ErrorKind::WorkerLost {
            exit: ended.exit,
            phase: if call.request.stream { Phase::Stream } else { Phase::Run },
            stderr_tail: ended.stderr_tail.clone(),
        },
    };
    Error::new(kind, executed)
}
