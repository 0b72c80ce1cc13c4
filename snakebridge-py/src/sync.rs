//! Atomics by a name of our own: `loom/` includes the modules that are built on them, and puts its own in their place.

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
}
