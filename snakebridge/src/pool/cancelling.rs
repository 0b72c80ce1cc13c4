//! Cancelling many calls at once: those of a session that is over, and all of a pool that is.

use std::sync::Arc;

use super::Pool;
use crate::error::{Error, ErrorKind, Executed};
use crate::link::PendingCall;
use crate::session::Identity;

impl Pool {
    /// Cancels all calls of a session.
    pub(super) fn cancel_session(&self, session: &Arc<Identity>) {
        let is_of_it =
            |call: &Arc<PendingCall>| call.session.as_ref().is_some_and(|identity| Arc::ptr_eq(identity, session));
        self.cancel_calls(is_of_it, || ErrorKind::Cancelled, "its session was closed");
    }

    /// Cancels all calls, because the pool is about to end.
    pub(super) fn cancel_all(&self) {
        self.cancel_calls(|_| true, || ErrorKind::ShuttingDown, "the bridge is shutting down");
    }

    /// Those that wait leave, and those that run are cancelled; their callers are answered at once.
    fn cancel_calls(
        &self,
        is_meant: impl Fn(&Arc<PendingCall>) -> bool,
        kind: impl Fn() -> ErrorKind,
        reason: &'static str,
    ) {
        let (waiting, workers) = {
            let mut state = self.lock();
            let workers: Vec<_> = state.workers.values().cloned().collect();
            (state.scheduler.take_waiting(&is_meant), workers)
        };
        for call in waiting.into_iter().chain(self.take_gathered(&is_meant)) {
            call.complete(Err(Error::new(kind(), Executed::Never)));
        }
        self.departed();
        for worker in workers {
            let mut running = Vec::new();
            worker.link.for_each(|id, call, _| {
                if is_meant(call) {
                    running.push((id, Arc::clone(call)));
                }
            });
            for (id, call) in running {
                let error = Error::new(kind(), Executed::Maybe).on_worker(worker.number);
                if call.complete(Err(error)) {
                    self.cancel(&worker.link, id, &call, reason);
                }
            }
        }
    }
}
