//! Many workers: who runs what, who waits, and what happens when one dies.
//!
//! [`scheduler`] decides and is pure; [`routing`] carries out what it decides; [`slot`] keeps one place filled with a
//! living worker, with [`succession`] when it has served long enough, unless [`restarts`] says that it makes no sense at the moment; [`loss`] settles what a dead one leaves,
//! and [`blame`] asks which tool, arguments or worker is at fault: [`breaker`], [`poison`] and [`outliers`] keep count; [`supervisor`] looks after idle workers,
//! and [`growth`] after their number; [`timekeeper`] ends calls whose time is up, and [`retirement`]
//! workers that do not let go of them; [`shutdown`] ends everything.

mod alarm;
mod backoff;
mod blame;
mod breaker;
mod circuit;
mod growth;
mod health;
mod info;
mod loss;
mod meters;
mod outliers;
mod permission;
mod poison;
mod recycling;
mod restarts;
mod retirement;
mod retries;
mod routing;
mod scaling;
mod scheduler;
mod shutdown;
mod slot;
mod succession;
mod supervisor;
mod timekeeper;
mod trials;

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;

use self::alarm::Alarm;
use self::blame::Digests;
use self::growth::Place;
pub use self::info::{CurrentCall, WorkerInfo, WorkerState};
use self::meters::Meters;
use self::outliers::Outliers;
use self::poison::Poison;
pub(crate) use self::recycling::Recycling;
use self::restarts::Restarts;
use self::retries::Retries;
pub(crate) use self::scaling::Scaling;
use self::scheduler::{Scheduler, Task};
use self::trials::Trials;
use crate::body::InputStream;
use crate::error::{Error, ErrorKind, Executed, Result, StartFailure};
use crate::link::{PendingCall, ToolName};
use crate::manifest::Manifest;
use crate::telemetry::{Events, Statistics};
use crate::tools::Registry;
use crate::wire::fragment::FRAGMENT;
use crate::worker::{Worker, WorkerConfig};

/// What a pool is made of.
#[derive(Debug, Clone)]
pub(crate) struct PoolConfig {
    /// What each worker is.
    pub worker: WorkerConfig,
    /// How many of them. Default: the number of cores.
    pub workers: usize,
    /// How far the pool grows beyond that, if it does.
    pub scaling: Option<Scaling>,
    /// How many calls and streams one of them has at once, if it is not what its profile says.
    pub max_concurrency: Option<usize>,
    /// Deadline of a call that names none. Default 300 s.
    pub call_timeout: Duration,
    /// Deadline of a stream that names none. Default 900 s.
    pub stream_timeout: Duration,
    /// How long a call may wait for a worker. Default 10 s.
    pub queue_timeout: Duration,
    /// How many calls may wait. Default 1000. Lower: load is refused earlier; higher: callers wait longer for a refusal.
    pub queue_limit: usize,
    /// From the cancellation of a running call to the end of its worker. Default 500 ms.
    pub cancel_grace: Duration,
    /// How long a shutdown lets running calls finish. Default 30 s.
    pub drain: Duration,
    /// How often an idempotent call is handed to a worker. Default 2.
    pub attempts: u32,
    /// For how long calls of a tool are refused that has killed five workers in a row. Default 30 s.
    pub breaker_pause: Duration,
    /// How often idle workers are asked whether they are there. Default 2 s.
    pub health_interval: Duration,
    /// When workers have served long enough. Default: never.
    pub recycling: Recycling,
}

/// A call to be made.
pub(crate) struct Submission {
    /// The tool.
    pub target: ToolName,
    /// The encoded arguments.
    pub body: Vec<u8>,
    /// The streams among them.
    pub inputs: Vec<InputStream>,
    /// Whether items are wanted.
    pub stream: bool,
    /// When the caller made the call: its deadline counts from here.
    pub created: Instant,
    /// When the call inside which it is made ends: it is of no use after that.
    pub inherited: Option<Instant>,
    /// The deadline, if it is not the pool's.
    pub timeout: Option<Duration>,
    /// The session.
    pub session: Option<Arc<str>>,
    /// The metadata map.
    pub meta: Option<Bytes>,
    /// Whether it may be repeated.
    pub idempotent: bool,
}

impl Task for Arc<PendingCall> {
    fn key(&self) -> u64 {
        Arc::as_ptr(self).addr() as u64
    }

    fn tool(&self) -> &ToolName {
        &self.request.target
    }

    fn is_stream(&self) -> bool {
        self.request.stream
    }

    fn is_large(&self) -> bool {
        self.request.body.len() > FRAGMENT
    }
}

/// How far the pool is on its way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    Running,
    /// Workers are told to end.
    Ending,
    /// Workers are killed.
    Killed,
}

/// Waits until the pool is on its way down.
async fn ending(life: &mut watch::Receiver<Life>) {
    // An error means that the pool is gone, which is as far down as it goes.
    drop(life.wait_for(|life| *life > Life::Running).await);
}

struct State {
    scheduler: Scheduler<Arc<PendingCall>>,
    workers: HashMap<u64, Arc<Worker>>,
    /// Workers that are about to be killed, and the call for which each is.
    condemned: HashMap<u64, Arc<PendingCall>>,
    manifests: HashMap<String, Arc<Manifest>>,
    /// Deadlines that tools declare in Python, for calls that name none.
    declared_timeouts: HashMap<String, Duration>,
    last_worker: u64,
    /// Set while no worker can be had: what every call is told at once, instead of after a wait.
    failed: Option<(StartFailure, String)>,
    /// Whether a worker has ever been ready. After that no failure is taken for permanent: what was there may come back.
    has_served: bool,
    /// Whether starting workers makes sense.
    restarts: Restarts,
    /// How many calls may be repeated.
    retries: Retries,
    /// Arguments that kill workers.
    poison: Poison,
    /// Workers that fail where others do not.
    outliers: Outliers,
    /// What became of workers so far.
    history: Statistics,
    draining: bool,
}

/// A pool as its tasks see it.
struct Pool {
    config: PoolConfig,
    events: Events,
    registry: Arc<Registry>,
    state: Mutex<State>,
    /// Tools that kill workers.
    trials: Arc<Trials>,
    digests: Digests,
    meters: Meters,
    alarm: Alarm,
    /// A call ended: a shutdown may be waiting for the last.
    ended: Notify,
    life: watch::Sender<Life>,
    /// Workers may be started again after a pause, or another place may try.
    restarting: Notify,
    /// Bounds how many workers start at the same time.
    starts: Semaphore,
    /// Places that are kept filled with workers.
    places: AtomicUsize,
    /// A call has to wait.
    crowded: Notify,
    /// Has one permit: one worker is replaced at a time.
    successions: Semaphore,
    /// Bounds how many retired workers may be finishing their calls beside those that replace them.
    leaving: Arc<Semaphore>,
    tasks: TaskTracker,
}

/// A pool as its users see it. When the last one is dropped, the workers are killed.
pub(crate) struct PoolHandle {
    pool: Arc<Pool>,
}

impl std::fmt::Debug for PoolHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("workers", &self.workers()).finish_non_exhaustive()
    }
}

impl PoolHandle {
    /// Starts the workers and waits until the first is ready. The others follow in the background.
    pub(crate) async fn start(config: PoolConfig, registry: Registry, events: Events) -> Result<Self> {
        let (workers, scaling) = (config.workers, config.scaling);
        let most = scaling.map_or(workers, |scaling| scaling.most);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let state = State {
            scheduler: Scheduler::new(config.queue_limit),
            workers: HashMap::new(),
            condemned: HashMap::new(),
            manifests: HashMap::new(),
            declared_timeouts: HashMap::new(),
            last_worker: 0,
            failed: None,
            has_served: false,
            restarts: Restarts::new(),
            retries: Retries::new(),
            poison: Poison::default(),
            outliers: Outliers::default(),
            history: Statistics::default(),
            draining: false,
        };
        let trials = Arc::new(Trials::new(config.breaker_pause));
        let pool = Arc::new(Pool {
            config,
            events,
            registry: Arc::new(registry),
            state: Mutex::new(state),
            trials,
            digests: Digests::default(),
            meters: Meters::default(),
            alarm: Alarm::new(),
            ended: Notify::new(),
            life: watch::Sender::new(Life::Running),
            restarting: Notify::new(),
            starts: Semaphore::new(cores),
            places: AtomicUsize::new(0),
            crowded: Notify::new(),
            successions: Semaphore::new(1),
            leaving: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            tasks: TaskTracker::new(),
        });
        // From here on a failure drops the handle, which ends everything.
        let handle = Self { pool: Arc::clone(&pool) };
        pool.tasks.spawn(timekeeper::run(Arc::clone(&pool)));
        pool.tasks.spawn(supervisor::run(Arc::clone(&pool)));
        if let Some(scaling) = scaling {
            pool.tasks.spawn(growth::run(Arc::clone(&pool), scaling));
        }
        let (first, mut firsts) = mpsc::unbounded_channel();
        for _ in 0..workers {
            pool.tasks.spawn(slot::keep(Place::new(&pool), first.clone()));
        }
        drop(first);
        // One worker is enough to begin with. A failure counts when it is for good, or when no place has done better.
        let mut worst = Error::new(ErrorKind::ShuttingDown, Executed::Never);
        while let Some(report) = firsts.recv().await {
            match report {
                Ok(()) => return Ok(handle),
                Err(error) if error.is_permanent() => return Err(error),
                Err(error) => worst = error,
            }
        }
        Err(worst)
    }

    /// Admits a call: it is sent, or waits, or is refused.
    pub(crate) fn submit(&self, submission: Submission) -> Result<Arc<PendingCall>> {
        self.pool.submit(submission)
    }

    /// The caller of `call` does not wait any more.
    pub(crate) fn abandon(&self, call: &Arc<PendingCall>) {
        self.pool.abandon(call);
    }

    /// The manifest of the newest worker.
    pub(crate) fn manifest(&self) -> Option<Arc<Manifest>> {
        let state = self.pool.lock();
        state
            .workers
            .values()
            .max_by_key(|worker| worker.number)
            .map(|worker| Arc::clone(&worker.manifest))
            .or_else(|| state.manifests.values().next().cloned())
    }

    /// The workers that serve calls at this moment, by number.
    pub(crate) fn workers(&self) -> Vec<WorkerInfo> {
        self.pool.infos()
    }

    /// What it has done so far.
    pub(crate) fn statistics(&self) -> Statistics {
        self.pool.statistics()
    }

    /// Replaces the worker of that number, and waits until it gets no more calls.
    pub(crate) async fn recycle(&self, number: u64) -> Result<()> {
        self.pool.recycle(number).await
    }

    /// Admits no more, lets running calls finish, ends the workers. Calls that wait are told that it shuts down.
    pub(crate) async fn shutdown(&self) {
        self.pool.shutdown().await;
    }
}

impl Drop for PoolHandle {
    fn drop(&mut self) {
        // No runtime is needed, and none may be there.
        self.pool.life.send_replace(Life::Killed);
        let workers: Vec<_> = self.pool.lock().workers.values().cloned().collect();
        for worker in workers {
            worker.kill_now();
        }
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
