//! Sessions: what the host keeps between calls, and where the calls of one session go.
//!
//! [`table`] is the state machine, without I/O and without a clock; [`service`] gives it both, and [`writer`] hands
//! what it changes to a durable [`SessionStore`]. [`state`] is the state of one session as Rust sees it, [`system`] the
//! same for Python, [`affinity`] what ties a session to a worker, and [`releases`] what workers need keep for it no longer.

mod affinity;
mod config;
mod identity;
#[cfg(feature = "redb")]
mod redb_store;
mod releases;
mod service;
mod state;
mod store;
mod system;
mod table;
mod writer;

pub use self::affinity::Affinity;
pub(crate) use self::affinity::{Binding, Need, Tie};
pub use self::config::SessionConfig;
pub(crate) use self::identity::Identity;
pub use self::identity::SessionName;
#[cfg(feature = "redb")]
pub use self::redb_store::RedbStore;
pub(crate) use self::releases::{Holder, Released, Releases};
pub(crate) use self::service::{Pin, Sessions};
pub use self::state::SessionState;
pub use self::store::{Change, SessionRecord, SessionStore, StoredSession, StoredValue};
pub use self::table::SessionInfo;
