//! The way back from a tool to the bridge that offers it.

use std::sync::{Arc, OnceLock, Weak};

use super::{AsCaller, Caller};
use crate::pool::PoolHandle;
use crate::session::Sessions;
use crate::tools::ToolContext;

/// The pool that a tool's calls go to. It is among the [`States`](crate::tools::States) that tools share, because tools are
/// there before it; and it does not keep the pool alive, whose end is to end its tools.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pool: Arc<OnceLock<Weak<PoolHandle>>>,
    sessions: Sessions,
}

impl Home {
    /// Of a pool that has not started yet, whose sessions these are.
    pub(crate) fn new(sessions: Sessions) -> Self {
        Self { pool: Arc::default(), sessions }
    }

    /// The pool has started.
    pub(crate) fn set(&self, pool: &Arc<PoolHandle>) {
        // Once for each bridge.
        let _ = self.pool.set(Arc::downgrade(pool));
    }

    fn pool(&self) -> Option<Arc<PoolHandle>> {
        self.pool.get()?.upgrade()
    }
}

/// Calls of the tool that was given the context, whatever task they are made in: they end with it, run in the session of
/// the Python call that called it, and may be run by the very worker that waits for it. When the bridge is gone they
/// are answered with `ShuttingDown`.
impl AsCaller for ToolContext {
    fn caller(&self) -> Caller {
        let home = self.state::<Home>();
        let pool = home.as_ref().and_then(|home| home.pool());
        let sessions = home.map(|home| home.sessions.clone()).unwrap_or_default();
        Caller { pool, sessions, session: None, chain: self.chain.clone() }
    }
}
