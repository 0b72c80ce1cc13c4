//! The way back from a tool to the bridge that offers it.

use std::sync::{Arc, OnceLock, Weak};

use super::Shared;

/// The bridge that a tool's calls go to. It is among the [`States`](crate::tools::States) that tools share, because tools are
/// there before it; and it does not keep the bridge alive, whose end is to end its tools.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home(Arc<OnceLock<Weak<Shared>>>);

impl Home {
    /// The bridge has started.
    pub(crate) fn set(&self, shared: &Arc<Shared>) {
        // Once for each bridge.
        let _ = self.0.set(Arc::downgrade(shared));
    }

    /// The bridge, while somebody uses it.
    pub(crate) fn shared(&self) -> Option<Arc<Shared>> {
        self.0.get()?.upgrade()
    }
}
