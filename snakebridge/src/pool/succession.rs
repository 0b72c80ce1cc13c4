//! Replacing a worker that has served long enough: the one that takes its place is ready before it gets no more calls, so
//! that nobody waits and no call fails. One at a time in a pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::SemaphorePermit;

use super::Pool;
use super::slot::Occupant;
use crate::error::{Error, ErrorKind, Result};
use crate::telemetry::Event;
use crate::worker::Worker;

/// After a successor that could not start.
const PAUSE: Duration = Duration::from_secs(5);

/// A worker that serves, and whose place is still another's.
pub(super) struct Successor<'a> {
    pub(super) occupant: Occupant,
    /// Why the other one leaves.
    pub(super) reason: String,
    /// Until that has happened, no other worker is replaced.
    pub(super) turn: SemaphorePermit<'a>,
}

impl Pool {
    /// Waits until `worker` is to be replaced, and lets the one that takes its place serve: a spare, or one that is started
    /// for it. Dropped when `worker` ends before
    /// that: its place is then filled like any other.
    pub(super) async fn successor(self: &Arc<Self>, worker: &Worker) -> Successor<'_> {
        let reason = worker.successor_wanted().await;
        loop {
            // Never closed, so never an error.
            let Ok(turn) = self.successions.acquire().await else { std::future::pending().await };
            if let Some(occupant) = self.seat_spare() {
                return Successor { occupant, reason, turn };
            }
            let (begun, number) = (Instant::now(), self.number());
            worker.note_successor(None);
            match self.start_worker(number).await {
                Ok(worker) => return Successor { occupant: self.admit(worker, begun.elapsed()), reason, turn },
                Err(error) => {
                    if let ErrorKind::StartFailed { why, message } = error.kind()
                        && why.is_permanent()
                    {
                        worker.note_successor(Some((*why, message.clone())));
                    }
                    let (error, retry_in) = (error.to_string(), Some(PAUSE));
                    self.events.emit(Event::StartFailed { pool: self.name(), worker: number, error, retry_in });
                }
            }
            // Others may try meanwhile.
            drop(turn);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Replaces the worker of that number, and waits until it gets no more calls, or none can take its place.
    pub(super) async fn recycle(&self, number: u64) -> Result<()> {
        let worker = self.lock().living().find(|worker| worker.number == number).cloned();
        let Some(worker) = worker else {
            return Err(Error::invalid_argument(format!(
                "there is no worker {number}: `workers()` tells the numbers of those that live"
            )));
        };
        worker.ask_for_successor("it was asked for".to_owned());
        tokio::select! {
            () = worker.retired() => Ok(()),
            // It is replaced for another reason, or nothing is any more.
            () = worker.gone() => Ok(()),
            error = worker.no_successor() => Err(error),
        }
    }
}
