//! The tools a bridge offers, to everybody and to single sessions.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::catalogue::Catalogue;
use super::running::Running;
use super::{States, Tools};
use crate::deadlock::Waits;
use crate::error::Result;
use crate::session::{Identity, Sessions};

/// The system target that lists the tools.
pub(super) const LIST: &str = "$tools.list";

/// The tools of a bridge.
pub struct Registry {
    catalogue: RwLock<Catalogue>,
    pub(super) states: Arc<States>,
    pub(super) sessions: Sessions,
    waits: Arc<Waits>,
    /// What workers asked for and is not answered.
    pub(super) running: Mutex<Running>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("catalogue", &*self.look()).finish_non_exhaustive()
    }
}

impl Registry {
    /// Takes in tools for everybody; refuses bad names and doubles.
    pub(crate) fn new(tools: Tools, states: States, sessions: Sessions) -> Result<Self> {
        let mut catalogue = Catalogue::default();
        catalogue.register_global(tools, &states)?;
        Ok(Self {
            catalogue: RwLock::new(catalogue),
            states: Arc::new(states),
            sessions,
            waits: Arc::default(),
            running: Mutex::default(),
        })
    }

    /// The sessions of the bridge.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Who has what and who waits for what, in all pools and tools.
    pub(crate) fn waits(&self) -> &Arc<Waits> {
        &self.waits
    }

    /// From now on the tools of a session end with it.
    pub(crate) fn end_with_sessions(self: &Arc<Self>) {
        let registry = Arc::downgrade(self);
        self.sessions.on_end(move |session| {
            if let Some(registry) = registry.upgrade() {
                registry.change().forget(session);
            }
        });
    }

    /// Adds tools for one session: all of them, or none and the reason. They end with it.
    pub(super) fn register(&self, session: &Identity, tools: Tools) -> Result<()> {
        let register = || self.change().register(session.id(), tools, &self.states);
        self.sessions.while_it_lives(session, register)
    }

    /// Takes a tool away from a session; returns whether it was there.
    pub(super) fn unregister(&self, session: &Identity, name: &str) -> bool {
        let unregister = || Ok(self.change().unregister(session.id(), name));
        self.sessions.while_it_lives(session, unregister).unwrap_or(false)
    }

    /// The generation of the tools that a call in this session may use, as the CALL tells the worker.
    pub fn generation(&self, session: Option<&str>) -> u64 {
        self.look().generation(session)
    }

    pub(super) fn look(&self) -> std::sync::RwLockReadGuard<'_, Catalogue> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `look` finds among the tools that a call in `session` sees. When that is over, it sees those of everybody: tools
    /// of a later session of its id are not its.
    pub(super) fn seen_from<R>(
        &self,
        session: Option<&Arc<Identity>>,
        look: impl Fn(&Catalogue, Option<&str>) -> R,
    ) -> R {
        // Under the lock of the sessions, so that it cannot be over, and another one there, in between.
        let look_from = |session: &Arc<Identity>| Ok(look(&self.look(), Some(session.id())));
        session
            .and_then(|session| self.sessions.while_it_lives(session, || look_from(session)).ok())
            .unwrap_or_else(|| look(&self.look(), None))
    }

    fn change(&self) -> std::sync::RwLockWriteGuard<'_, Catalogue> {
        self.catalogue.write().unwrap_or_else(PoisonError::into_inner)
    }
}
