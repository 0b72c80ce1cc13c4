//! What ties a session to a worker: how strictly a call wants it, and which one it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a call of a session goes. A session is bound to the worker that gets its first call; the binding is to that
/// process, and a worker that takes its place is another one.
///
/// What a call says counts before what the bridge says ([`SessionConfig::affinity`](super::SessionConfig)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Affinity {
    /// To any worker, whatever others of the session did.
    None,
    /// To the session's worker if that takes a call at this moment, else to any, which then is the session's.
    #[default]
    Hint,
    /// To the session's worker and no other: the call waits for it, for as long as its deadline allows. When that worker
    /// is gone, one call gets `session_lost`; the next is the first of a new binding.
    StrictQueue,
    /// As `StrictQueue`, but a call that would have to wait for the session's worker gets `session_worker_busy`.
    StrictFailFast,
}

impl Affinity {
    /// Whether a call goes to the session's worker or nowhere.
    pub(crate) fn is_strict(self) -> bool {
        matches!(self, Self::StrictQueue | Self::StrictFailFast)
    }
}

/// Which worker a session is bound to, and which of its calls has it to itself. Belongs to the session and ends with it;
/// what is in it is the scheduler's alone.
#[derive(Debug, Default)]
pub(crate) struct Binding(Mutex<Bound>);

/// See [`Binding`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The worker that got the session's first call.
    pub(crate) worker: Option<u64>,
    /// Whether a call went there that would have gone nowhere else.
    pub(crate) strictly: bool,
    /// The chain of calls that has the session to itself, and how many calls of it do.
    pub(crate) exclusive: Option<(u64, usize)>,
}

/// What ties a call to a worker, or keeps other calls of its session away.
#[derive(Debug, Clone)]
pub(crate) struct Tie {
    /// Its session's.
    pub(crate) binding: Arc<Binding>,
    pub(crate) affinity: Affinity,
    /// Whether no other call of its session that says so may run meanwhile.
    pub(crate) exclusive: bool,
    /// The chain of calls that it belongs to, if it is not the first of one: calls of a chain do not wait for each other.
    pub(crate) chain: Option<u64>,
    pub(crate) need: Need,
}

/// What a call needs of a worker beyond its session's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    #[default]
    Nothing,
    /// This one and no other, wherever its session is: that keeps an object which the call is about.
    Worker(u64),
    /// Nothing that an earlier call left: when the session's worker is gone, it begins anew with another, and nobody is told.
    FreshStart,
}

impl Tie {
    /// To `worker` and no other, of a call in no session.
    pub(crate) fn to_worker(worker: u64) -> Self {
        let (binding, affinity, need) = (Arc::default(), Affinity::StrictQueue, Need::Worker(worker));
        Self { binding, affinity, exclusive: false, chain: None, need }
    }

    /// Whether the call goes to one worker or nowhere.
    pub(crate) fn is_bound(&self) -> bool {
        if let Need::Worker(_) = self.need {
            return true;
        }
        self.affinity.is_strict() && self.binding.lock().worker.is_some()
    }

    /// The worker that is wanted, if there is one.
    pub(crate) fn bound_to(&self) -> Option<u64> {
        if self.affinity == Affinity::None { None } else { self.binding.lock().worker }
    }

    /// The call goes to `worker`. Returns what it has to itself from now on.
    pub(crate) fn bind(&self, key: u64, worker: u64) -> Option<Arc<Binding>> {
        let mut bound = self.binding.lock();
        match self.affinity {
            // It says nothing about where others are to go.
            _ if matches!(self.need, Need::Worker(_)) => {}
            Affinity::None => {}
            // Others rely on where the session is.
            Affinity::Hint if bound.strictly => {}
            Affinity::Hint => bound.worker = Some(worker),
            Affinity::StrictQueue | Affinity::StrictFailFast if self.need == Need::FreshStart => {
                bound.worker = Some(worker);
            }
            Affinity::StrictQueue | Affinity::StrictFailFast => {
                (bound.worker, bound.strictly) = (Some(worker), true);
            }
        }
        self.exclusive.then(|| {
            bound.take(self.chain.unwrap_or(key));
            Arc::clone(&self.binding)
        })
    }
}

impl Binding {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Bound> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells bindings apart, as long as they are there.
    pub(crate) fn key(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }
}

impl Bound {
    /// Whether another chain has the session to itself.
    pub(crate) fn is_taken_from(&self, chain: u64) -> bool {
        self.exclusive.is_some_and(|(holder, _)| holder != chain)
    }

    /// A call of `chain` has the session to itself.
    pub(crate) fn take(&mut self, chain: u64) {
        let calls = self.exclusive.map_or(0, |(_, calls)| calls);
        self.exclusive = Some((chain, calls + 1));
    }

    /// One that had it has ended. Whether it was the last.
    pub(crate) fn leave(&mut self) -> bool {
        self.exclusive =
            self.exclusive.and_then(|(chain, calls)| Some((chain, calls.checked_sub(1).filter(|c| *c > 0)?)));
        self.exclusive.is_none()
    }
}
