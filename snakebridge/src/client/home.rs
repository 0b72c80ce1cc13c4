//! The way back from a tool to the bridge that offers it.

use std::sync::{Arc, OnceLock, Weak};

use super::{AsCaller, Caller, Shared};
use crate::tools::ToolContext;

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
    fn shared(&self) -> Option<Arc<Shared>> {
        self.0.get()?.upgrade()
    }
}

/// Calls of the tool that was given the context, whatever task they are made in: they end with it, run in the session of
/// the Python call that called it, and may be run by the very worker that waits for it. When the bridge is gone they
/// are answered with `ShuttingDown`.
impl AsCaller for ToolContext {
    fn caller(&self) -> Caller {
        let shared = self.state::<Home>().and_then(|home| home.shared());
        Caller::within(shared, self.chain.clone())
    }
}
