//! One task for all deadlines of a pool.
//!
//! Calls do not have timers of their own: setting and unsetting one costs more than the rest of a short call's path.
//! The pool remembers the earliest moment at which anything can expire; this task sleeps until then, looks through what
//! is outstanding, and finds the next such moment. A call that is answered in time costs a comparison.

use std::sync::Arc;
use std::time::Instant;

use super::Pool;
use super::shutdown::Lifeline;
use crate::error::{Error, ErrorKind, Executed, Phase};
use crate::link::PendingCall;
use crate::worker::Worker;

pub(super) async fn run(pool: Arc<Pool>) {
    let lifeline = Lifeline(pool);
    let pool = &lifeline.0;
    let mut life = pool.life.subscribe();
    loop {
        tokio::select! {
            () = pool.alarm.goes_off() => pool.expire(Instant::now()),
            // Workers that are ending are given their time by whoever ends them.
            () = super::ending(&mut life) => return,
        }
    }
}

impl Pool {
    /// Ends everything whose time is up at `now`, and sets the alarm for what is next.
    fn expire(&self, now: Instant) {
        let (expired, workers) = {
            let mut state = self.lock();
            let expired = state.scheduler.take_waiting(|call| self.expiry(call, true).is_some_and(|when| when <= now));
            self.alarm.set(state.scheduler.waiting().filter_map(|call| self.expiry(call, true)).min());
            let workers: Vec<Arc<Worker>> = state.workers.values().cloned().collect();
            (expired, workers)
        };
        for call in expired {
            call.complete(Err(waited_too_long(&call, now)));
        }
        for worker in workers {
            self.expire_in(&worker, now);
        }
    }

    /// Ends what has run out of time in one worker, and the worker itself if it does not let go of a cancelled call.
    fn expire_in(&self, worker: &Worker, now: Instant) {
        let grace = self.config.cancel_grace;
        let last_started = worker.last_started();
        let (mut expired, mut next) = (Vec::new(), None);
        let (mut overdue_call, mut overdue_stream, mut runs_a_call) = (false, false, false);
        worker.link.for_each(|id, call, cancelled| {
            let stream = call.request.stream;
            runs_a_call |= !stream && last_started.is_none_or(|last| id <= last);
            let due = match cancelled {
                Some(since) => since.checked_add(grace),
                None => call.deadline,
            };
            match (due, cancelled) {
                (Some(due), Some(_)) if due <= now => {
                    overdue_call |= !stream;
                    overdue_stream |= stream;
                }
                (Some(due), None) if due <= now => expired.push((id, Arc::clone(call))),
                (due, _) => next = [next, due].into_iter().flatten().min(),
            }
        });
        for (id, call) in expired {
            let phase = if call.request.stream { Phase::Stream } else { Phase::Run };
            let kind = ErrorKind::DeadlineExceeded { timeout: call.timeout, phase };
            if call.complete(Err(Error::new(kind, Executed::Maybe).on_worker(worker.number))) {
                self.cancel(&worker.link, id, "its deadline passed");
            }
        }
        if overdue_call || (overdue_stream && !runs_a_call) {
            worker.kill(format!("a cancelled call was still running {grace:?} later"));
        } else if overdue_stream {
            // It waits behind a call that runs within its deadline, which is not killed for its neighbour. Look again.
            next = [next, now.checked_add(grace)].into_iter().flatten().min();
        }
        self.alarm.set(next);
    }
}

fn waited_too_long(call: &PendingCall, now: Instant) -> Error {
    let kind = if call.deadline.is_some_and(|deadline| deadline <= now) {
        ErrorKind::DeadlineExceeded { timeout: call.timeout, phase: Phase::Queue }
    } else {
        ErrorKind::QueueTimeout { waited: now.saturating_duration_since(call.admitted) }
    };
    Error::new(kind, Executed::Never)
}
