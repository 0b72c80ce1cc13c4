//! Deadlines that go together.

use std::time::Duration;

/// The deadlines of a pool, as they suit one kind of work.
///
/// | | a call | a stream | in the queue |
/// |---|---|---|---|
/// | `Default` | 300 s | 900 s | 10 s |
/// | `Strict` | 60 s | 300 s | 5 s |
/// | `Ml` | 900 s | 3600 s | 60 s |
/// | `Batch` | 3600 s | none | 300 s |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeoutProfile {
    /// What a program has that says nothing.
    #[default]
    Default,
    /// For requests that somebody waits for.
    Strict,
    /// For models, which take long to load and to answer.
    Ml,
    /// For work that nobody waits for.
    Batch,
}

/// The deadlines themselves.
pub(super) struct Timeouts {
    pub(super) call: Duration,
    pub(super) stream: Duration,
    pub(super) queue: Duration,
}

impl TimeoutProfile {
    pub(super) fn timeouts(self) -> Timeouts {
        let (call, stream, queue) = match self {
            Self::Default => (300, 900, 10),
            Self::Strict => (60, 300, 5),
            Self::Ml => (900, 3600, 60),
            Self::Batch => (3600, u64::MAX, 300),
        };
        let [call, stream, queue] = [call, stream, queue].map(Duration::from_secs);
        Timeouts { call, stream, queue }
    }
}
