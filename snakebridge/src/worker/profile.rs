//! How a worker runs the calls that it has.

use crate::error::{Error, Result, StartFailure};

/// The most threads of one worker. Each costs memory, and they share one interpreter.
const MAX_THREADS: usize = 1024;
/// Calls a worker with threads has beyond those that run, so that a thread that gets free finds its next call there.
const AHEAD: usize = 16;
/// Calls and streams that one worker of the other profiles has at once.
const MANY: usize = 1000;

/// How each worker runs its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// One call at a time: what suits tools that compute, and what can always be stopped, because the process can. More
    /// workers do more at once.
    #[default]
    Process,
    /// So many synchronous tools at once, each on a thread of its own: for tools that wait, or compute in C without the
    /// interpreter's lock. A call that does not react to its cancellation costs the worker, once its other calls have
    /// ended.
    Threads(usize),
    /// Up to a thousand calls at once: for `async def` tools, which overlap on one loop. A call that does not react to
    /// its cancellation costs the worker, once its other calls have ended.
    Async,
}

impl Profile {
    /// Refuses what no worker can be.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Threads(threads) if !(1..=MAX_THREADS).contains(&threads) => Err(Error::start_failed(
                StartFailure::Configuration,
                format!("`.profile(Profile::Threads({threads}))`: expected 1 to {MAX_THREADS} threads"),
            )),
            _ => Ok(()),
        }
    }

    /// How many threads the worker starts for its tools; 0: none, they run where calls arrive.
    pub(crate) fn threads(self) -> usize {
        match self {
            Self::Threads(threads) => threads,
            Self::Process | Self::Async => 0,
        }
    }

    /// How many calls and streams the worker has at once.
    pub(crate) fn concurrency(self) -> usize {
        match self {
            Self::Threads(threads) => threads + AHEAD,
            Self::Process | Self::Async => MANY,
        }
    }

    /// Whether one call's end must wait for the others'.
    pub(crate) fn runs_many(self) -> bool {
        self != Self::Process
    }
}
