//! Asking [`restarts`](super::restarts) before a worker is started, and telling it and everybody else what became of it.

use std::sync::Arc;
use std::time::Instant;

use super::Pool;
use super::poison::Poison;
use crate::error::{Error, ErrorKind, Executed};
use crate::telemetry::Event;

/// The permission to start the one worker that tells whether starting workers makes sense again. Whoever drops it gives
/// it back.
pub(super) struct Probe {
    pool: Arc<Pool>,
    number: u64,
}

impl Probe {
    /// Its worker has proven itself: all places may start theirs.
    pub(super) fn succeeded(&self) {
        if self.pool.lock().restarts.succeeded(self.number) {
            self.pool.events.emit(Event::CircuitClosed { tool: None });
            self.pool.restarting.notify_waiters();
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.pool.lock().restarts.returned(self.number) {
            self.pool.restarting.notify_waiters();
        }
    }
}

impl Pool {
    /// Waits until a worker may be started.
    pub(super) async fn permission(self: &Arc<Self>) -> Option<Probe> {
        loop {
            let mut changed = std::pin::pin!(self.restarting.notified());
            // What happens from here on is noticed, also before it is first polled.
            changed.as_mut().enable();
            let passed = {
                let mut state = self.lock();
                state.stuck.leaves_room().then(|| state.restarts.may_start(Instant::now()))
            };
            let Some(passed) = passed else {
                changed.await;
                continue;
            };
            match passed {
                Ok(probe) => return probe.map(|number| Probe { pool: Arc::clone(self), number }),
                Err(left) => drop(tokio::time::timeout(left, changed).await),
            }
        }
    }

    /// A worker died quickly, or could not start. When that was one too many, everybody is told, and nothing is started for
    /// a while.
    pub(super) fn count_death(&self, probe: Option<&Probe>) {
        let now = Instant::now();
        let (paused, waiting) = {
            let mut state = self.lock();
            // A start that never went well is reported as what it is.
            if !state.has_served {
                return;
            }
            let alone = state.workers.values().all(|worker| worker.is_retired());
            let paused = match probe {
                Some(probe) => state.restarts.failed(probe.number, now),
                None => None,
            };
            let paused = paused.or_else(|| state.restarts.died(now, alone));
            if paused.is_some() {
                // Workers that die of their start say nothing about the calls that they had.
                state.poison = Poison::default();
                self.trials.forget();
            }
            let waiting = paused.map(|_| state.scheduler.take_waiting(|_| true)).unwrap_or_default();
            (paused, waiting)
        };
        let Some(retry_after) = paused else { return };
        self.events.emit(Event::CircuitOpened { tool: None, retry_after });
        for call in waiting {
            call.complete(Err(Error::new(ErrorKind::CircuitOpen { retry_after }, Executed::Never)));
        }
    }
}
