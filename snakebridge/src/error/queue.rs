//! Why there is no room for a call that would have to wait.

use std::fmt;

/// Which bound of a pool's queue leaves no room for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueueLimit {
    /// So many calls wait already: the pool's `queue_limit`.
    Calls(usize),
    /// So many calls wait for the one worker that this call's session ties it to, or for their turn in that session: a
    /// worker's share of the pool's `queue_limit`.
    Worker(usize),
    /// With this call's, the arguments of all that wait would have more than so many bytes: the pool's `queue_bytes`.
    Bytes(u64),
    /// The machine, or the control group of this program, has only so many bytes of memory left, which is less than the
    /// pool's `memory_reserve`.
    Memory(u64),
}

impl fmt::Display for QueueLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls(calls) => write!(f, "{calls} calls wait, as many as `queue_limit` allows"),
            Self::Worker(calls) => {
                write!(f, "{calls} calls wait for the worker of this session or in it, its share of `queue_limit`")
            }
            Self::Bytes(bytes) => {
                write!(
                    f,
                    "the arguments of all that wait would have more than {bytes} bytes, which `queue_bytes` allows"
                )
            }
            Self::Memory(left) => write!(f, "{} MiB of memory are left, less than `memory_reserve`", left >> 20),
        }
    }
}
