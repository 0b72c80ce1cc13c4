//! The atomics that the threads of a worker share, under every interleaving and every order of memory that C11 allows.
//!
//! What is checked is the product's own source, included by its path: there, `crate::sync` is the standard library's; here
//! it is [loom](https://docs.rs/loom)'s. Each model is a few steps of each thread, as short as they can be and still meet
//! in every way; `tests/models.rs` runs them.

// What the models do not use is used by the worker.
#![allow(dead_code, unreachable_pub)]

/// In place of the worker's own.
mod sync {
    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
    }
}

/// Time stands still in a model.
mod system {
    pub(crate) mod clock {
        use std::time::Duration;

        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct Nanoseconds(pub(crate) u64);

        impl Nanoseconds {
            pub(crate) fn about_now() -> Self {
                Self(0)
            }

            pub(crate) fn since(self, earlier: Self) -> Duration {
                Duration::from_nanos(self.0 - earlier.0)
            }
        }
    }
}

#[path = "../../snakebridge-py/src/core/activity.rs"]
mod activity;
#[path = "../../snakebridge-py/src/core/call_state.rs"]
mod call_state;

pub mod cancelling;
pub mod watching;
