//! Many workers: who runs what, who waits, and what happens when one dies.
//!
//! A call is a [`submission`]; [`admission`] says which are let in, and [`limits`] what they need beside a worker;
//! [`scheduler`] decides where they go and is pure, with [`room`] for those that wait; [`routing`] carries out what it
//! decides. [`gather`] decides which calls go together, and [`batching`] sees to it. [`slot`] keeps one place filled
//! with a living worker, one of the [`spares`] where there is one, with [`succession`] when it has served long enough,
//! unless [`restarts`] says that it makes no sense at the moment, there is a [`shortage`], too many are [`stuck`], or
//! what it has to [`offer`] has changed. [`loss`] settles what a dead one leaves, and [`blame`] asks which tool,
//! arguments or worker is at fault: [`breaker`], [`poison`] and [`outliers`] keep count; [`supervisor`] looks after
//! idle workers, and [`growth`] after their number, both [`lasting`]; [`timekeeper`] ends calls whose time is up,
//! [`cancelling`] many at once, and [`retirement`] workers that do not let go of them; [`unattended`] stays with calls
//! that nobody waits for; [`exposing`] notes what adapters expose to sessions; [`shutdown`] ends everything.
//! [`pools`] says which of several pools a call goes to, and [`handle`] is what these see of one.

mod admission;
mod alarm;
mod backoff;
mod batching;
mod blame;
mod breaker;
mod cancelling;
mod circuit;
mod exposing;
mod gather;
mod growth;
mod handle;
mod health;
mod info;
mod lasting;
mod limits;
mod loss;
mod meters;
mod offer;
mod outliers;
mod permission;
mod poison;
mod pools;
mod recycling;
mod restarts;
mod retirement;
mod retries;
mod room;
mod routing;
mod scaling;
mod scheduler;
mod second_try;
mod shortage;
mod shutdown;
mod slot;
mod spares;
mod stuck;
mod submission;
mod succession;
mod supervisor;
mod timekeeper;
mod trials;
mod unattended;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;

use self::alarm::Alarm;
use self::batching::Gathering;
use self::blame::Digests;
use self::gather::{Gather, Rule};
use self::growth::Place;
pub use self::info::{CurrentCall, WorkerInfo, WorkerState};
use self::lasting::lasting;
pub(crate) use self::limits::{Limit, Limited};
use self::meters::Meters;
use self::outliers::Outliers;
use self::poison::Poison;
pub(crate) use self::pools::{DEFAULT_POOL, Pools};
pub(crate) use self::recycling::Recycling;
use self::restarts::Restarts;
use self::retries::Retries;
use self::room::Bounds;
pub(crate) use self::scaling::Scaling;
use self::scheduler::{Scheduler, Task};
use self::shortage::Shortage;
use self::spares::Spares;
use self::stuck::Stuck;
pub(crate) use self::submission::{InSession, Submission};
use self::trials::Trials;
use crate::error::{Error, ErrorKind, Executed, Result, StartFailure};
use crate::link::{PendingCall, Priority, ToolName};
use crate::manifest::{Manifest, SessionUse};
use crate::session::{Affinity, Tie};
use crate::telemetry::{Events, Records, Statistics};
use crate::tools::Registry;
use crate::wire::fragment::FRAGMENT;
use crate::worker::{Worker, WorkerConfig};

/// What a pool is made of.
#[derive(Debug, Clone)]
pub(crate) struct PoolConfig {
    /// Its name.
    pub name: Arc<str>,
    /// What each worker is.
    pub worker: WorkerConfig,
    /// How many of them. Default: the number of cores.
    pub workers: usize,
    /// How many more are ready to take the place of one that is lost. Default: none.
    pub spares: usize,
    /// How far the pool grows beyond that, if it does.
    pub scaling: Option<Scaling>,
    /// How many calls and streams one of them has at once, if it is not what its profile says.
    pub max_concurrency: Option<usize>,
    /// Where calls of a session go that say nothing about it, if it is not what the bridge says.
    pub affinity: Option<Affinity>,
    /// Deadline of a call that names none. Default 300 s.
    pub call_timeout: Duration,
    /// Deadline of a stream that names none. Default 900 s.
    pub stream_timeout: Duration,
    /// How long a call may wait for a worker. Default 10 s.
    pub queue_timeout: Duration,
    /// How many calls may wait. Default 1000. Lower: load is refused earlier; higher: callers wait longer for a refusal.
    pub queue_limit: usize,
    /// How many bytes their arguments may have together. Default 256 MiB. Lower: load of large calls is refused earlier;
    /// higher: it may take more memory.
    pub queue_bytes: u64,
    /// How many bytes of memory have to be left for calls to wait, if it matters.
    pub memory_reserve: Option<u64>,
    /// What bounds how many calls of some tools are with workers at a time. Default: nothing.
    pub limits: Vec<Limit>,
    /// From the cancellation of a running call to the end of its worker. Default 500 ms.
    pub cancel_grace: Duration,
    /// How long a shutdown lets running calls finish. Default 30 s.
    pub drain: Duration,
    /// How often an idempotent call is repeated that names no number of its own. Default 1.
    pub retries: u32,
    /// For how long calls of a tool are refused that has killed five workers in a row. Default 30 s.
    pub breaker_pause: Duration,
    /// How often idle workers are asked whether they are there. Default 2 s.
    pub health_interval: Duration,
    /// When workers have served long enough. Default: never.
    pub recycling: Recycling,
    /// How many workers that cannot be ended may be replaced, if it is not as many as there are workers.
    pub max_stuck_workers: Option<usize>,
}

impl PoolConfig {
    fn bounds(&self) -> Bounds {
        Bounds {
            calls: self.queue_limit,
            bytes: self.queue_bytes,
            reserve: self.memory_reserve.unwrap_or(0),
            wait: self.queue_timeout,
        }
    }
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
        self.size() > FRAGMENT
    }

    fn bytes(&self) -> u64 {
        self.size() as u64
    }

    fn priority(&self) -> Priority {
        self.handling.priority
    }

    fn admitted(&self) -> Instant {
        self.admitted
    }

    fn tie(&self) -> Option<&Tie> {
        self.tie.as_deref()
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
    /// Those that have a place, or have left it and are not done.
    workers: HashMap<u64, Arc<Worker>>,
    spares: Spares,
    /// Workers that are about to be killed, and the call for which each is.
    condemned: HashMap<u64, Arc<PendingCall>>,
    manifests: HashMap<String, Arc<Manifest>>,
    /// What the first worker offered: what every other one has to.
    offered: Option<Arc<Manifest>>,
    /// The hash of the newest one.
    manifest_hash: Arc<str>,
    /// Deadlines that tools declare in Python, for calls that name none.
    declared_timeouts: HashMap<String, Duration>,
    /// What tools need of their session, as they declare in Python.
    declared_uses: HashMap<String, SessionUse>,
    /// Tools whose results are kept, and for how long.
    declared_keeping: HashMap<String, Duration>,
    /// Tools that take many calls at once, and how these are gathered.
    declared_batching: HashMap<String, Rule>,
    /// Set while no worker can be had: what every call is told at once, instead of after a wait.
    failed: Option<(StartFailure, String)>,
    /// Why the last worker that was to be started found no room, until one is ready.
    shortage: Option<Shortage>,
    /// Whether a worker has ever been ready. After that no failure is taken for permanent: what was there may come back.
    has_served: bool,
    /// Whether starting workers makes sense.
    restarts: Restarts,
    /// Workers that were killed and go on.
    stuck: Stuck,
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

/// What the pools of a bridge have together.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// The tools of the host.
    pub registry: Arc<Registry>,
    /// Who is told what happens.
    pub events: Events,
    /// Who hears what workers say.
    pub records: Records,
    /// The last number that a worker was given.
    pub numbers: Arc<AtomicU64>,
}

/// A pool as its tasks see it.
struct Pool {
    config: PoolConfig,
    events: Events,
    records: Records,
    registry: Arc<Registry>,
    /// The last number of a worker, in all pools together.
    numbers: Arc<AtomicU64>,
    state: Mutex<State>,
    gathering: Mutex<Gathering>,
    /// Whether results of any tool are kept, as it says: for most pools not, and every call asks.
    keeps_results: AtomicBool,
    /// Tools that kill workers.
    trials: Arc<Trials>,
    digests: Digests,
    meters: Meters,
    alarm: Alarm,
    /// A call ended: a shutdown may be waiting for the last.
    ended: Notify,
    life: watch::Sender<Life>,
    /// Workers may be started again after a pause, or another place may try, or one that was stuck has ended.
    restarting: Notify,
    /// Bounds how many workers start at the same time.
    starts: Semaphore,
    /// Places that are kept filled with workers.
    places: AtomicUsize,
    /// One of them has a worker, or is there no more.
    occupied: Notify,
    /// A spare waits for a place.
    spare_ready: Notify,
    /// A call has to wait.
    crowded: Notify,
    /// Has one permit: one worker is replaced at a time.
    successions: Semaphore,
    /// Bounds how many retired workers may be finishing their calls beside those that replace them.
    leaving: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Where they run: calls may be made by somebody who is in no runtime at all.
    runtime: Handle,
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
    /// The Rust tools that its workers may call.
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.pool.registry
    }

    /// Starts the workers and waits until the first is ready. The others follow in the background.
    /// `common` is what the pools of a bridge have together.
    pub(crate) async fn start(config: PoolConfig, common: Common) -> Result<Self> {
        let Common { registry, events, records, numbers } = common;
        let (workers, spares, scaling) = (config.workers, config.spares, config.scaling);
        let most = scaling.map_or(workers, |scaling| scaling.most);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let state = State {
            scheduler: Scheduler::new(config.bounds(), config.limits.iter().map(|limit| limit.units)),
            workers: HashMap::new(),
            spares: Spares::default(),
            condemned: HashMap::new(),
            manifests: HashMap::new(),
            offered: None,
            manifest_hash: "".into(),
            declared_timeouts: HashMap::new(),
            declared_uses: HashMap::new(),
            declared_keeping: HashMap::new(),
            declared_batching: HashMap::new(),
            failed: None,
            shortage: None,
            has_served: false,
            restarts: Restarts::new(),
            stuck: Stuck::new(config.max_stuck_workers.unwrap_or(workers)),
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
            records,
            registry,
            numbers,
            state: Mutex::new(state),
            gathering: Mutex::new(Gather::new()),
            keeps_results: AtomicBool::new(false),
            trials,
            digests: Digests::default(),
            meters: Meters::default(),
            alarm: Alarm::new(),
            ended: Notify::new(),
            life: watch::Sender::new(Life::Running),
            restarting: Notify::new(),
            starts: Semaphore::new(cores),
            places: AtomicUsize::new(0),
            occupied: Notify::new(),
            spare_ready: Notify::new(),
            crowded: Notify::new(),
            successions: Semaphore::new(1),
            leaving: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        });
        // From here on a failure drops the handle, which ends everything.
        let handle = Self { pool: Arc::clone(&pool) };
        pool.tasks.spawn(timekeeper::run(Arc::clone(&pool)));
        pool.spawn_lasting("supervisor", supervisor::run);
        if let Some(scaling) = scaling {
            pool.spawn_lasting("growth", move |pool| growth::run(pool, scaling));
        }
        let (first, mut firsts) = mpsc::unbounded_channel();
        for _ in 0..workers {
            pool.tasks.spawn(slot::keep(Place::new(&pool), first.clone()));
        }
        drop(first);
        for _ in 0..spares {
            pool.tasks.spawn(spares::keep(Arc::clone(&pool)));
        }
        // One worker is enough to begin with. A failure counts when it is for good, or when no place has done better.
        let mut worst = Error::new(ErrorKind::ShuttingDown, Executed::Never);
        while let Some(report) = firsts.recv().await {
            match report {
                Ok(()) => return pool.check_limits().map(|()| handle),
                Err(error) if error.is_permanent() => return Err(error),
                Err(error) => worst = error,
            }
        }
        Err(worst)
    }
}

impl Pool {
    fn spawn_lasting<F>(self: &Arc<Self>, task: &'static str, begin: impl Fn(Arc<Self>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (pool, life) = (Arc::clone(self), self.life.subscribe());
        self.tasks.spawn(lasting(task, life, move || begin(Arc::clone(&pool))));
    }

    fn name(&self) -> Arc<str> {
        Arc::clone(&self.config.name)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
