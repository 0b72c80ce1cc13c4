//! Whether a call is admitted, and what it becomes then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::routing::{Sent, refused};
use super::scheduler::{Placement, Task};
use super::{InSession, Pool, State, Submission};
use crate::deadlock::Resource;
use crate::error::{Error, ErrorKind, Executed, Phase, Result};
use crate::link::{Chain, Link, OwnedRequest, PendingCall};
use crate::manifest::SessionUse;
use crate::session::{Affinity, Need, Tie};
use crate::telemetry::Meter;
use crate::wire::msgpack::Reader;
use crate::wire::{Limits, Violation};
use crate::worker::Worker;

/// How many calls of the host may be inside one another, each made by a tool that Python called in the one before.
const MAX_DEPTH: u32 = 8;

/// Whether a worker will look into the arguments: how long they are, how deep, and how many values are in them.
fn check_body(body: &[u8], limits: &Limits) -> Result<()> {
    let size = body.len() as u64;
    if size > limits.body {
        return Err(Error::new(ErrorKind::PayloadTooLarge { size, limit: limits.body }, Executed::Never));
    }
    // Every level and every value takes a byte at least, so that small arguments need no look.
    if size <= limits.depth.min(limits.items) {
        return Ok(());
    }
    match Reader::new(body).value(limits.depth, limits.items) {
        Err(Violation::Depth(limit)) => {
            Err(Error::invalid_argument(format!("the arguments are nested more than {limit} levels deep")))
        }
        Err(Violation::Items(limit)) => Err(Error::invalid_argument(format!(
            "the arguments have more than {limit} values in them: pass them as bytes, as a stream, or in several calls"
        ))),
        // What encoded them writes nothing else that a reader would refuse.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether a call that is to be repeated so often may be repeated at all.
fn check_retries(state: &State, submission: &Submission) -> Result<()> {
    let Some(retries @ 1..) = submission.handling.retries else { return Ok(()) };
    let in_python = || state.manifests.values().any(|manifest| manifest.is_idempotent(&submission.target));
    if submission.idempotent || in_python() {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "`retries({retries})` of a call that may not be repeated: say `.idempotent()` if repeating it does no harm, or \
         declare the tool idempotent"
    )))
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
    match (submission.session, submission.worker) {
        (Some(session), _) => in_session(call, session, declared, pool, chain),
        (None, Some(worker)) => call.tied_to(worker),
        (None, None) => call,
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

/// The workers of a pool that wait for the tool that makes a call, from the innermost wait on.
#[derive(Default)]
struct Waiting {
    workers: Vec<u64>,
    /// Whether the first of them has something to do there already.
    is_served: bool,
}

impl State {
    /// Whether calls are let in at all, made by this tool or by none. Says who waits for it.
    fn admits(&self, chain: Option<&Chain>, now: Instant) -> Result<Waiting> {
        let waiting = self.waiting(chain);
        // What runs may finish, and a nested call is a part of that.
        if self.draining && waiting.workers.is_empty() {
            return Err(Error::new(ErrorKind::ShuttingDown, Executed::Never));
        }
        if let Some((why, message)) = &self.failed {
            return Err(Error::start_failed(*why, message));
        }
        match self.pause(now) {
            Some(retry_after) => Err(Error::new(ErrorKind::CircuitOpen { retry_after }, Executed::Never)),
            None => Ok(waiting),
        }
    }

    fn waiting(&self, chain: Option<&Chain>) -> Waiting {
        let Some(chain) = chain else { return Waiting::default() };
        let is_here =
            |link: &&Arc<Link>| self.workers.get(&link.worker()).is_some_and(|worker| Arc::ptr_eq(&worker.link, *link));
        let mut links = chain.waiting().filter(is_here).peekable();
        let is_served = links.peek().is_some_and(|first| chain.is_served_by(first));
        Waiting { workers: links.map(|link| link.worker()).collect(), is_served }
    }

    /// For how long it makes no sense to wait for a worker: none serves, and none is started for a while.
    fn pause(&self, now: Instant) -> Option<Duration> {
        let retry_after = self.restarts.retry_after(now)?;
        self.workers.values().all(|worker| worker.is_retired()).then_some(retry_after)
    }
}

impl Pool {
    /// Admits a call: it is sent, or waits, or is refused.
    pub(super) fn submit(self: &Arc<Self>, submission: Submission) -> Result<Arc<PendingCall>> {
        let meter = self.meter(&submission.target);
        meter.requested();
        self.admitted(submission, &meter).inspect_err(|error| meter.ended(Some(error), None))
    }

    fn admitted(self: &Arc<Self>, mut submission: Submission, meter: &Arc<Meter>) -> Result<Arc<PendingCall>> {
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
        let (worker, gathered) = {
            let mut state = self.lock();
            let waiting = state.admits(submission.chain.as_ref(), now)?;
            self.refuse_poison(&state, &submission, now)?;
            let (deadline, timeout) = self.deadline(&state, &submission, now)?;
            if waiting.workers.is_empty() && submission.session.is_none() {
                // Before anything is built for it that would only be thrown away.
                let room = state.scheduler.expect_room(submission.body.len() as u64);
                room.map_err(|refusal| refused(refusal, ""))?;
            }
            check_retries(&state, &submission)?;
            let pool = &self.config.name;
            let prepared = prepare(submission, deadline, timeout, &state.declared_uses, tools, pool, now);
            call = Arc::new(prepared.with_trial(trial).counted_by(Arc::clone(meter)));
            let gathered = self.gather(&state, &call, now);
            let worker = match gathered {
                Some(_) => None,
                None => self.place(&mut state, &call, &waiting, now)?,
            };
            state.retries.earn();
            (worker, gathered)
        };
        if let Some(gathered) = gathered {
            self.go(gathered);
        }
        if let Some(worker) = worker {
            self.send_first(&worker, &call, now);
        }
        Ok(call)
    }

    /// Gives a call that has waited for others of its kind a worker, or a place in the queue; by itself, or as the one that
    /// goes for them all.
    pub(super) fn place_gathered(&self, call: &Arc<PendingCall>) {
        let now = Instant::now();
        let placed = {
            let mut state = self.lock();
            let waiting = state.admits(call.chain(), now);
            waiting.and_then(|waiting| self.place(&mut state, call, &waiting, now))
        };
        match placed {
            Ok(Some(worker)) => self.send_first(&worker, call, now),
            Ok(None) => {}
            Err(error) => {
                call.complete(Err(error));
            }
        }
    }

    /// Gives `call` a worker, which is returned, or a place in the queue.
    fn place(
        &self,
        state: &mut State,
        call: &Arc<PendingCall>,
        waiting: &Waiting,
        now: Instant,
    ) -> Result<Option<Arc<Worker>>> {
        let placement = state.scheduler.nest(Arc::clone(call), &waiting.workers, waiting.is_served, now);
        let placement = placement.map_err(|refusal| Self::refused(call, refusal))?;
        let claimed = self.claim_needs(state.scheduler.needs(call.tool()), call, placement, &waiting.workers);
        if let Err(error) = claimed.and_then(|()| self.claim_session(call, placement)) {
            state.scheduler.give_up(call);
            return Err(error);
        }
        Ok(match placement {
            Placement::Worker(number) => state.workers.get(&number).cloned(),
            Placement::Queued => {
                call.meters().for_each(|meter| meter.queued());
                self.crowded.notify_one();
                self.alarm.set(self.expiry(call, true));
                None
            }
        })
    }

    /// Sends a call to the worker that was free for it, and fetches the answer if that is there already.
    fn send_first(&self, worker: &Arc<Worker>, call: &Arc<PendingCall>, now: Instant) {
        match self.send(worker, call, now) {
            Sent::Alone => worker.link.look_for_answers(),
            Sent::BesideOthers => {}
            Sent::Not => self.dispatch(),
        }
    }

    /// Notes that a call has its session to itself, or waits for that. Refused when it could wait for ever.
    fn claim_session(&self, call: &Arc<PendingCall>, placement: Placement) -> Result<()> {
        let Some(tie) = call.tie.as_ref().filter(|tie| tie.exclusive) else { return Ok(()) };
        let (waits, resource) = (self.registry.waits(), Resource::Session(tie.binding.key()));
        let chain = tie.chain.unwrap_or(call.key());
        let claim = match placement {
            Placement::Worker(_) => waits.hold(chain, resource, 1),
            Placement::Queued => {
                let session = call.request.session.as_deref().unwrap_or_default();
                waits.wait(chain, resource, 1, &format!("session `{}`", session.escape_debug()))?
            }
        };
        if let Some(claim) = claim {
            call.claim(claim);
        }
        Ok(())
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_no_worker_would_look_into_are_refused_by_name() {
        let limits = Limits { body: 10_000, depth: 8, items: 100, ..Limits::default() };
        let refused =
            |body: &[u8]| check_body(body, &limits).map_err(|error| (error.code().to_owned(), error.to_string()));
        assert_eq!(refused(&[0x80]), Ok(()));
        assert_eq!(refused(&[&[0x91; 7][..], &[0x90]].concat()), Ok(()));
        let (code, message) = refused(&[&[0x91; 8][..], &[0x90]].concat()).unwrap_err();
        assert!(code == "invalid_argument" && message.contains("more than 8 levels"), "{message}");
        let (code, message) = refused(&[&[0xdc, 0, 200][..], &[1; 200]].concat()).unwrap_err();
        assert!(code == "invalid_argument" && message.contains("more than 100 values"), "{message}");
        assert_eq!(refused(&[0; 10_001]).unwrap_err().0, "payload_too_large");
    }
}
