//! In what circumstances a tool was called.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::States;
use crate::deadlock::Waits;
use crate::link::Chain;
use crate::session::SessionState;
use crate::telemetry::Progress;

/// In what circumstances a tool was called. A `#[tool]` function that has a parameter `&ToolContext` gets it.
#[derive(Debug, Clone, Default)]
pub struct ToolContext {
    pub(crate) session: Option<Arc<str>>,
    pub(crate) session_state: Option<SessionState>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) cancellation: CancellationToken,
    pub(crate) states: Arc<States>,
    /// Who has what and who waits for what.
    pub(crate) waits: Arc<Waits>,
    /// What calls that the tool makes are part of.
    pub(crate) chain: Option<Chain>,
}

impl ToolContext {
    /// The session of the Python call that called this tool, as that call's caller named it.
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// What that session keeps: the same keys and values as `context.state` in Python. `None` where the call runs in none.
    pub fn session_state(&self) -> Option<&SessionState> {
        self.session_state.as_ref()
    }

    /// The correlation id of the Python call that called this tool, or the name that was made up for that; `None` where no
    /// Python call did. What the tool calls has it too, unless it is given another.
    pub fn correlation_id(&self) -> Option<String> {
        self.chain.as_ref()?.correlation_id()
    }

    /// The span of a trace in which the tool was called, as W3C Trace Context writes it: the one that was current in Python, if a
    /// tracing library such as `OpenTelemetry` has one there, or else the one that the Python call was given
    /// ([`Call::traceparent`](crate::Call::traceparent)). What the tool calls has it too, unless it is given another.
    pub fn traceparent(&self) -> Option<String> {
        self.chain.as_ref()?.traceparent()
    }

    /// Tells how far the tool is, as the progress of the call that it serves: whoever made that in Rust, and listens by
    /// [`on_progress`](crate::Call::on_progress), hears it as if its Python tool had said so. Of several that come before
    /// anybody looks the last counts. Nobody hears it where the tool was called from Rust.
    pub fn progress(&self, progress: Progress) {
        if let Some(chain) = &self.chain {
            chain.has_come(progress);
        }
    }

    /// When the caller stops waiting.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long the caller still waits.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether nobody waits for the result any more: the caller has given up, a deadline or the tool's own timeout has
    /// passed, or the tool has ended, which is news to what it has left behind.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// Ends when nobody waits for the result any more.
    pub async fn cancelled(&self) {
        self.cancellation.cancelled().await;
    }

    /// What the builder was given by `.state(..)` of this type.
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.states.get()
    }
}
