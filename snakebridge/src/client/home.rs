//! The way back from a tool to the bridge that offers it.

use std::sync::{Arc, OnceLock, Weak};

use crate::pool::PoolHandle;

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

    /// The pool, while somebody uses it.
    pub(crate) fn pool(&self) -> Option<Arc<PoolHandle>> {
        self.0.get()?.upgrade()
    }
}
