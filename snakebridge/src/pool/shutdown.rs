//! The pool's end: in good order, or because its runtime has gone away underneath it.

use std::sync::Arc;
use std::time::Duration;

use super::{Life, Pool};
use crate::error::{Error, ErrorKind, Executed};
use crate::link::PendingCall;

impl Pool {
    /// Admits no more, lets running calls finish, cancels those that do not, ends the workers.
    pub(super) async fn shutdown(&self) {
        self.refuse_calls();
        if !self.idle_within(self.config.drain).await {
            self.cancel_all();
            // What does not let go meanwhile ends with its worker.
            self.idle_within(self.config.cancel_grace).await;
        }
        self.life.send_if_modified(|life| {
            let first = *life < Life::Ending;
            *life = (*life).max(Life::Ending);
            first
        });
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(preload) = &self.config.worker.preload {
            preload.close().await;
        }
    }

    /// Waits until no worker has a call; false when that takes longer than `patience`.
    async fn idle_within(&self, patience: Duration) -> bool {
        let idle = async {
            loop {
                let ended = self.ended.notified();
                if self.lock().scheduler.assigned() == 0 {
                    return;
                }
                ended.await;
            }
        };
        tokio::time::timeout(patience, idle).await.is_ok()
    }

    /// Admits no more, and kills the workers, whatever they are doing: their ends are their calls' ends.
    pub(super) fn kill(&self) {
        self.refuse_calls();
        self.life.send_replace(Life::Killed);
        let workers: Vec<_> = self.lock().living().cloned().collect();
        for worker in workers {
            worker.kill("the bridge was shut down without waiting");
        }
        self.kill_template();
    }

    /// From now on every call is told that the pool is shutting down, those that wait at once.
    fn refuse_calls(&self) {
        let waiting = {
            let mut state = self.lock();
            state.draining = true;
            state.scheduler.take_waiting(|_| true)
        };
        for call in waiting.into_iter().chain(self.take_gathered(|_| true)) {
            call.complete(Err(Error::new(ErrorKind::ShuttingDown, Executed::Never)));
        }
    }

    /// The runtime that drove everything is gone: nobody would ever answer. Called from a destructor, perhaps in no
    /// runtime at all.
    fn abort(&self) {
        self.life.send_replace(Life::Killed);
        self.refuse_calls();
        let (workers, spares): (Vec<_>, Vec<_>) = {
            let mut state = self.lock();
            let spares = state.spares.workers().cloned().collect();
            (state.workers.drain().map(|(_, worker)| worker).collect(), spares)
        };
        for spare in spares {
            spare.kill_now();
        }
        for worker in workers {
            worker.kill_now();
            self.lock().scheduler.remove_worker(worker.number);
            for unanswered in worker.link.close() {
                let executed = worker.executed_if_lost(&unanswered);
                let error = Error::new(ErrorKind::ShuttingDown, executed).on_worker(worker.number);
                PendingCall::complete(&unanswered.call, Err(error));
            }
        }
        self.kill_template();
        self.ended.notify_waiters();
    }

    /// Ends what workers are forked from.
    pub(super) fn kill_template(&self) {
        if let Some(preload) = &self.config.worker.preload {
            preload.kill();
        }
    }
}

/// Held by a task of the pool for as long as the runtime runs it.
pub(super) struct Lifeline(pub(super) Arc<Pool>);

impl Drop for Lifeline {
    fn drop(&mut self) {
        // In good order the task ends because the pool does.
        if *self.0.life.borrow() == Life::Running {
            self.0.abort();
        }
    }
}
