//! Workers that are ready and serve nothing: each takes the place of the next one that is lost, or is to be replaced, at
//! once, and another one is started in its stead.
//!
//! They are started when every place has a worker: who serves comes first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::backoff::Backoff;
use super::permission::Probe;
use super::restarts::{PROVEN, is_quick};
use super::slot::{Occupant, is_shortage, jitter};
use super::{Life, Pool, State};
use crate::telemetry::Event;
use crate::worker::Worker;

/// A worker that waits for a place.
pub(super) struct Spare {
    occupant: Occupant,
    /// How long its start took.
    after: Duration,
    /// Who keeps it hears that it was taken, or that it is gone.
    taken: oneshot::Sender<()>,
}

/// Workers that wait for a place, those that have waited longest first.
#[derive(Default)]
pub(super) struct Spares(Vec<Spare>);

impl Spares {
    pub(super) fn workers(&self) -> impl Iterator<Item = &Arc<Worker>> {
        self.0.iter().map(|spare| &spare.occupant.worker)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The worker of that number waits no more. True when it did.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let index = self.0.iter().position(|spare| spare.occupant.worker.number == number);
        index.map(|index| drop(self.0.remove(index))).is_some()
    }

    fn take(&mut self) -> Option<Spare> {
        let index = self.0.iter().position(|spare| !spare.occupant.worker.is_retired())?;
        Some(self.0.remove(index))
    }
}

/// What became of a spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It has a place.
    Seated,
    /// Another one is to take its stead.
    Replaced,
    /// It died, or said that it takes no calls.
    Lost,
}

/// Keeps one worker ready until the pool ends.
pub(super) async fn keep(pool: Arc<Pool>) {
    let mut backoff = Backoff::default();
    let mut life = pool.life.subscribe();
    loop {
        let started = async {
            pool.all_serve().await;
            let probe = pool.permission().await;
            let (begun, number) = (Instant::now(), pool.number());
            (number, pool.start_worker(number).await, begun.elapsed(), probe)
        };
        let (number, started, after, probe) = tokio::select! {
            started = started => started,
            () = super::ending(&mut life) => return,
        };
        let wait = match started {
            Ok(worker) => {
                let worker = Arc::new(worker);
                let (fate, ()) = tokio::join!(pool.stand_by(&worker, after), prove(&worker, probe.as_ref()));
                let quickly = fate == Fate::Lost && is_quick(worker.age(Instant::now()), false);
                if quickly && *pool.life.borrow() == Life::Running {
                    pool.count_death(probe.as_ref());
                }
                backoff.next(quickly, jitter())
            }
            Err(error) => {
                // As for those that are to serve.
                if !error.is_permanent() && !is_shortage(&error) {
                    pool.count_death(probe.as_ref());
                }
                let wait = backoff.next(true, jitter());
                pool.events.emit(Event::StartFailed {
                    pool: pool.name(),
                    worker: number,
                    error: error.to_string(),
                    retry_in: Some(wait),
                });
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = super::ending(&mut life) => return,
        }
    }
}

impl State {
    /// All workers that live: those that serve, those that drain, and the spares.
    pub(super) fn living(&self) -> impl Iterator<Item = &Arc<Worker>> {
        self.workers.values().chain(self.spares.workers())
    }
}

impl Pool {
    /// Waits until every place has a worker.
    async fn all_serve(&self) {
        loop {
            let changed = self.occupied.notified();
            let serving = self.lock().workers.values().filter(|worker| !worker.is_retired()).count();
            if serving >= self.places() {
                return;
            }
            changed.await;
        }
    }

    /// Has `worker` wait until it has a place, or has ended.
    async fn stand_by(self: &Arc<Self>, worker: &Arc<Worker>, after: Duration) -> Fate {
        let (sender, mut taken) = oneshot::channel();
        self.introduce(worker);
        self.events.emit(Event::WorkerSpare { pool: self.name(), worker: worker.number, pid: worker.pid, after });
        {
            // Should it end now, it is there when that is settled.
            let mut state = self.lock();
            let occupant = self.occupant(Arc::clone(worker));
            state.spares.0.push(Spare { occupant, after, taken: sender });
        }
        self.spare_ready.notify_waiters();
        let reason = tokio::select! {
            taken = &mut taken => return fate(&taken),
            () = worker.retired() => None,
            reason = worker.successor_wanted() => Some(reason),
        };
        // Whoever takes it first has it.
        if !self.lock().spares.remove(worker.number) {
            return fate(&taken.await);
        }
        let fate = if reason.is_some() { Fate::Replaced } else { Fate::Lost };
        if let Some(reason) = reason {
            self.retire(worker, || reason);
        }
        if worker.begin_to_end() {
            worker.stop(self.config.worker.exit_grace).await;
        }
        fate
    }

    /// Gives a worker that is ready a place, if there is one.
    pub(super) fn seat_spare(&self) -> Option<Occupant> {
        let Spare { occupant, after, taken } = {
            let mut state = self.lock();
            let spare = state.spares.take()?;
            // At once: should it end now, it is in its place when that is settled.
            self.seat(&mut state, &spare.occupant.worker);
            spare
        };
        // Who keeps it waits for nothing else.
        let _ = taken.send(());
        self.seated(&occupant.worker, after);
        Some(occupant)
    }
}

/// A worker that is a probe has proven itself when it has lived for a while, wherever it is.
async fn prove(worker: &Worker, probe: Option<&Probe>) {
    let Some(probe) = probe else { return };
    tokio::select! {
        () = tokio::time::sleep(PROVEN) => probe.succeeded(),
        () = worker.gone() => {}
    }
}

/// Whoever took it has said so; nobody does for one that has ended.
fn fate(taken: &Result<(), oneshot::error::RecvError>) -> Fate {
    if taken.is_ok() { Fate::Seated } else { Fate::Lost }
}
