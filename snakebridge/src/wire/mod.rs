//! The wire protocol as a state machine without I/O: bytes and times in, bytes and events out.
//!
//! Nothing here knows of sockets, processes, threads or clocks. The host drives a [`Peer`] with tokio, the Python
//! extension drives the same one with plain threads, and a test drives two of them against each other in a loop. The
//! normative description of what travels is `docs/protocol.md`; golden vectors are under `tests/vectors/`.
//!
//! Bodies travel unopened; [`body`](crate::body) fills and reads them.
//!
//! Reading order: [`frame`] (what can be said), [`codec`] (how it is written down), [`credit`], [`table`] and [`fragment`]
//! (the three pieces of bookkeeping), [`peer`] (the state machine).

mod call_name;
pub mod codec;
pub mod credit;
mod executed;
pub mod fragment;
pub mod frame;
pub mod limits;
pub mod msgpack;
pub mod peer;
pub mod table;
mod violation;

pub use call_name::CallName;
pub use executed::Executed;
pub use fragment::Body;
pub use frame::Header;
pub use limits::Limits;
pub use peer::{Event, Peer, Role};
pub use violation::Violation;

/// The eight bytes a worker writes before its first frame: `SNKB`, then the major version of the framing.
///
/// Whatever a Python start-up prints before them (a banner of `sitecustomize`, a `.pth` file) is skipped, never taken
/// for a length.
pub const MAGIC: [u8; 8] = *b"SNKB\0\0\0\x01";

/// How many bytes of noise may come before [`MAGIC`].
pub const MAX_NOISE: usize = 64 * 1024;

/// The protocol versions this crate speaks, oldest and newest.
pub const VERSIONS: (u64, u64) = (1, 1);

/// Milliseconds on a monotonic clock of the driver's choice. The wire never asks for the time, it is told.
pub type Millis = u64;
