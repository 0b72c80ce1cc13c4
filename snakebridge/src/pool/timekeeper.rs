//! One task for all deadlines of a pool.
//!
//! Calls do not have timers of their own: setting and unsetting one costs more than the rest of a short call's path.
//! The pool remembers the earliest moment at which anything can expire; this task sleeps until then, looks through what
//! is outstanding, and finds the next such moment. A call that is answered in time costs a comparison.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::retirement::{Overdue, one_to_name, went_on};
use super::shutdown::Lifeline;
use super::{Pool, Shortage};
use crate::error::{Error, ErrorKind, Executed, Phase};
use crate::link::PendingCall;
use crate::worker::Worker;

/// For each outstanding call that was looked at, so long until the next look: with ten thousand of them, whose deadlines
/// are all different, looking takes a small share of the time, and they are answered a few milliseconds late.
const PAUSE: Duration = Duration::from_micros(1);
/// The longest such pause, and the shortest that is worth one.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

pub(super) async fn run(pool: Arc<Pool>) {
    let lifeline = Lifeline(pool);
    let pool = &lifeline.0;
    let mut life = pool.life.subscribe();
    loop {
        let turn = async {
            pool.alarm.goes_off().await;
            let pause = (PAUSE * pool.expire(Instant::now())).min(LONGEST_PAUSE);
            if pause >= SHORTEST_PAUSE {
                tokio::time::sleep(pause).await;
            }
        };
        tokio::select! {
            () = turn => {}
            // Workers that are ending are given their time by whoever ends them.
            () = super::ending(&mut life) => return,
        }
    }
}

/// What a look through one worker's calls found.
#[derive(Default)]
struct Look {
    seen: u32,
    expired: Vec<(u64, Arc<PendingCall>)>,
    overdue: Vec<Overdue>,
    /// When to look again.
    next: Option<Instant>,
    /// Whether it runs a call, as far as can be told, and not only streams.
    runs_a_call: bool,
    /// Calls that go for others.
    together: Vec<Arc<PendingCall>>,
}

impl Pool {
    /// Ends everything whose time is up at `now`, and sets the alarm for what is next. Returns how much it looked at.
    fn expire(self: &Arc<Self>, now: Instant) -> u32 {
        let gathered = self.send_due(now);
        let (expired, together, workers, shortage, mut seen, pause_is_over) = {
            let mut state = self.lock();
            let expired = state.scheduler.take_waiting(|call| self.expiry(call, true).is_some_and(|when| when <= now));
            let (mut next, mut seen) = (None, gathered);
            let mut together = Vec::new();
            for call in state.scheduler.waiting() {
                next = [next, self.expiry(call, true)].into_iter().flatten().min();
                seen += 1;
                if call.batch.is_some() {
                    together.push(Arc::clone(call));
                }
            }
            let pause_is_over = state.scheduler.end_pauses(now);
            self.alarm.set([next, state.scheduler.next_pause()].into_iter().flatten().min());
            let workers: Vec<Arc<Worker>> = state.workers.values().cloned().collect();
            let shortage = state.shortage.clone().filter(|_| workers.is_empty());
            (expired, together, workers, shortage, seen, pause_is_over)
        };
        self.alarm.set(self.expire_members(&together, None, now));
        if pause_is_over {
            self.dispatch();
        } else if !expired.is_empty() {
            self.departed();
        }
        for call in expired {
            let error = shortage.as_ref().map_or_else(|| waited_too_long(&call, now), Shortage::error);
            call.complete(Err(error));
        }
        for worker in workers {
            seen += self.expire_in(&worker, now);
        }
        seen
    }

    /// Ends what has run out of time in one worker, and the worker itself if it does not let go of a cancelled call.
    fn expire_in(self: &Arc<Self>, worker: &Arc<Worker>, now: Instant) -> u32 {
        let Look { seen, expired, overdue, mut next, runs_a_call, together } = self.look(worker, now);
        self.alarm.set(self.expire_members(&together, Some(worker.number), now));
        for (id, call) in expired {
            let phase = if call.request.stream { Phase::Stream } else { Phase::Run };
            let kind = ErrorKind::DeadlineExceeded { timeout: call.timeout, phase };
            if call.complete(Err(Error::new(kind, Executed::Maybe).on_worker(worker.number))) {
                self.cancel(&worker.link, id, &call, "its deadline passed");
            }
        }
        if let Some(named) = one_to_name(&overdue, worker.last_started()) {
            if self.config.worker.profile.runs_many() {
                self.retire(worker, || went_on(named, self.config.cancel_grace));
                self.write_off(worker, &overdue);
            } else if !named.call.request.stream || !runs_a_call {
                self.kill_for(worker, named);
            } else {
                // A stream waits behind a call that runs within its deadline, which is not killed for its neighbour.
                next = [next, now.checked_add(self.config.cancel_grace)].into_iter().flatten().min();
            }
        }
        self.end_if_idle(worker, &overdue);
        self.alarm.set(next);
        seen
    }

    fn look(&self, worker: &Worker, now: Instant) -> Look {
        let grace = self.config.cancel_grace;
        let last_started = worker.last_started();
        let mut look = Look::default();
        worker.link.for_each(|id, call, cancelled| {
            look.seen += 1;
            look.runs_a_call |= !call.request.stream && last_started.is_none_or(|last| id <= last);
            if call.batch.is_some() && cancelled.is_none() {
                look.together.push(Arc::clone(call));
            }
            let due = match cancelled {
                Some(since) => since.checked_add(grace),
                None => call.deadline,
            };
            match (due, cancelled) {
                (Some(due), Some(_)) if due <= now => look.overdue.push(Overdue { id, call: Arc::clone(call) }),
                (Some(due), None) if due <= now => look.expired.push((id, Arc::clone(call))),
                (due, _) => look.next = [look.next, due].into_iter().flatten().min(),
            }
        });
        look
    }
}

fn waited_too_long(call: &PendingCall, now: Instant) -> Error {
    let kind = if call.deadline.is_some_and(|deadline| deadline <= now) {
        ErrorKind::DeadlineExceeded { timeout: call.timeout, phase: Phase::Queue }
    } else {
        ErrorKind::QueueTimeout { waited: now.saturating_duration_since(call.waits_since()) }
    };
    Error::new(kind, Executed::Never)
}
