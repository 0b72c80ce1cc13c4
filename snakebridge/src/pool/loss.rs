//! What becomes of the calls of a worker that has ended.

use std::sync::Arc;
use std::time::Instant;

use super::{Life, Pool, State};
use crate::error::{Error, ErrorKind, Executed, Exit, Phase};
use crate::link::{CloseReason, PendingCall, Unanswered};
use crate::seeded::{self, Bug};
use crate::telemetry::Event;
use crate::worker::{Ended, Worker};

/// How often a call that never ran is handed to yet another worker. Whoever loses four workers in a row is no bystander.
const SILENT_ATTEMPTS: u32 = 3;

impl Pool {
    /// Takes a dead worker out and settles its calls: those that never ran go to another worker in silence; those that
    /// may have run are repeated if they are idempotent, else their callers are told. Returns whether it may have been
    /// running one.
    pub(super) fn settle(self: &Arc<Self>, worker: &Arc<Worker>, ended: &Ended) -> bool {
        if ended.stuck {
            let gone = Arc::clone(worker);
            self.give_up(worker.number, worker.pid, async move { gone.gone().await });
        }
        {
            let mut state = self.lock();
            state.workers.remove(&worker.number);
            state.spares.remove(worker.number);
            state.scheduler.remove_worker(worker.number);
            state.outliers.gone(worker.number);
        }
        let might_have_run = |unanswered: &&Unanswered| worker.executed_if_lost(unanswered) != Executed::Never;
        let suspects: Vec<_> =
            ended.unanswered.iter().filter(might_have_run).map(|unanswered| &unanswered.call).collect();
        self.blame(&suspects, ended);
        self.registry.cancel_worker(worker.number);
        let (mut maybe, mut never) = (0, 0);
        let unanswered = ended.unanswered.iter().flat_map(|unanswered| {
            let executed = worker.executed_if_lost(unanswered);
            apart(&unanswered.call, executed).into_iter().map(move |call| (call, executed))
        });
        let unanswered: Vec<_> = unanswered.collect();
        let mut again = Vec::new();
        let mut events = Vec::new();
        for (call, executed) in unanswered {
            if call.is_done() {
                continue;
            }
            match executed {
                Executed::Never => never += call.callers(),
                _ => maybe += 1,
            }
            let tool = call.request.target.to_string();
            if self.may_repeat(&mut self.lock(), worker, &call, executed) && call.requeue(executed) {
                let (lost_worker, attempts) = (worker.number, call.attempts());
                events.push(Event::CallRepeated { pool: self.name(), tool, lost_worker, executed, attempts });
                again.push((call, executed));
            } else if call.complete(Err(self.lost(ended, &call, executed).on_worker(worker.number))) {
                events.push(Event::CallLost { pool: self.name(), tool, worker: worker.number, executed });
            }
        }
        let refused: Vec<_> = {
            let mut state = self.lock();
            again.into_iter().filter(|(call, executed)| !self.wait_again(&mut state, call, *executed)).collect()
        };
        for (call, executed) in refused {
            let error = match executed {
                Executed::Never => Error::new(ErrorKind::ShuttingDown, executed),
                _ => self.lost(ended, &call, executed),
            };
            call.complete(Err(error.on_worker(worker.number)));
        }
        self.tell_of_kill(worker, None);
        let (pid, exit, crash, reason) = (worker.pid, ended.exit, ended.crash, ended.killed.clone());
        let in_good_order = worker.is_retired() && exit == Exit::Code(0) && reason.is_none() && maybe + never == 0;
        {
            let history = &mut self.lock().history;
            let counter = if in_good_order { &mut history.workers_retired } else { &mut history.workers_lost };
            *counter += 1;
        }
        self.events.emit(if in_good_order {
            Event::WorkerRetired { pool: self.name(), worker: worker.number, pid }
        } else {
            Event::WorkerLost { pool: self.name(), worker: worker.number, pid, exit, crash, reason, maybe, never }
        });
        for event in events {
            self.events.emit(event);
        }
        self.ended.notify_waiters();
        self.dispatch();
        maybe > 0
    }

    /// The process of a worker was killed and does not end. Nothing waits for it any more, but somebody has to take note when
    /// it is `gone`.
    pub(super) fn give_up(self: &Arc<Self>, worker: u64, pid: u32, gone: impl Future<Output = ()> + Send + 'static) {
        self.lock().stuck.given_up();
        self.events.emit(Event::WorkerStuck { pool: self.name(), worker, pid });
        let pool = Arc::downgrade(self);
        // None of the pool's tasks, for whose end a shutdown waits.
        self.runtime.spawn(async move {
            gone.await;
            if let Some(pool) = pool.upgrade() {
                pool.lock().stuck.has_ended();
                pool.restarting.notify_waiters();
            }
        });
    }

    /// A call that its worker will not answer waits for another one, at once if it never ran. False when the pool is shutting
    /// down: nobody would ever serve it.
    pub(super) fn wait_again(&self, state: &mut State, call: &Arc<PendingCall>, executed: Executed) -> bool {
        match executed {
            Executed::Never => self.put_back(state, call),
            _ => self.repeat(state, call, Instant::now()),
        }
    }

    /// The error of a call whose worker ended.
    fn lost(&self, ended: &Ended, call: &PendingCall, executed: Executed) -> Error {
        let kind = match &ended.reason {
            CloseReason::Violation(violation) => ErrorKind::Protocol(violation.clone()),
            // Most likely it was ended for that; if not, it would have been.
            _ if *self.life.borrow() > Life::Running => ErrorKind::ShuttingDown,
            _ => ErrorKind::WorkerLost {
                exit: ended.exit,
                crash: ended.crash,
                phase: if call.request.stream { Phase::Stream } else { Phase::Run },
                stderr_tail: ended.stderr_tail.clone(),
            },
        };
        Error::new(kind, executed)
    }

    /// Whether a call that `worker` will not answer may be given to another one.
    pub(super) fn may_repeat(
        &self,
        state: &mut State,
        worker: &Worker,
        call: &PendingCall,
        executed: Executed,
    ) -> bool {
        if executed == Executed::Never {
            // Lost workers are not the fault of a call that never ran, up to a point.
            return call.attempts() <= SILENT_ATTEMPTS;
        }
        let (tool, arguments) = (&call.request.target, &call.request.body);
        let is_poison = || {
            state.poison.suspects(tool)
                && state.poison.deaths(tool, self.digests.of(arguments), Instant::now()).is_some()
        };
        is_idempotent(worker, call)
            && !call.is_committed()
            && call.attempts() <= call.handling.retries.unwrap_or(self.config.retries)
            && self.trials.is_closed(tool)
            && !is_poison()
            && state.retries.spend()
    }
}

/// Whether the call, or its tool in Python, is declared idempotent.
fn is_idempotent(worker: &Worker, call: &PendingCall) -> bool {
    call.idempotent || seeded::has(Bug::BlindRetry) || worker.manifest.is_idempotent(&call.request.target)
}

/// The calls that a worker has left unanswered with one of its own. One that goes for others goes on as it was where it
/// never ran; where nobody knows, each of them goes on alone: it may have been any of them that cost the worker.
pub(super) fn apart(call: &Arc<PendingCall>, executed: Executed) -> Vec<Arc<PendingCall>> {
    if call.batch.is_some() && executed != Executed::Never {
        return call.come_apart();
    }
    vec![Arc::clone(call)]
}
