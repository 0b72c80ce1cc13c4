//! One place of the pool: keeps a living worker in it.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::backoff::Backoff;
use super::growth::Place;
use super::permission::Probe;
use super::restarts::{PROVEN, is_quick};
use super::scheduler::Capacity;
use super::{Life, Pool, Shortage, State, batching, offer};
use crate::body;
use crate::error::{Error, ErrorKind, Result, StartFailure};
use crate::link::{Answer, Incoming, Link, PendingCall, Service, Told};
use crate::manifest::Manifest;
use crate::telemetry::{Ear, Event, Origin};
use crate::wire::frame::event_class;
use crate::worker::Worker;

/// What one worker's connection needs of the pool.
struct Surroundings {
    // Weak: a connection must not keep alive the pool whose end is to end it.
    pool: Weak<Pool>,
    worker: u64,
    ear: Arc<Ear>,
    /// Where host tools run: what came may be delivered by a caller that is in no runtime at all.
    runtime: Handle,
}

impl Service for Surroundings {
    fn call(&self, link: &Arc<Link>, call: Incoming) {
        if let Some(pool) = self.pool.upgrade()
            && let Some(call) = pool.serve_registration(link, call)
        {
            pool.registry.serve(&self.runtime, link, call);
        }
    }

    fn cancel(&self, id: u64) {
        if let Some(pool) = self.pool.upgrade() {
            pool.registry.cancel(self.worker, id);
        }
    }

    fn arrived(&self, call: &Arc<PendingCall>) {
        if let Some(pool) = self.pool.upgrade() {
            pool.arrived(self.worker, call);
        }
    }

    fn answering(&self, call: &Arc<PendingCall>) {
        if let Some(pool) = self.pool.upgrade() {
            pool.answering(self.worker, call);
        }
    }

    fn gave_up(&self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.look_after_grace(Instant::now());
        }
    }

    fn told(&self, Told { class, call, dropped, body }: Told) {
        if class == event_class::PROGRESS
            && let Some(call) = &call
            && let Ok(progress) = body::decode(&body)
        {
            call.has_come(progress);
        }
        let silent = self.ear.origin();
        let origin = match call {
            None => silent,
            Some(call) => Origin {
                tool: Some(call.request.target.to_shared()),
                session: call.request.session.clone(),
                correlation_id: call.correlation_id().map(Into::into),
                ..silent
            },
        };
        self.ear.event(class, origin, &body, dropped);
    }

    fn failed(&self, call: &Arc<PendingCall>, error: Error) -> Option<Error> {
        match self.pool.upgrade() {
            Some(pool) => pool.try_again(self.worker, call, error),
            None => Some(error),
        }
    }

    fn finished(&self, call: &Arc<PendingCall>, answer: Answer) {
        if let Some(pool) = self.pool.upgrade() {
            pool.finished(self.worker, call, answer);
        }
    }
}

/// How often a start that ends without a word (killed, say) is tried again before it is reported.
const SILENT_STARTS: u32 = 3;

/// A worker that is ready, and the task that settles what it leaves when it ends.
pub(super) struct Occupant {
    pub(super) worker: Arc<Worker>,
    end: JoinHandle<Departure>,
}

/// Starts a worker, waits for its end, starts the next one; until the pool ends. `first` hears how the first start went.
pub(super) async fn keep(place: Place, first: UnboundedSender<Result<()>>) {
    let pool = place.pool();
    let mut first = Some(first);
    let mut report = |result| {
        // The pool's start listens until it has heard enough.
        drop(first.take().map(|first| first.send(result)));
    };
    let mut backoff = Backoff::default();
    let mut failures = 0;
    let mut life = pool.life.subscribe();
    loop {
        let begun = Instant::now();
        let occupied = async {
            let probe = loop {
                let ready = pool.spare_ready.notified();
                if let Some(spare) = pool.seat_spare() {
                    return (0, Ok(spare), None);
                }
                tokio::select! {
                    probe = pool.permission() => break probe,
                    () = ready => {}
                }
            };
            let number = pool.number();
            let started = pool.start_worker(number).await;
            (number, started.map(|worker| pool.admit(worker, begun.elapsed())), probe)
        };
        let (number, occupied, probe) = tokio::select! {
            occupied = occupied => occupied,
            () = super::ending(&mut life) => return,
        };
        let wait = match occupied {
            Ok(occupant) => {
                failures = 0;
                report(Ok(()));
                let (departure, lived) = pool.serve(occupant, probe.as_ref()).await;
                if departure.dismissed {
                    return;
                }
                let quickly = !departure.by_host && is_quick(lived, departure.worked);
                if quickly {
                    pool.count_death(probe.as_ref());
                }
                backoff.next(quickly, jitter())
            }
            Err(error) => {
                failures += 1;
                let for_good = pool.start_failed(&error);
                let wait = (!for_good).then(|| backoff.next(true, jitter()));
                pool.events.emit(Event::StartFailed {
                    pool: pool.name(),
                    worker: number,
                    error: error.to_string(),
                    retry_in: wait,
                });
                let silent = matches!(error.kind(), ErrorKind::StartFailed { why: StartFailure::Exit, .. });
                // What is there for good has its own way of telling callers, and so has a machine that has no room.
                if !error.is_permanent() && !is_shortage(&error) {
                    pool.count_death(probe.as_ref());
                }
                if !silent || failures >= SILENT_STARTS {
                    report(Err(error));
                }
                match wait {
                    Some(wait) => wait,
                    None => return,
                }
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = super::ending(&mut life) => return,
        }
    }
}

/// A random number from 0 to 50: a fresh random key is as random as this needs.
pub(super) fn jitter() -> u32 {
    u32::try_from(RandomState::new().hash_one(0) % 51).unwrap_or(25)
}

/// Whether the machine had no room for a worker: no worker's fault, and no reason to stop trying.
pub(super) fn is_shortage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Resource { .. })
}

/// How a place became free.
#[derive(Debug, Clone, Copy)]
pub(super) struct Departure {
    /// The host ended its worker.
    by_host: bool,
    /// The worker had done something, or was about to.
    worked: bool,
    /// Nobody is to take its place.
    dismissed: bool,
}

impl Pool {
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) async fn start_worker(self: &Arc<Self>, number: u64) -> Result<Worker> {
        // A few at a time: a hundred interpreters that import at once help nobody. Never closed, so never an error.
        let _permit = self.starts.acquire().await;
        let ear = Arc::new(Ear::new(self.records.clone(), self.name(), number));
        let (pool, runtime) = (Arc::downgrade(self), Handle::current());
        let surroundings = Arc::new(Surroundings { pool, worker: number, ear: Arc::clone(&ear), runtime });
        let known = |hash: &str| self.lock().manifests.get(hash).cloned();
        let stuck = |pid, gone| self.give_up(number, pid, gone);
        let worker = Worker::start(number, &self.config.worker, surroundings, ear, known, stuck).await?;
        self.check_offer(&worker.manifest)?;
        Ok(worker.with_jitter(jitter()))
    }

    /// Refuses a worker whose tools are not those that the pool began with: its adapter was edited under the pool. Callers
    /// know the old tools, and of two calls of one tool both should mean the same.
    fn check_offer(&self, manifest: &Arc<Manifest>) -> Result<()> {
        let offered = self.offered(manifest);
        let changes = if Arc::ptr_eq(&offered, manifest) { Vec::new() } else { offer::changes(&offered, manifest) };
        if changes.is_empty() {
            return Ok(());
        }
        let message = format!(
            "adapter `{}` was changed since the pool began: {}; put back what it was, or start a new bridge to serve \
             what it is now",
            manifest.adapter,
            changes.join("; ")
        );
        Err(Error::start_failed(StartFailure::Changed, message))
    }

    /// A worker is ready, and a place is free for it: it gets its share of what waits.
    pub(super) fn admit(self: &Arc<Self>, worker: Worker, after: Duration) -> Occupant {
        let worker = Arc::new(worker);
        self.introduce(&worker);
        self.seat(&mut self.lock(), &worker);
        let occupant = self.occupant(worker);
        self.seated(&occupant.worker, after);
        occupant
    }

    /// Watches over a worker from now on.
    pub(super) fn occupant(self: &Arc<Self>, worker: Arc<Worker>) -> Occupant {
        let (pool, watched, life) = (Arc::clone(self), Arc::clone(&worker), self.life.subscribe());
        let end = self.tasks.spawn(async move { pool.watch(&watched, life).await });
        Occupant { worker, end }
    }

    /// Notes what a worker that is ready says of itself.
    pub(super) fn introduce(&self, worker: &Worker) {
        {
            let mut state = self.lock();
            let declared = worker.manifest.tools.iter();
            state.declared_timeouts = declared
                .filter_map(|tool| Some((tool.name.clone(), Duration::from_millis(tool.timeout_ms?))))
                .collect();
            let declared = worker.manifest.tools.iter();
            state.declared_uses = declared.filter_map(|tool| Some((tool.name.clone(), tool.session?))).collect();
            let declared = worker.manifest.tools.iter();
            state.declared_keeping =
                declared.filter_map(|tool| Some((tool.name.clone(), Duration::from_millis(tool.cache_ms?)))).collect();
            self.keeps_results.store(!state.declared_keeping.is_empty(), Ordering::Relaxed);
            let declared = worker.manifest.tools.iter();
            state.declared_batching =
                declared.filter_map(|tool| Some((tool.name.clone(), batching::rule(tool.batch?)?))).collect();
            state.manifests.entry(worker.manifest_hash.clone()).or_insert_with(|| Arc::clone(&worker.manifest));
            state.manifest_hash = worker.manifest_hash.as_str().into();
            state.history.workers_started += 1;
            state.has_served = true;
            state.failed = None;
            state.shortage = None;
        }
        if let Some(enforced) = self.config.worker.sandbox.enforced() {
            self.events.emit(Event::WorkerSandboxed {
                pool: self.name(),
                worker: worker.number,
                pid: worker.pid,
                enforced,
            });
        }
    }

    /// Gives a worker a place.
    pub(super) fn seat(&self, state: &mut State, worker: &Arc<Worker>) {
        state.workers.insert(worker.number, Arc::clone(worker));
        state.scheduler.add_worker(worker.number, self.capacity(worker));
    }

    /// A worker has a place, and serves.
    pub(super) fn seated(&self, worker: &Worker, after: Duration) {
        self.occupied.notify_waiters();
        self.events.emit(Event::WorkerReady { pool: self.name(), worker: worker.number, pid: worker.pid, after });
        self.dispatch();
    }

    /// How many calls `worker` takes: what the bridge was told, or its profile's number, as far as it allows itself.
    fn capacity(&self, worker: &Worker) -> Capacity {
        let profile = self.config.worker.profile;
        let wanted = self.config.max_concurrency.unwrap_or(profile.concurrency());
        let number = wanted.clamp(1, worker.link.call_limit().max(1));
        if self.config.recycling.isolates() {
            return Capacity::Concurrent(1);
        }
        if profile.runs_many() { Capacity::Concurrent(number) } else { Capacity::Serial(number) }
    }

    /// Has `worker` serve in a place, and those that take its place when it has served long enough, until the place is free
    /// again. Tells how long the last one lived.
    async fn serve(self: &Arc<Self>, occupant: Occupant, probe: Option<&Probe>) -> (Departure, Duration) {
        let mut worker = Arc::clone(&occupant.worker);
        let mut occupied = Box::pin(Arc::clone(self).occupied_by(occupant));
        let mut proven = probe.is_none();
        loop {
            tokio::select! {
                departure = &mut occupied => return (departure, worker.age(Instant::now())),
                // A worker that is a probe has proven itself when it has lived for a while.
                () = tokio::time::sleep(PROVEN), if !proven => {
                    proven = true;
                    if let Some(probe) = probe {
                        probe.succeeded();
                    }
                }
                successor = self.successor(&worker), if proven => {
                    self.retire(&worker, || successor.reason);
                    worker = Arc::clone(&successor.occupant.worker);
                    let next = Box::pin(Arc::clone(self).occupied_by(successor.occupant));
                    self.tasks.spawn(std::mem::replace(&mut occupied, next));
                    drop(successor.turn);
                }
            }
        }
    }

    /// Waits until a place is free again: its worker has ended, or is retired and ends in its own time.
    async fn occupied_by(self: Arc<Self>, Occupant { worker, mut end }: Occupant) -> Departure {
        let leaves = async {
            worker.retired().await;
            // Never closed, so never an error.
            Arc::clone(&self.leaving).acquire_owned().await.ok()
        };
        tokio::select! {
            // An error means that the runtime is going down.
            departure = &mut end => departure.unwrap_or(Departure { by_host: true, worked: true, dismissed: false }),
            permit = leaves => {
                self.tasks.spawn(async move {
                    let _ = end.await;
                    drop(permit);
                });
                Departure { by_host: false, worked: self.has_worked(&worker), dismissed: worker.is_dismissed() }
            }
        }
    }

    /// Waits for a worker's end, or brings it about when the pool ends, and settles what it leaves.
    async fn watch(self: &Arc<Self>, worker: &Arc<Worker>, mut life: watch::Receiver<Life>) -> Departure {
        let mut ended = std::pin::pin!(worker.ended(|reason, never_ran| self.going_away(worker, &reason, &never_ran)));
        let ended = tokio::select! {
            ended = &mut ended => ended,
            () = super::ending(&mut life) => {
                worker.stop(self.config.worker.exit_grace).await;
                ended.await
            }
        };
        let has_answered = self.has_worked(worker);
        let was_running = self.settle(worker, &ended);
        // At the pool's end every worker is told to end.
        let by_host = ended.killed.is_some() || *self.life.borrow() > Life::Running;
        let worked = has_answered || was_running;
        Departure { by_host, worked, dismissed: worker.is_dismissed() }
    }

    /// Whether a worker has answered a call, or is busy with one that it did not hand back. What it says about itself does
    /// not count: one that leaves as soon as it is there would be started without end.
    fn has_worked(&self, worker: &Worker) -> bool {
        self.lock().scheduler.answered_by(worker.number) > 0 || worker.link.in_flight() > 0
    }

    /// A place has no worker. Returns whether trying again is pointless.
    ///
    /// Before the first worker was ever ready, a module that is not there will not come. After that, what was there
    /// once may come back (a package that is being upgraded, say): the place goes on trying, and calls are told
    /// meanwhile instead of left to wait, if there is nobody else to serve them.
    fn start_failed(&self, error: &Error) -> bool {
        let (has_served, alone) = {
            let mut state = self.lock();
            state.shortage = match error.kind() {
                ErrorKind::Resource { what, source } => Some(Shortage::new(what, source)),
                _ => None,
            };
            (state.has_served, state.workers.is_empty())
        };
        if let ErrorKind::StartFailed { why, message } = error.kind()
            && why.is_permanent()
            && alone
        {
            self.fail(*why, message);
        }
        error.is_permanent() && !has_served
    }
}
