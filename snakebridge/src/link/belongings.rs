//! What a call has until it is over: streams among its arguments, and its stay in a session.

use std::any::Any;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::body::InputStream;
use crate::deadlock::Claim;
use crate::session::Pin;

/// The streams among a call's arguments.
pub(super) struct Inputs {
    /// Until somebody pulls them.
    pub(super) streams: Option<Vec<InputStream>>,
    /// Whether something was pulled: the call cannot begin anew elsewhere.
    pub(super) pulled: bool,
    /// Told whenever the call has changed its place, has ended, or a stream has got room.
    pub(super) changed: Arc<Notify>,
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("pulled", &self.pulled).finish_non_exhaustive()
    }
}

/// A call's stay in a session.
#[derive(Debug)]
pub(super) struct Stay {
    /// Keeps the session.
    pub(super) _pin: Pin,
    /// What must not go meanwhile: the objects among its arguments.
    pub(super) _kept: Vec<Arc<dyn Any + Send + Sync>>,
    /// What it has of the session for itself, or waits for.
    pub(super) claim: Option<Claim>,
}
