//! What sessions may cost and how long they live.

use std::time::Duration;

use super::Affinity;
use crate::error::{Error, Result, StartFailure};

/// How sessions are kept. Set by [`Builder::sessions`](crate::Builder::sessions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// How long a session lives that nobody uses: calls in it, and everything done to its state, begin the time anew.
    /// Default 3600 s. `Duration::MAX`: for as long as the bridge.
    pub ttl: Duration,
    /// How many sessions may exist. Default 10 000. No living session makes room for another.
    pub max_sessions: usize,
    /// The most bytes that one value of a session's state takes, encoded. Default 1 MiB.
    pub max_value_bytes: u64,
    /// The most bytes that one session keeps: keys, values and metadata. Default 16 MiB.
    pub max_session_bytes: u64,
    /// The most bytes that all sessions keep together. Default 1 GiB.
    pub max_total_bytes: u64,
    /// Whether a call in a session that is not there creates it. Default: no, it is refused as `session_not_found`.
    pub create_on_use: bool,
    /// Whether a call that names no session runs in one of its tokio task, `task-..`, which is created for it. Default:
    /// no, it runs in none.
    pub auto_session: bool,
    /// Where calls of a session go that say nothing about it. Default: [`Affinity::Hint`].
    pub affinity: Affinity,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(3600),
            max_sessions: 10_000,
            max_value_bytes: 1 << 20,
            max_session_bytes: 16 << 20,
            max_total_bytes: 1 << 30,
            create_on_use: false,
            auto_session: false,
            affinity: Affinity::default(),
        }
    }
}

impl SessionConfig {
    /// Refuses settings under which there could be no session.
    pub(crate) fn check(&self) -> Result<()> {
        let nonsense = if self.ttl.is_zero() {
            "ttl: 0: expected a time for which an unused session lives"
        } else if self.max_sessions == 0 {
            "max_sessions: 0: expected at least 1"
        } else {
            return Ok(());
        };
        let message = format!("`.sessions(SessionConfig {{ {nonsense} }})`");
        Err(Error::start_failed(StartFailure::Configuration, message))
    }
}
