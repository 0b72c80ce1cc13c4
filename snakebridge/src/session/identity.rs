//! Which session is meant: by its id, or by having been in it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Binding, Holder};

/// One life of a session. A session that is created again under the same id is another one.
#[derive(Debug)]
pub(crate) struct Identity {
    id: Arc<str>,
    life: u64,
    /// By pool. There is one of most sessions, and many sessions.
    bindings: Mutex<Vec<(Arc<str>, Arc<Binding>)>>,
    last_worker: AtomicU64,
    /// Python tools that were exposed to it.
    exposed: Mutex<BTreeSet<Box<str>>>,
    /// Workers that may keep objects for it.
    holders: Mutex<Vec<Holder>>,
    is_over: AtomicBool,
}

impl Identity {
    pub(super) fn new(id: Arc<str>, life: u64) -> Self {
        let (bindings, last_worker, exposed) = (Mutex::default(), AtomicU64::new(0), Mutex::default());
        let (holders, is_over) = (Mutex::default(), AtomicBool::new(false));
        Self { id, life, bindings, last_worker, exposed, holders, is_over }
    }

    pub(crate) fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Which of all sessions there ever were it is: what objects are kept for.
    pub(crate) fn life(&self) -> u64 {
        self.life
    }

    /// Its id, and which of the sessions that had this id one after the other it is.
    pub(crate) fn life_of_id(&self) -> (Arc<str>, u64) {
        (Arc::clone(&self.id), self.life)
    }

    /// What ties it to a worker of this pool.
    pub(crate) fn binding(&self, pool: &Arc<str>) -> Arc<Binding> {
        let mut bindings = self.bindings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, binding)) = bindings.iter().find(|(of, _)| of == pool) {
            return Arc::clone(binding);
        }
        let binding = Arc::default();
        bindings.push((Arc::clone(pool), Arc::clone(&binding)));
        binding
    }

    /// The worker that got its last call.
    pub(crate) fn last_worker(&self) -> Option<u64> {
        // Workers are numbered from 1. A number on its own: nothing is read through it.
        Some(self.last_worker.load(Ordering::Relaxed)).filter(|worker| *worker > 0)
    }

    /// Python tools are exposed to it, by name.
    pub(crate) fn expose<'a>(&self, tools: impl Iterator<Item = &'a str>) {
        self.exposed.lock().unwrap_or_else(PoisonError::into_inner).extend(tools.map(Box::from));
    }

    /// The names of the Python tools that were exposed to it.
    pub(crate) fn exposed(&self) -> Vec<String> {
        self.exposed.lock().unwrap_or_else(PoisonError::into_inner).iter().map(ToString::to_string).collect()
    }

    pub(crate) fn went_to(&self, worker: u64) {
        self.last_worker.store(worker, Ordering::Relaxed);
    }

    /// A call of it goes to `holder`, which may keep objects for it from then on.
    pub(crate) fn may_be_kept_by(&self, holder: Holder) {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        if !holders.contains(&holder) {
            holders.push(holder);
        }
    }

    /// The workers that may keep objects for it.
    pub(super) fn holders(&self) -> Vec<Holder> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It is over, and nothing need be kept for it.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

/// The session of a call, as [`Call::session`](crate::Call::session) takes it: an id, or a session that is at hand.
#[derive(Debug, Clone)]
pub struct SessionName(pub(crate) Named);

#[derive(Debug, Clone)]
pub(crate) enum Named {
    /// Whatever session has this id when the call is sent.
    Id(Arc<str>),
    /// This one and no later one.
    Known(Arc<Identity>),
}

impl SessionName {
    pub(crate) fn known(session: &Arc<Identity>) -> Self {
        Self(Named::Known(Arc::clone(session)))
    }
}

impl From<Arc<str>> for SessionName {
    fn from(id: Arc<str>) -> Self {
        Self(Named::Id(id))
    }
}

impl From<&str> for SessionName {
    fn from(id: &str) -> Self {
        Self(Named::Id(id.into()))
    }
}

impl From<String> for SessionName {
    fn from(id: String) -> Self {
        Self(Named::Id(id.into()))
    }
}

impl From<&String> for SessionName {
    fn from(id: &String) -> Self {
        Self::from(id.as_str())
    }
}
