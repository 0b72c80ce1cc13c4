//! The earliest moment at which something in the pool can expire.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Set by everybody, awaited by the timekeeper. Setting it to a later moment than it has costs one comparison, which is
/// what almost every call does.
#[derive(Debug)]
pub(super) struct Alarm {
    started: Instant,
    /// Nanoseconds after `started`.
    next: AtomicU64,
    sooner: Notify,
}

const NEVER: u64 = u64::MAX;

impl Alarm {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), next: AtomicU64::new(NEVER), sooner: Notify::new() }
    }

    /// Goes off at `when` at the latest.
    pub(super) fn set(&self, when: Option<Instant>) {
        let Some(when) = when else { return };
        let nanoseconds = when.saturating_duration_since(self.started).as_nanos();
        let next = u64::try_from(nanoseconds).unwrap_or(NEVER);
        if next < self.next.load(SeqCst) && next < self.next.fetch_min(next, SeqCst) {
            self.sooner.notify_one();
        }
    }

    /// Waits until it goes off, and clears it: who looks at everything after that sets it again for what is left.
    pub(super) async fn goes_off(&self) {
        loop {
            let next = self.next.load(SeqCst);
            let sleep = async {
                match self.started.checked_add(Duration::from_nanos(next)).filter(|_| next != NEVER) {
                    Some(when) => tokio::time::sleep_until(when.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {
                    self.next.store(NEVER, SeqCst);
                    return;
                }
                () = self.sooner.notified() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_at_the_earliest_moment_it_was_set_to() {
        let alarm = Alarm::new();
        let begun = Instant::now();
        let after = |seconds| begun.checked_add(Duration::from_secs(seconds));
        alarm.set(after(300));
        alarm.set(None);
        let clock = tokio::time::Instant::now();
        let (elapsed, ()) = tokio::join!(
            async {
                alarm.goes_off().await;
                clock.elapsed()
            },
            async { alarm.set(after(2)) }
        );
        assert!(elapsed.as_secs_f64() > 1.9 && elapsed.as_secs_f64() < 2.1, "{elapsed:?}");
        alarm.set(after(5));
        alarm.goes_off().await;
        assert!(clock.elapsed().as_secs_f64() < 5.1, "what was cleared is set again");
    }
}
