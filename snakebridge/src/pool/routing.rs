//! Getting a call that was admitted to a worker, and away again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::scheduler::Refusal;
use super::slot::jitter;
use super::{Pool, State, retries};
use crate::error::{Error, ErrorKind, Executed, QueueLimit, StartFailure};
use crate::link::{Answer, Link, PendingCall, Stage};
use crate::wire::peer::Refused;
use crate::worker::Worker;

/// What became of a call that the scheduler gave to a worker.
pub(super) enum Sent {
    /// It is on its way, and nothing else is in flight there.
    Alone,
    /// It is on its way behind others.
    BesideOthers,
    /// It is not: it waits again, or is answered. Its place is free.
    Not,
}

/// The error for a call of `session` that the scheduler refuses.
pub(super) fn refused(refusal: Refusal, session: &str) -> Error {
    let session = session.to_owned();
    let kind = match refusal {
        Refusal::QueueFull(limit, retry_after) => ErrorKind::QueueFull { limit, retry_after },
        Refusal::SessionLost => ErrorKind::SessionLost { session },
        Refusal::WorkerBusy => ErrorKind::SessionWorkerBusy { session },
        Refusal::ReferenceLost(worker) => {
            ErrorKind::ReferenceLost { message: format!("worker {worker}, which kept it, has ended or was replaced") }
        }
    };
    Error::new(kind, Executed::Never)
}

/// The error for a call that a healthy connection does not take.
fn not_taken(refused: Refused, queue_limit: usize) -> Error {
    let limit = QueueLimit::Calls(queue_limit);
    let kind = match refused {
        Refused::TooLarge { size, limit } => ErrorKind::PayloadTooLarge { size, limit },
        Refused::Invalid(what) => ErrorKind::InvalidArgument { message: what.to_owned() },
        // Seats have room for as many calls as their worker allows, so this is a worker that changed its mind.
        _ => ErrorKind::QueueFull { limit, retry_after: Duration::ZERO },
    };
    Error::new(kind, Executed::Never)
}

/// Whether a call waits for one worker, and is given as long as it has.
fn waits_for_its_worker(call: &PendingCall) -> bool {
    call.tie.as_ref().is_some_and(|tie| tie.is_bound())
}

impl Pool {
    /// The error for a call that the scheduler refuses.
    pub(super) fn refused(call: &PendingCall, refusal: Refusal) -> Error {
        refused(refusal, call.request.session.as_deref().unwrap_or_default())
    }

    /// Tells those that were admitted and go nowhere.
    fn refuse(refused: Vec<(Arc<PendingCall>, Refusal)>) {
        for (call, refusal) in refused {
            call.complete(Err(Self::refused(&call, refusal)));
        }
    }

    /// When something has to be done about `call`.
    pub(super) fn expiry(&self, call: &PendingCall, queued: bool) -> Option<Instant> {
        let queue = (queued && !waits_for_its_worker(call))
            .then(|| call.waits_since().checked_add(self.config.queue_timeout))
            .flatten();
        [call.deadline, queue].into_iter().flatten().min()
    }

    /// Sends a call to the worker that the scheduler chose. Never calls itself again through what it sets free: whoever
    /// gets [`Sent::Not`] goes on with [`dispatch`](Self::dispatch).
    pub(super) fn send(&self, worker: &Arc<Worker>, call: &Arc<PendingCall>, now: Instant) -> Sent {
        if call.is_done() {
            // Given up since the scheduler chose: it does not run.
            self.lock().scheduler.release(worker.number, call);
            self.vacated(now);
            return Sent::Not;
        }
        // Put together before the connection is taken.
        let _ = call.body();
        if let Some(session) = &call.session {
            // Before it is answered, which may be at once.
            session.went_to(worker.number);
            if self.config.worker.objects.is_some() {
                session.may_be_kept_by((Arc::clone(&self.config.name), worker.number));
            }
        }
        let refused = match worker.link.send(call, now) {
            Ok(alone) => {
                // Not before it is in the link's table: a look in between would not have found it anywhere.
                self.alarm.set(call.deadline);
                return if alone { Sent::Alone } else { Sent::BesideOthers };
            }
            Err(refused) => refused,
        };
        let mut state = self.lock();
        let error = match refused {
            Refused::NotOpen => {
                // The worker died between the decision and here. It takes no more calls; this one goes elsewhere.
                state.scheduler.close_worker(worker.number);
                state.scheduler.release(worker.number, call);
                let waits = self.put_back(&mut state, call);
                (!waits).then(|| Error::new(ErrorKind::ShuttingDown, Executed::Never))
            }
            refused => {
                state.scheduler.release(worker.number, call);
                Some(not_taken(refused, self.config.queue_limit))
            }
        };
        drop(state);
        if let Some(error) = error {
            call.complete(Err(error));
        }
        self.vacated(now);
        Sent::Not
    }

    /// Calls have left a worker without an answer: its retirement may have waited for them, or a shutdown.
    pub(super) fn vacated(&self, now: Instant) {
        self.alarm.set(Some(now));
        self.ended.notify_waiters();
    }

    /// A call that was with a worker waits again, in its old place, if anybody still wants it. False when the pool is shutting
    /// down: nobody would ever serve it.
    pub(super) fn put_back(&self, state: &mut State, call: &Arc<PendingCall>) -> bool {
        // Who gives up looks for it in the queue, under this lock: before this moment in vain, after it not.
        if !state.draining && !call.is_done() {
            state.scheduler.put_back(Arc::clone(call));
            self.alarm.set(self.expiry(call, true));
        }
        !state.draining
    }

    /// The same for one that may have run and is to be repeated: not before a pause is over.
    pub(super) fn repeat(&self, state: &mut State, call: &Arc<PendingCall>, now: Instant) -> bool {
        if !state.draining && !call.is_done() {
            let expiry = self.expiry(call, true);
            let left = expiry.map(|expiry| expiry.saturating_duration_since(now));
            let end = now + retries::pause(call.attempts(), left, jitter());
            state.scheduler.put_back_after(Arc::clone(call), end);
            self.alarm.set([expiry, Some(end)].into_iter().flatten().min());
        }
        !state.draining
    }

    /// A call of `worker` is answered: its place is free.
    pub(super) fn finished(&self, worker: u64, call: &Arc<PendingCall>, answer: Answer) {
        let now = Instant::now();
        let (verdict, next, refused, worn, draining) = {
            let mut state = self.lock();
            let verdict = state.judge(worker, call, answer);
            if state.scheduler.finished(worker, call, now) {
                // The timekeeper ends it.
                self.alarm.set(Some(now));
            }
            if self.config.recycling.isolates() {
                // Not even until its successor is ready.
                state.scheduler.close_worker(worker);
            }
            let next = Self::next(&mut state, now);
            let (refused, worn) = (state.scheduler.take_refused(), self.worn(&state, worker, now));
            (verdict, next, refused, worn, state.draining)
        };
        Self::refuse(refused);
        if let Some((worker, worn)) = worn {
            self.recycle_if_worn(&worker, worn);
        }
        if let Some(verdict) = verdict {
            self.absolve(call, verdict, now);
        }
        if draining {
            self.ended.notify_waiters();
        }
        if let Some((worker, call)) = next {
            self.send(&worker, &call, now);
            self.dispatch();
        }
    }

    /// The large arguments of a call have all been written to `worker`.
    pub(super) fn arrived(&self, worker: u64, call: &Arc<PendingCall>) {
        self.lock().scheduler.arrived(worker, call, Instant::now());
    }

    /// The large result of a call has begun to come from `worker`: the next one may run there.
    pub(super) fn answering(&self, worker: u64, call: &Arc<PendingCall>) {
        self.lock().scheduler.answering(worker, call, Instant::now());
        self.dispatch();
    }

    /// Sends whatever can be sent.
    pub(super) fn dispatch(&self) {
        loop {
            let now = Instant::now();
            let (next, refused) = {
                let mut state = self.lock();
                (Self::next(&mut state, now), state.scheduler.take_refused())
            };
            Self::refuse(refused);
            let Some((worker, call)) = next else { return };
            self.send(&worker, &call, now);
        }
    }

    /// What the scheduler would send next, with the worker to send it to.
    fn next(state: &mut State, now: Instant) -> Option<(Arc<Worker>, Arc<PendingCall>)> {
        let (number, call) = state.scheduler.next(now)?;
        // The scheduler has a seat for exactly the workers in this map.
        state.workers.get(&number).map(|worker| (Arc::clone(worker), call))
    }

    /// The caller of `call` does not wait any more.
    pub(super) fn abandon(&self, call: &Arc<PendingCall>) {
        match call.abandon() {
            Stage::Queued => {
                self.lock().scheduler.give_up(call);
                self.departed();
            }
            Stage::Gathering => drop(self.take_gathered(|other| Arc::ptr_eq(other, call))),
            Stage::Together(all) => self.desert(&all),
            Stage::Sent { link, id } => self.cancel(&link, id, call, "the caller dropped it"),
            Stage::Done => {}
        }
    }

    /// Calls that waited have left without having been sent: what they would have got may go to others.
    pub(super) fn departed(&self) {
        if !self.config.limits.is_empty() {
            self.dispatch();
        }
    }

    /// Cancels a call that is with a worker, and makes sure that somebody looks whether that helped.
    pub(super) fn cancel(&self, link: &Link, id: u64, call: &Arc<PendingCall>, reason: &str) {
        let now = Instant::now();
        // First, because it may be answered as soon as it is cancelled.
        self.lock().scheduler.give_up(call);
        link.cancel(id, reason, now);
        self.look_after_grace(now);
    }

    /// Something was cancelled: when the grace is over, somebody looks whether that helped.
    pub(super) fn look_after_grace(&self, now: Instant) {
        self.alarm.set(now.checked_add(self.config.cancel_grace));
    }

    /// No worker can be had: everybody is told, now and until one can.
    pub(super) fn fail(&self, why: StartFailure, message: &str) {
        let waiting = {
            let mut state = self.lock();
            state.failed = Some((why, message.to_owned()));
            state.scheduler.take_waiting(|_| true)
        };
        for call in waiting.into_iter().chain(self.take_gathered(|_| true)) {
            call.complete(Err(Error::start_failed(why, message)));
        }
    }
}
