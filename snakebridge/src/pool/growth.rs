//! Doing what [`scaling`](super::scaling) calls for: opening places for workers, and closing them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::scaling::{Load, PATIENCE, Scaling};
use super::{Pool, slot};

/// How often it is looked whether workers idle, at the least.
const RARELY: Duration = Duration::from_secs(1);

/// A place for a worker, counted for as long as it is kept filled.
pub(super) struct Place(Arc<Pool>);

impl Place {
    pub(super) fn new(pool: &Arc<Pool>) -> Self {
        pool.places.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(pool))
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.places.fetch_sub(1, Ordering::SeqCst);
        // Those that are left may all have workers.
        self.0.occupied.notify_waiters();
    }
}

impl Pool {
    /// Places for workers, filled or not.
    pub(super) fn places(&self) -> usize {
        self.places.load(Ordering::SeqCst)
    }
}

/// Grows and shrinks `pool` until it ends.
pub(super) async fn run(pool: Arc<Pool>, scaling: Scaling) {
    let mut life = pool.life.subscribe();
    let rarely = (scaling.idle_timeout / 4).clamp(PATIENCE, RARELY);
    let mut crowded = false;
    loop {
        let look_again = if crowded { PATIENCE / 2 } else { rarely };
        tokio::select! {
            () = tokio::time::sleep(look_again) => {}
            () = pool.crowded.notified(), if !crowded => {}
            () = super::ending(&mut life) => return,
        }
        let load = pool.load(Instant::now());
        crowded = load.waiting > 0;
        let step = scaling.step(&load);
        for _ in 0..step.grow {
            // Nobody waits for how their first starts go.
            let (first, _) = mpsc::unbounded_channel();
            pool.tasks.spawn(slot::keep(Place::new(&pool), first));
        }
        for worker in step.dismiss {
            pool.dismiss(worker);
        }
    }
}

impl Pool {
    fn load(&self, now: Instant) -> Load {
        let state = self.lock();
        let serving: Vec<_> = state.workers.values().filter(|worker| !worker.is_retired()).collect();
        let idle = serving.iter().filter_map(|worker| {
            let since = state.scheduler.idle_since(worker.number, worker.ready)?;
            Some((worker.number, now.saturating_duration_since(since)))
        });
        let (waiting, first) = state.scheduler.crowd();
        Load {
            places: self.places(),
            serving: serving.len(),
            waiting,
            waited: first.map_or(Duration::ZERO, |admitted| now.saturating_duration_since(admitted)),
            idle: idle.collect(),
        }
    }

    /// A worker leaves, and nobody takes its place.
    fn dismiss(&self, number: u64) {
        let worker = self.lock().workers.get(&number).cloned();
        if let Some(worker) = worker {
            worker.dismiss();
            self.retire(&worker, || "it had nothing to do".to_owned());
        }
    }
}
