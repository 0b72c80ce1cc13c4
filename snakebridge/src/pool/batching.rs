//! Calls of tools that take many at once: [`gather`](super::gather) says which go together; here they are sent as one call
//! that goes for all of them, and looked after while they are part of it.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::gather::{Gather, Rule};
use super::{Pool, State};
use crate::error::{Error, ErrorKind, Executed, Phase};
use crate::link::{Chain, PendingCall, Priority, Ticket, ToolName};
use crate::manifest::Batching;
use crate::session::Affinity;

/// What a manifest may say at most: more calls, or a longer wait, would be a mistake.
const MOST_CALLS: u32 = 4096;
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What calls that go together have in common: whatever Python can see but the arguments and the correlation id, and
/// whatever says where they go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    tool: ToolName,
    /// By address: each call keeps its session.
    session: Option<usize>,
    affinity: Option<Affinity>,
    priority: Priority,
    chain: Option<usize>,
    metadata: Option<Bytes>,
    tools: u64,
}

impl Kind {
    fn of(call: &PendingCall) -> Self {
        Self {
            tool: call.request.target.clone(),
            session: call.session.as_ref().map(|session| Arc::as_ptr(session).addr()),
            affinity: call.tie.as_ref().map(|tie| tie.affinity),
            priority: call.handling.priority,
            chain: call.chain().map(Chain::wait),
            metadata: call.request.metadata(),
            tools: call.request.tools,
        }
    }
}

/// The calls of a pool that wait for others of their kind.
pub(super) type Gathering = Gather<Kind, Arc<PendingCall>>;

/// What a manifest says about a tool, as far as it makes sense.
pub(super) fn rule(said: Batching) -> Option<Rule> {
    let most = said.max_size.min(MOST_CALLS);
    let wait = Duration::try_from_secs_f64(said.max_wait_ms / 1000.0).unwrap_or_default().min(LONGEST_WAIT);
    (most > 1).then_some(Rule { most: most as usize, wait })
}

/// What follows from a call's joining others, outside of the pool's lock.
pub(super) struct Gathered {
    kind: Kind,
    go: Vec<Vec<Arc<PendingCall>>>,
    turn: bool,
}

impl Pool {
    /// Locked after the pool's state, never before it.
    pub(super) fn gathering(&self) -> MutexGuard<'_, Gathering> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `call` wait for others of its kind, if its tool takes many at once and nothing speaks against it. A call that
    /// tries its tool out goes alone, and so does one whose arguments were among those that killed a worker: otherwise
    /// nobody could tell which of them did.
    pub(super) fn gather(&self, state: &State, call: &Arc<PendingCall>, now: Instant) -> Option<Gathered> {
        let (request, tool) = (&call.request, &call.request.target);
        let rule = *state.declared_batching.get(&**tool)?;
        let alone = request.stream || request.inputs > 0 || call.trial.is_some();
        let alone = alone || call.tie.as_ref().is_some_and(|tie| tie.exclusive);
        let is_suspect = || state.poison.is_suspect(tool, self.digests.of(&request.body));
        if alone || (state.poison.suspects(tool) && is_suspect()) {
            return None;
        }
        call.gathers();
        let kind = Kind::of(call);
        let joined = self.gathering().join(kind.clone(), Arc::clone(call), call.size(), rule, now);
        self.alarm.set([joined.due, call.deadline].into_iter().flatten().min());
        Some(Gathered { kind, go: joined.go, turn: joined.turn })
    }

    /// Sends what goes now, and asks again when the tasks that are ready have had their turn.
    pub(super) fn go(self: &Arc<Self>, gathered: Gathered) {
        let Gathered { kind, go, turn } = gathered;
        for calls in go {
            self.send_together(&kind, calls);
        }
        if turn {
            self.ask_after_turn(kind);
        }
    }

    fn ask_after_turn(self: &Arc<Self>, kind: Kind) {
        let pool = Arc::clone(self);
        let turn = async move {
            // Behind whatever is ready now.
            tokio::task::yield_now().await;
            let gone = pool.gathering().turn(&kind, Instant::now());
            if let Some(calls) = gone {
                pool.send_together(&kind, calls);
            }
        };
        self.tasks.spawn_on(turn, &self.runtime);
    }

    /// Sends those whose time is over. Returns how many wait on.
    pub(super) fn send_due(self: &Arc<Self>, now: Instant) -> u32 {
        let late = |call: &Arc<PendingCall>| call.deadline.is_some_and(|deadline| deadline <= now);
        let (expired, gone, next, waiting) = {
            let mut gathering = self.gathering();
            let expired = gathering.take(late, |call| call.size());
            let (gone, next) = gathering.due(now);
            let deadlines = gathering.waiting().filter_map(|call| call.deadline);
            (expired, gone, deadlines.chain(next).min(), gathering.waiting().count())
        };
        self.alarm.set(next);
        for call in expired {
            let kind = ErrorKind::DeadlineExceeded { timeout: call.timeout, phase: Phase::Queue };
            call.complete(Err(Error::new(kind, Executed::Never)));
        }
        for (kind, calls) in gone {
            self.send_together(&kind, calls);
        }
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    fn send_together(self: &Arc<Self>, kind: &Kind, mut calls: Vec<Arc<PendingCall>>) {
        calls.retain(|call| !call.is_done());
        let (pool, kind, count) = (Arc::downgrade(self), kind.clone(), calls.len());
        // Dropped when they have come back, or at once when nobody wants them any more.
        let ticket = Ticket::new(move || {
            let Some(pool) = pool.upgrade() else { return };
            let returned = pool.gathering().came_back(&kind, count, Instant::now());
            pool.alarm.set(returned.due);
            if returned.turn {
                pool.ask_after_turn(kind);
            }
        });
        let call = match calls.len() {
            1 => calls.pop().filter(|call| call.goes_alone(ticket)),
            _ => PendingCall::together(calls).inspect(|call| call.keep(ticket)),
        };
        if let Some(call) = call {
            self.place_gathered(&call);
        }
    }

    /// Takes those out that wait for others of their kind and are told something else instead.
    pub(super) fn take_gathered(&self, leaves: impl FnMut(&Arc<PendingCall>) -> bool) -> Vec<Arc<PendingCall>> {
        self.gathering().take(leaves, |call| call.size())
    }

    /// Ends a call that goes for others if none of them wants an answer any more.
    pub(super) fn desert(&self, call: &Arc<PendingCall>) {
        if call.is_deserted() {
            self.abandon(call);
        }
    }

    /// Ends what has run out of time among the calls for which `calls` go, which are with a worker or wait for one.
    /// Returns when to look again.
    pub(super) fn expire_members(
        &self,
        calls: &[Arc<PendingCall>],
        worker: Option<u64>,
        now: Instant,
    ) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for call in calls {
            for member in call.members() {
                match member.deadline {
                    Some(deadline) if deadline <= now => {
                        member.complete(Err(out_of_time(member, worker)));
                    }
                    Some(deadline) if !member.is_done() => next = [next, Some(deadline)].into_iter().flatten().min(),
                    _ => {}
                }
            }
            self.desert(call);
        }
        next
    }
}

/// The error of a call whose time was over while another one went for it.
fn out_of_time(call: &PendingCall, worker: Option<u64>) -> Error {
    let kind = |phase| ErrorKind::DeadlineExceeded { timeout: call.timeout, phase };
    match worker {
        Some(worker) => Error::new(kind(Phase::Run), Executed::Maybe).on_worker(worker),
        None => Error::new(kind(Phase::Queue), Executed::Never),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_says_is_taken_as_far_as_it_makes_sense() {
        let rule = |max_size, max_wait_ms| rule(Batching { max_size, max_wait_ms });
        assert_eq!(rule(32, 2.5), Some(Rule { most: 32, wait: Duration::from_micros(2500) }));
        assert_eq!(rule(u32::MAX, 1e300).map(|rule| rule.most), Some(4096));
        for nonsense in [-1.0, f64::NAN, 1e300] {
            assert_eq!(rule(2, nonsense).unwrap().wait, Duration::ZERO);
        }
        assert_eq!(rule(2, 1e9).unwrap().wait, LONGEST_WAIT);
        assert_eq!((rule(0, 1.0), rule(1, 1.0)), (None, None));
    }
}
