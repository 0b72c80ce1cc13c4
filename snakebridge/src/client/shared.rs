//! What all callers of a bridge share.

use crate::pool::Pools;

/// Kept alive by the bridge and everything that calls through it. Its end is the end of the workers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) pools: Pools,
}
