//! What a caller asks a pool for.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::body::InputStream;
use crate::link::{Chain, Handling, ToolName};
use crate::manifest::SessionUse;
use crate::session::{Affinity, Pin};

/// In which session a call is made, and how.
pub(crate) struct InSession {
    /// The session, which lives until the call is over.
    pub pin: Pin,
    /// Where the call says that it goes.
    pub affinity: Option<Affinity>,
    /// Where it goes if neither it nor its tool says anything.
    pub default_affinity: Affinity,
    /// What its tool needs of the session by what Rust says of it.
    pub needs: SessionUse,
}

/// A call to be made.
pub(crate) struct Submission {
    /// The tool.
    pub target: ToolName,
    /// The encoded arguments.
    pub body: Vec<u8>,
    /// The streams among them.
    pub inputs: Vec<InputStream>,
    /// Whether items are wanted.
    pub stream: bool,
    /// When the caller made the call: its deadline counts from here.
    pub created: Instant,
    /// The tool that makes it, if one does: it has no more time.
    pub chain: Option<Chain>,
    /// The deadline, if it is not the pool's.
    pub timeout: Option<Duration>,
    /// The session.
    pub session: Option<InSession>,
    /// The metadata map.
    pub meta: Option<Bytes>,
    /// Whether it may be repeated.
    pub idempotent: bool,
    /// How it is to be treated.
    pub handling: Handling,
}
