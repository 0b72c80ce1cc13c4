//! Calls whose tool says that trying again may help, and may be repeated: they are, after a pause.

use std::sync::Arc;
use std::time::Instant;

use super::Pool;
use crate::error::{Error, ErrorKind, Executed};
use crate::link::{Answer, PendingCall};
use crate::telemetry::Event;

impl Pool {
    /// A call of `worker` failed. Gives the error back where the caller is to be told; otherwise the call waits, and runs once
    /// more.
    pub(super) fn try_again(self: &Arc<Self>, worker: u64, call: &Arc<PendingCall>, error: Error) -> Option<Error> {
        if !matches!(error.kind(), ErrorKind::Tool(exception) if exception.retryable) {
            return Some(error);
        }
        let may_be = {
            let mut state = self.lock();
            let worker = state.workers.get(&worker).cloned();
            let has_time = call.deadline.is_none_or(|deadline| deadline.elapsed().is_zero());
            has_time
                && !state.draining
                && worker.is_some_and(|worker| self.may_repeat(&mut state, &worker, call, Executed::Yes))
        };
        if !may_be || !call.requeue(Executed::Yes) {
            return Some(error);
        }
        // Its place is free.
        self.finished(worker, call, Answer::Raised);
        self.events.emit(Event::CallRetried {
            pool: self.name(),
            tool: call.request.target.to_string(),
            worker,
            attempts: call.attempts(),
            error: error.to_string(),
        });
        if self.repeat(&mut self.lock(), call, Instant::now()) {
            self.dispatch();
        } else {
            // Nothing runs any more after it.
            call.complete(Err(error.on_worker(worker)));
        }
        None
    }
}
