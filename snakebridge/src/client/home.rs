//! The way back from a tool to the bridge that offers it.

use std::sync::{Arc, OnceLock, Weak};

use super::{AsCaller, Caller};
use crate::pool::PoolHandle;
use crate::tools::ToolContext;

/// The pool that a tool's calls go to. It is among the [`States`](crate::tools::States) that tools share, because tools are
/// there before it; and it does not keep the pool alive, whose end is to end its tools.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home(Arc<OnceLock<Weak<PoolHandle>>>);

impl Home {
    /// The pool has started.
    pub(crate) fn set(&self, pool: &Arc<PoolHandle>) {
        // Once for each bridge.
        let _ = self.0.set(Arc::downgrade(pool));
    }

    fn pool(&self) -> Option<Arc<PoolHandle>> {
        self.0.get()?.upgrade()
    }
}

/// Calls of the tool that was given the context, whatever task they are made in: they end with it, run in the session of
/// the Python call that called it, and may be run by the very worker that waits for it. When the bridge is gone they
/// are answered with `ShuttingDown`.
impl AsCaller for ToolContext {
    fn caller(&self) -> Caller {
        let pool = self.state::<Home>().and_then(|home| home.pool());
        Caller { pool, chain: self.chain.clone() }
    }
}
