//! Getting a call to a worker: from its admission to the frame, and away again.

use std::collections::HashMap;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::refusals::{check_body, check_retries, not_taken, refused};
use super::scheduler::{Placement, Refusal, Task};
use super::slot::jitter;
use super::{InSession, Pool, State, Submission, retries};
use crate::deadlock::Resource;
use crate::error::{Error, ErrorKind, Executed, Phase, Result, StartFailure};
use crate::link::{Answer, Chain, Link, OwnedRequest, PendingCall, Stage};
use crate::manifest::SessionUse;
use crate::session::{Affinity, Identity, Need, Tie};
use crate::telemetry::Meter;
use crate::wire::peer::Refused;
use crate::worker::Worker;

/// How many calls of the host may be inside one another, each made by a tool that Python called in the one before.
const MAX_DEPTH: u32 = 8;

/// What became of a call that the scheduler gave to a worker.
enum Sent {
    /// It is on its way, and nothing else is in flight there.
    Alone,
    /// It is on its way behind others.
    BesideOthers,
    /// It is not: it waits again, or is answered. Its place is free.
    Not,
}

/// A call that nobody has sent.
fn prepare(
    submission: Submission,
    deadline: Option<Instant>,
    timeout: Duration,
    declared: &HashMap<String, SessionUse>,
    tools: u64,
    pool: &Arc<str>,
    now: Instant,
) -> PendingCall {
    let session = submission.session.as_ref().map(|session| Arc::clone(session.pin.identity().id()));
    let request = OwnedRequest {
        target: submission.target,
        stream: submission.stream,
        session,
        meta: submission.meta,
        body: submission.body,
        inputs: submission.inputs.len() as u64,
        tools,
    };
    let call = PendingCall::new(request, deadline, timeout, submission.idempotent, now);
    let chain = submission.chain.as_ref().map(Chain::key);
    let call = call.inside(submission.chain).with_handling(submission.handling).with_inputs(submission.inputs);
    let call = call.with_functions(submission.functions);
    match submission.session {
        Some(session) => in_session(call, session, declared, pool, chain),
        None => match submission.worker {
            Some(worker) => call.tied_to(worker),
            None => call,
        },
    }
}

/// A call in a session, tied to a worker as far as it, its tool as Rust or Python declares it, or the bridge says.
fn in_session(
    call: PendingCall,
    session: InSession,
    declared: &HashMap<String, SessionUse>,
    pool: &Arc<str>,
    chain: Option<u64>,
) -> PendingCall {
    let InSession { pin, affinity, default_affinity, needs, need, kept } = session;
    let needs = match needs {
        SessionUse::None => declared.get(&*call.request.target).copied().unwrap_or_default(),
        needs => needs,
    };
    let affinity = affinity.unwrap_or(match needs {
        SessionUse::None => default_affinity,
        SessionUse::Affine | SessionUse::Exclusive => Affinity::StrictQueue,
    });
    let (binding, exclusive) = (pin.identity().binding(pool), needs == SessionUse::Exclusive);
    let tied = exclusive || affinity != Affinity::None || need != Need::Nothing;
    call.in_session(pin, tied.then_some(Tie { binding, affinity, exclusive, chain, need }), kept)
}

/// The workers of this pool that wait for the tool that makes a call, from the innermost wait on; and whether the first of
/// them has something to do there already.
fn waiting_workers(state: &State, chain: Option<&Chain>) -> (Vec<u64>, bool) {
    let Some(chain) = chain else { return (Vec::new(), false) };
    let is_here =
        |link: &&Arc<Link>| state.workers.get(&link.worker()).is_some_and(|worker| Arc::ptr_eq(&worker.link, *link));
    let mut links = chain.waiting().filter(is_here).peekable();
    let is_served = links.peek().is_some_and(|first| chain.is_served_by(first));
    (links.map(|link| link.worker()).collect(), is_served)
}

/// Whether a call waits for one worker, and is given as long as it has.
fn waits_for_its_worker(call: &PendingCall) -> bool {
    call.tie.as_ref().is_some_and(|tie| tie.is_bound())
}

impl State {
    /// For how long it makes no sense to wait for a worker: none serves, and none is started for a while.
    fn pause(&self, now: Instant) -> Option<Duration> {
        let retry_after = self.restarts.retry_after(now)?;
        self.workers.values().all(|worker| worker.is_retired()).then_some(retry_after)
    }
}

impl Pool {
    /// Admits a call: it is sent, or waits, or is refused.
    pub(super) fn submit(&self, submission: Submission) -> Result<Arc<PendingCall>> {
        let meter = self.meter(&submission.target);
        meter.requested();
        self.admitted(submission, &meter).inspect_err(|error| meter.ended(Some(error), None))
    }

    fn admitted(&self, mut submission: Submission, meter: &Arc<Meter>) -> Result<Arc<PendingCall>> {
        let now = Instant::now();
        if let (Some(session), Some(affinity)) = (&mut submission.session, self.config.affinity) {
            session.default_affinity = affinity;
        }
        check_body(&submission.body, &self.config.worker.limits)?;
        if submission.chain.as_ref().is_some_and(|chain| chain.depth() >= MAX_DEPTH) {
            return Err(Error::new(ErrorKind::CallDepth { limit: MAX_DEPTH }, Executed::Never));
        }
        let session = submission.session.as_ref().map(|session| &**session.pin.identity().id());
        let tools = self.registry.generation(session);
        let trial = self.trials.admit(&submission.target, now)?;
        // What is refused goes when the lock is free again: its arguments may be streams out of this very pool, whose end
        // takes the lock.
        let call;
        let worker = {
            let mut state = self.lock();
            let (waiting, is_served) = waiting_workers(&state, submission.chain.as_ref());
            // What runs may finish, and a nested call is a part of that.
            if state.draining && waiting.is_empty() {
                return Err(Error::new(ErrorKind::ShuttingDown, Executed::Never));
            }
            if let Some((why, message)) = &state.failed {
                return Err(Error::start_failed(*why, message));
            }
            if let Some(retry_after) = state.pause(now) {
                return Err(Error::new(ErrorKind::CircuitOpen { retry_after }, Executed::Never));
            }
            self.refuse_poison(&state, &submission, now)?;
            if waiting.is_empty() && submission.session.is_none() {
                // Before anything is built for it that would only be thrown away.
                let room = state.scheduler.expect_room(submission.body.len() as u64);
                room.map_err(|refusal| refused(refusal, ""))?;
            }
            check_retries(&state, &submission)?;
            let (deadline, timeout) = self.deadline(&state, &submission, now)?;
            let pool = &self.config.name;
            let prepared = prepare(submission, deadline, timeout, &state.declared_uses, tools, pool, now);
            call = Arc::new(prepared.with_trial(trial).counted_by(Arc::clone(meter)));
            let placement = state.scheduler.nest(Arc::clone(&call), &waiting, is_served, now);
            let placement = placement.map_err(|refusal| Self::refused(&call, refusal))?;
            let claimed = self.claim_place(&call, placement, &waiting);
            if let Err(error) = claimed.and_then(|()| self.claim_session(&call, placement)) {
                state.scheduler.give_up(&call);
                return Err(error);
            }
            state.retries.earn();
            if placement == Placement::Queued {
                meter.queued();
                self.crowded.notify_one();
                self.alarm.set(self.expiry(&call, true));
            }
            match placement {
                Placement::Worker(number) => state.workers.get(&number).cloned(),
                Placement::Queued => None,
            }
        };
        if let Some(worker) = worker {
            match self.send(&worker, &call, now) {
                Sent::Alone => worker.link.look_for_answers(),
                Sent::BesideOthers => {}
                Sent::Not => self.dispatch(),
            }
        }
        Ok(call)
    }

    /// Notes that a call has its session to itself, or waits for that. Refused when it could wait for ever.
    fn claim_session(&self, call: &Arc<PendingCall>, placement: Placement) -> Result<()> {
        let Some(tie) = call.tie.as_ref().filter(|tie| tie.exclusive) else { return Ok(()) };
        let (waits, resource) = (self.registry.waits(), Resource::Session(tie.binding.key()));
        let chain = tie.chain.unwrap_or(call.key());
        let claim = match placement {
            Placement::Worker(_) => waits.hold(chain, resource),
            Placement::Queued => {
                let session = call.request.session.as_deref().unwrap_or_default();
                waits.wait(chain, resource, &format!("session `{}`", session.escape_debug()))?
            }
        };
        if let Some(claim) = claim {
            call.claim(claim);
        }
        Ok(())
    }

    /// Notes that a call has a place of its tool, where only so many are, or waits for one. Refused when it could wait for
    /// ever. `waiting`: the workers that wait for it.
    fn claim_place(&self, call: &Arc<PendingCall>, placement: Placement, waiting: &[u64]) -> Result<()> {
        let Some(units) = self.config.tool_concurrency.get(&*call.request.target) else { return Ok(()) };
        let (waits, resource) =
            (self.registry.waits(), Resource::Permit { tool: ptr::from_ref(units).addr(), units: *units });
        let claim = match (placement, call.chain().map(Chain::key)) {
            // It runs inside a call that waits for it, and takes no place.
            (Placement::Worker(worker), _) if waiting.contains(&worker) => None,
            (Placement::Worker(_), chain) => waits.hold(chain.unwrap_or(call.key()), resource),
            (Placement::Queued, None) => Some(waits.expect(call.key(), resource)),
            (Placement::Queued, Some(chain)) => {
                let what = format!("a place of the tool `{}`", call.request.target.escape_debug());
                waits.wait(chain, resource, &what)?
            }
        };
        if let Some(claim) = claim {
            call.claim(claim);
        }
        Ok(())
    }

    /// The error for a call that the scheduler refuses.
    fn refused(call: &PendingCall, refusal: Refusal) -> Error {
        refused(refusal, call.request.session.as_deref().unwrap_or_default())
    }

    /// Tells those that were admitted and go nowhere.
    fn refuse(&self, refused: Vec<(Arc<PendingCall>, Refusal)>) {
        for (call, refusal) in refused {
            call.complete(Err(Self::refused(&call, refusal)));
        }
    }

    /// When a call ends, and how long that is: what the caller says, else the tool, else the pool; and no later than the
    /// call inside which it is made. Refused when that is over.
    fn deadline(&self, state: &State, submission: &Submission, now: Instant) -> Result<(Option<Instant>, Duration)> {
        let declared = || state.declared_timeouts.get(&*submission.target).copied();
        let default = if submission.stream { self.config.stream_timeout } else { self.config.call_timeout };
        let timeout = submission.timeout.or_else(declared).unwrap_or(default);
        // A deadline beyond what the clock can say is none.
        let own = submission.created.checked_add(timeout);
        let (deadline, timeout) = match submission.chain.as_ref().and_then(Chain::deadline) {
            Some(inherited) if own.is_none_or(|own| inherited < own) => {
                (Some(inherited), inherited.saturating_duration_since(submission.created))
            }
            _ => (own, timeout),
        };
        if deadline.is_some_and(|deadline| deadline <= now) {
            let kind = ErrorKind::DeadlineExceeded { timeout, phase: Phase::Queue };
            return Err(Error::new(kind, Executed::Never));
        }
        Ok((deadline, timeout))
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
    fn send(&self, worker: &Arc<Worker>, call: &Arc<PendingCall>, now: Instant) -> Sent {
        if call.is_done() {
            // Given up since the scheduler chose: it does not run.
            self.lock().scheduler.release(worker.number, call);
            self.vacated(now);
            return Sent::Not;
        }
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
            let next = Self::next(&mut state, now);
            let (refused, worn) = (state.scheduler.take_refused(), self.worn(&state, worker, now));
            (verdict, next, refused, worn, state.draining)
        };
        self.refuse(refused);
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
            self.refuse(refused);
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
            Stage::Sent { link, id } => self.cancel(&link, id, call, "the caller dropped it"),
            Stage::Done => {}
        }
    }

    /// Calls that waited have left without having been sent: what they would have got may go to others.
    pub(super) fn departed(&self) {
        if !self.config.tool_concurrency.is_empty() {
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

    /// Cancels all calls of a session.
    pub(super) fn cancel_session(&self, session: &Arc<Identity>) {
        let is_of_it =
            |call: &Arc<PendingCall>| call.session.as_ref().is_some_and(|identity| Arc::ptr_eq(identity, session));
        let (waiting, workers) = {
            let mut state = self.lock();
            let workers: Vec<_> = state.workers.values().cloned().collect();
            (state.scheduler.take_waiting(is_of_it), workers)
        };
        for call in waiting {
            call.complete(Err(Error::new(ErrorKind::Cancelled, Executed::Never)));
        }
        self.departed();
        for worker in workers {
            let mut running = Vec::new();
            worker.link.for_each(|id, call, _| {
                if is_of_it(call) {
                    running.push((id, Arc::clone(call)));
                }
            });
            for (id, call) in running {
                let error = Error::new(ErrorKind::Cancelled, Executed::Maybe).on_worker(worker.number);
                if call.complete(Err(error)) {
                    self.cancel(&worker.link, id, &call, "its session was closed");
                }
            }
        }
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
        for call in waiting {
            call.complete(Err(Error::start_failed(why, message)));
        }
    }
}
