//! One task that looks after the workers of a pool now and then: asks idle ones whether they are there, looks in what
//! condition all are, and measures those that have a limit, and the memory that is left for calls that wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::health::{Health, Step};
use super::recycling::{Condition, Worn};
use super::{Pool, State};
use crate::worker::{Worker, descriptors, memory};

/// How often memory is measured: that of workers which may not have too much, and what is left.
const SAMPLE: Duration = Duration::from_millis(250);
/// The shortest time between two looks: a look costs a system call for each worker.
const SHORTEST: Duration = Duration::from_millis(10);
/// The longest: what is asked for may be more than clocks can tell.
const LONGEST: Duration = Duration::from_hours(24);

pub(super) async fn run(pool: Arc<Pool>) {
    let mut life = pool.life.subscribe();
    let (interval, limits) = (pool.config.health_interval.clamp(SHORTEST, LONGEST), pool.config.recycling);
    let measures = limits.memory.is_some() || pool.config.memory_reserve.is_some();
    let sample = if measures { SAMPLE } else { interval };
    let age = limits.age.map_or(interval, |age| (age / 20).max(SHORTEST));
    let mut ticks = tokio::time::interval(interval.min(sample).min(age));
    // After a time in which nothing ran, this program's own silence is not the workers'.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut health, mut asked) = (Health::default(), None);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = super::ending(&mut life) => return,
        }
        let workers: Vec<Arc<Worker>> = pool.lock().living().cloned().collect();
        let now = Instant::now();
        if asked.is_none_or(|asked| now.saturating_duration_since(asked) >= interval) {
            asked = Some(now);
            health.keep(|number| workers.iter().any(|worker| worker.number == number));
            for worker in &workers {
                pool.ask(&mut health, worker);
                worker.remind_of_drops();
                if let Some(complaint) = condition(worker).complaint() {
                    worker.ask_for_successor(complaint);
                }
            }
        }
        if measures || limits.age.is_some() {
            pool.measure(workers, now).await;
        }
    }
}

/// Some small files of the kernel, for each worker: no reason for another thread.
fn condition(worker: &Worker) -> Condition {
    Condition { descriptors: descriptors::of(worker.pid), has_moved: worker.has_moved() }
}

impl Pool {
    /// Asks a worker whether it is there, and ends it when it has been silent for too long.
    fn ask(&self, health: &mut Health, worker: &Arc<Worker>) {
        let idle = worker.link.in_flight() == 0 && !worker.is_retired();
        match health.look(worker.number, idle, worker.link.last_pong()) {
            Step::Ask(question) => worker.link.ping(question),
            Step::Leave => {}
            Step::End => {
                // A call that is given to it at this very moment never runs there, and goes elsewhere.
                self.lock().scheduler.close_worker(worker.number);
                worker.kill("it was idle and did not answer three times");
            }
        }
    }

    /// Looks whether workers have had enough, and how much memory is left.
    async fn measure(&self, workers: Vec<Arc<Worker>>, now: Instant) {
        let (weighs, reserves) = (self.config.recycling.memory.is_some(), self.config.memory_reserve.is_some());
        let pids: Vec<u32> = workers.iter().map(|worker| worker.pid).collect();
        // Reading a large process's figures takes the kernel a while.
        let measured = tokio::task::spawn_blocking(move || {
            let left = if reserves { memory::left() } else { None };
            let weigh = |pid| if weighs { memory::proportional(pid) } else { None };
            (pids.into_iter().map(weigh).collect::<Vec<_>>(), left)
        });
        // An error means that the runtime is going down.
        let Ok((measured, left)) = measured.await else { return };
        if reserves {
            self.lock().scheduler.set_memory_left(left);
        }
        for (worker, memory) in workers.iter().zip(measured) {
            let calls = self.lock().scheduler.answered_by(worker.number);
            self.recycle_if_worn(worker, Worn { calls, age: worker.age(now), memory });
        }
    }

    /// What a worker that has answered a call has been through, if that matters.
    pub(super) fn worn(&self, state: &State, worker: u64, now: Instant) -> Option<(Arc<Worker>, Worn)> {
        self.config.recycling.calls?;
        let calls = state.scheduler.answered_by(worker);
        let worker = state.workers.get(&worker)?;
        Some((Arc::clone(worker), Worn { calls, age: worker.age(now), memory: None }))
    }

    /// Has a worker replaced if it has had enough.
    pub(super) fn recycle_if_worn(&self, worker: &Worker, worn: Worn) {
        if let Some(reason) = self.config.recycling.reason(worn, worker.jitter) {
            worker.ask_for_successor(reason);
        }
    }
}
