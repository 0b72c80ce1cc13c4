//! The way back from a tool to the bridge that offers it.

use std::sync::{Arc, OnceLock, Weak};

use super::Shared;

/// What the calls of a tool go through. It is among the [`States`](crate::tools::States) that tools share, because tools are
/// there before it; and it does not keep the pools alive, whose end is to end their tools.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home(Arc<OnceLock<Weak<Shared>>>);

impl Home {
    /// The pools have started.
    pub(crate) fn set(&self, shared: &Arc<Shared>) {
        // Once for each bridge.
        let _ = self.0.set(Arc::downgrade(shared));
    }

    /// What it is the way to, while somebody uses that.
    pub(crate) fn shared(&self) -> Option<Arc<Shared>> {
        self.0.get()?.upgrade()
    }
}
