//! One task for all deadlines of a pool.
//!
//! Calls do not have timers of their own: setting and unsetting one costs more than the rest of a short call's path.
//! The pool remembers the earliest moment at which anything can expire; this task sleeps until then, looks through what
//! is outstanding, and finds the next such moment. A call that is answered in time costs a comparison.

use std::sync::Arc;
use std::time::Instant;

use super::Pool;
use crate::error::{Error, ErrorKind, Executed, Phase};
use crate::link::PendingCall;
use crate::worker::Worker;

pub(super) async fn run(pool: Arc<Pool>) {
    let mut life = pool.life.subscribe();
    loop {
        let next = pool.lock().next_check;
        let sleep = async {
            match next {
                Some(when) => tokio::time::sleep_until(when.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => pool.expire(Instant::now()),
            () = pool.sooner.notified() => {}
            // Workers that are ending are given their time by whoever ends them.
            () = super::ending(&mut life) => return,
        }
    }
}

impl Pool {
    /// Ends everything whose time is up at `now`.
    fn expire(self: &Arc<Self>, now: Instant) {
        let (expired, workers) = {
            let mut state = self.lock();
            state.next_check = None;
            let expired = state.scheduler.take_waiting(|call| self.expiry(call, true).is_some_and(|when| when <= now));
            let next = state.scheduler.waiting().filter_map(|call| self.expiry(call, true)).min();
            self.look_at(&mut state, next);
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
        let (mut expired, mut next, mut overdue) = (Vec::new(), None, None);
        let (mut calls, mut overdue_streams) = (0, 0);
        worker.link.for_each(|id, call, cancelled| {
            let stream = call.request.stream;
            calls += usize::from(!stream);
            let due = match cancelled {
                Some(since) => since.checked_add(self.config.cancel_grace),
                None => call.deadline,
            };
            match (due, cancelled) {
                (Some(due), Some(_)) if due <= now && stream => overdue_streams += 1,
                (Some(due), Some(_)) if due <= now => overdue = Some(Arc::clone(call)),
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
        // A stream that does not end behind a call that runs is that call's doing, and the call is within its deadline:
        // it is not killed for its neighbour, but looked at again.
        if overdue_streams > 0 && overdue.is_none() && calls > 0 {
            next = [next, now.checked_add(self.config.cancel_grace)].into_iter().flatten().min();
        } else if overdue.is_some() || overdue_streams > 0 {
            let grace = self.config.cancel_grace;
            worker.kill(format!("a cancelled call was still running {grace:?} later"));
        }
        if next.is_some() {
            self.look_at(&mut self.lock(), next);
        }
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
