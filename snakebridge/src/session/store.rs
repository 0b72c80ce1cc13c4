//! What a durable backend of sessions has to do.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::error::Result;

/// Keeps sessions over the end of the host. Set by [`Builder::session_store`](crate::Builder::session_store).
///
/// The host keeps all sessions in memory and asks the store once, at start. After that it tells every change, from a
/// thread of its own, and acknowledges nothing before [`apply`](Self::apply) has returned.
pub trait SessionStore: Debug + Send + 'static {
    /// Everything that was applied, in any order.
    ///
    /// # Errors
    /// When it cannot be read: the bridge does not start.
    fn load(&mut self) -> Result<Vec<StoredSession>>;

    /// Makes changes durable: all of them or none, in this order.
    ///
    /// # Errors
    /// When they are not durable. What the host has in memory is ahead of the store then, so it refuses everything about
    /// sessions from that moment on; a new start reads what the store has.
    fn apply(&mut self, changes: &[Change]) -> Result<()>;
}

/// What is known about a session, apart from its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its id.
    pub id: Arc<str>,
    /// Its metadata, an encoded map.
    pub metadata: Bytes,
    /// When it was created.
    pub created: SystemTime,
    /// How long it had to live when this was recorded; `None` for as long as the bridge.
    pub remaining: Option<Duration>,
    /// When this was recorded. What passes between then and the next start is taken off, by the clock on the wall: no
    /// other one goes on while the host is down.
    pub recorded: SystemTime,
    /// The highest version among keys that were deleted and forgotten: new keys go on from there.
    pub versions_from: u64,
}

/// One change of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The session is new, or something about it has changed. Its values stay.
    Record(SessionRecord),
    /// A key of its state.
    Value {
        /// The session's id.
        session: Arc<str>,
        /// What is kept, replacing what was there.
        value: StoredValue,
    },
    /// A key of its state was deleted for good.
    Forget {
        /// The session's id.
        session: Arc<str>,
        /// The key.
        key: Arc<str>,
    },
    /// The session is over: nothing of it is kept.
    Close {
        /// The session's id.
        session: Arc<str>,
    },
}

/// A key with its version and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValue {
    /// The key.
    pub key: Arc<str>,
    /// Its version.
    pub version: u64,
    /// The encoded value; `None` where it was deleted and only its version is remembered.
    pub value: Option<Bytes>,
}

/// A session as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The last record.
    pub record: SessionRecord,
    /// Its state.
    pub values: Vec<StoredValue>,
}
