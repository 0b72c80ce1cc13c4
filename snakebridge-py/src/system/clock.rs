//! Monotonic time, on the clock that Python's `time.monotonic()` reads.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds on the monotonic clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nanoseconds(pub(crate) u64);

impl Nanoseconds {
    /// The present.
    pub(crate) fn now() -> Self {
        Self::read(ClockId::Monotonic)
    }

    /// The present to within a few milliseconds, several times cheaper: read for every call.
    pub(crate) fn about_now() -> Self {
        #[cfg(target_os = "linux")]
        return Self::read(ClockId::MonotonicCoarse);
        #[cfg(not(target_os = "linux"))]
        Self::now()
    }

    fn read(clock: ClockId) -> Self {
        let time = clock_gettime(clock);
        // A monotonic clock starts at zero: neither part is negative.
        let part = |value: i64| u64::try_from(value).unwrap_or(0);
        Self(part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec))
    }

    /// Whole milliseconds, what the protocol counts in.
    pub(crate) fn milliseconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Seconds, what Python counts in.
    pub(crate) fn seconds(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64()
    }

    /// A later time; the end of all time where that is beyond what can be counted.
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was, zero if it was not.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
