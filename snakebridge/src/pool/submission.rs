//! A call to be made, as it comes to the pool.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::body::{Function, InputStream};
use crate::link::{Chain, Handling, Kept, ToolName};
use crate::manifest::SessionUse;
use crate::session::{Affinity, Need, Pin};

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
    /// What it needs of a worker besides.
    pub need: Need,
    /// What must not go before it is over: the objects among its arguments.
    pub kept: Kept,
}

/// A call to be made.
pub(crate) struct Submission {
    /// The tool.
    pub target: ToolName,
    /// The encoded arguments.
    pub body: Vec<u8>,
    /// The streams among them.
    pub inputs: Vec<InputStream>,
    /// The functions of the host among them.
    pub functions: Vec<Function>,
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
    /// The only worker that it is for, when it runs in no session.
    pub worker: Option<u64>,
}
