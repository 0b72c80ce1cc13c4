//! Many workers: who runs what, who waits, and what happens when one dies.
//!
//! [`scheduler`] decides and is pure; [`slot`] keeps one place filled with a living worker; [`timekeeper`] ends calls
//! whose time is up; this file carries out what they decide.

mod backoff;
mod loss;
mod scheduler;
mod slot;
mod timekeeper;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;

use self::scheduler::{Placement, QueueFull, Scheduler, Task};
use crate::error::{Error, ErrorKind, Executed, Phase, Result, StartFailure};
use crate::link::{OwnedRequest, PendingCall, Stage, ToolName};
use crate::manifest::Manifest;
use crate::telemetry::Events;
use crate::tools::Registry;
use crate::wire::peer::Refused;
use crate::worker::{Worker, WorkerConfig};

/// What a pool is made of.
#[derive(Debug, Clone)]
pub(crate) struct PoolConfig {
    /// What each worker is.
    pub worker: WorkerConfig,
    /// How many of them. Default: the number of cores.
    pub workers: usize,
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
}

/// A call to be made.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The tool.
    pub target: ToolName,
    /// The encoded arguments.
    pub body: Vec<u8>,
    /// Whether items are wanted.
    pub stream: bool,
    /// When the caller made the call: its deadline counts from here.
    pub created: Instant,
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
    fn key(&self) -> usize {
        Arc::as_ptr(self).addr()
    }

    fn tool(&self) -> &ToolName {
        &self.request.target
    }

    fn is_stream(&self) -> bool {
        self.request.stream
    }

    fn is_wanted(&self) -> bool {
        !self.is_done()
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
    manifests: HashMap<String, Arc<Manifest>>,
    /// Deadlines that tools declare in Python, for calls that name none.
    declared_timeouts: HashMap<String, Duration>,
    last_worker: u64,
    /// Set when starting is pointless: what every call is told.
    failed: Option<(StartFailure, String)>,
    draining: bool,
    /// When the timekeeper looks next.
    next_check: Option<Instant>,
}

/// A pool as its tasks see it.
struct Pool {
    config: PoolConfig,
    events: Events,
    registry: Arc<Registry>,
    state: Mutex<State>,
    /// Wakes the timekeeper for an earlier look.
    sooner: Notify,
    /// A call ended: a shutdown may be waiting for the last.
    ended: Notify,
    life: watch::Sender<Life>,
    /// Bounds how many workers start at the same time.
    starts: Semaphore,
    tasks: TaskTracker,
}

/// A pool as its users see it. When the last one is dropped, the workers are killed.
pub(crate) struct PoolHandle {
    pool: Arc<Pool>,
}

/// One worker, as it is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its number, never used again.
    pub number: u64,
    /// Its process.
    pub pid: u32,
    /// Calls it has not answered.
    pub in_flight: usize,
}

impl std::fmt::Debug for PoolHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("workers", &self.workers()).finish_non_exhaustive()
    }
}

impl PoolHandle {
    /// Starts the workers and waits until the first is ready. The others follow in the background.
    pub(crate) async fn start(config: PoolConfig, registry: Registry, events: Events) -> Result<Self> {
        let workers = config.workers;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let state = State {
            scheduler: Scheduler::new(config.queue_limit),
            workers: HashMap::new(),
            manifests: HashMap::new(),
            declared_timeouts: HashMap::new(),
            last_worker: 0,
            failed: None,
            draining: false,
            next_check: None,
        };
        let pool = Arc::new(Pool {
            config,
            events,
            registry: Arc::new(registry),
            state: Mutex::new(state),
            sooner: Notify::new(),
            ended: Notify::new(),
            life: watch::Sender::new(Life::Running),
            starts: Semaphore::new(cores),
            tasks: TaskTracker::new(),
        });
        // From here on a failure drops the handle, which ends everything.
        let handle = Self { pool: Arc::clone(&pool) };
        pool.tasks.spawn(timekeeper::run(Arc::clone(&pool)));
        let (first, mut firsts) = mpsc::unbounded_channel();
        for _ in 0..workers {
            pool.tasks.spawn(slot::keep(Arc::clone(&pool), first.clone()));
        }
        drop(first);
        match firsts.recv().await {
            Some(Ok(())) => Ok(handle),
            Some(Err(error)) => Err(error),
            None => Err(Error::new(ErrorKind::ShuttingDown, Executed::Never)),
        }
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
        let workers: Vec<_> = self.pool.lock().workers.values().cloned().collect();
        let mut workers: Vec<_> = workers
            .iter()
            .map(|worker| WorkerInfo { number: worker.number, pid: worker.pid, in_flight: worker.link.in_flight() })
            .collect();
        workers.sort_by_key(|worker| worker.number);
        workers
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

    fn submit(self: &Arc<Self>, submission: Submission) -> Result<Arc<PendingCall>> {
        let now = Instant::now();
        let (call, worker) = {
            let mut state = self.lock();
            if state.draining {
                return Err(Error::new(ErrorKind::ShuttingDown, Executed::Never));
            }
            if let Some((why, message)) = &state.failed {
                return Err(Error::start_failed(*why, message));
            }
            let call = self.prepare(&state, submission, now)?;
            let placement = state.scheduler.submit(Arc::clone(&call), now).map_err(|QueueFull| {
                Error::new(ErrorKind::QueueFull { limit: self.config.queue_limit }, Executed::Never)
            })?;
            self.look_at(&mut state, self.expiry(&call, placement == Placement::Queued));
            let worker = match placement {
                Placement::Worker(number) => state.workers.get(&number).cloned(),
                Placement::Queued => None,
            };
            (call, worker)
        };
        if let Some(worker) = worker
            && self.send(&worker, &call, now)
        {
            worker.link.look_for_answers();
        }
        Ok(call)
    }

    /// A call with its deadline: the caller's, else the tool's own, else the pool's.
    fn prepare(&self, state: &State, submission: Submission, now: Instant) -> Result<Arc<PendingCall>> {
        let declared = || state.declared_timeouts.get(&*submission.target).copied();
        let default = if submission.stream { self.config.stream_timeout } else { self.config.call_timeout };
        let timeout = submission.timeout.or_else(declared).unwrap_or(default);
        // A deadline beyond what the clock can say is none.
        let deadline = submission.created.checked_add(timeout);
        if deadline.is_some_and(|deadline| deadline <= now) {
            let kind = ErrorKind::DeadlineExceeded { timeout, phase: Phase::Queue };
            return Err(Error::new(kind, Executed::Never));
        }
        let (size, limit) = (submission.body.len() as u64, self.config.worker.limits.single_frame_body());
        if size > limit {
            return Err(Error::new(ErrorKind::PayloadTooLarge { size, limit }, Executed::Never));
        }
        let request = OwnedRequest {
            target: submission.target,
            stream: submission.stream,
            session: submission.session,
            meta: submission.meta,
            body: submission.body,
        };
        Ok(Arc::new(PendingCall::new(request, deadline, timeout, submission.idempotent, now)))
    }

    /// When something has to be done about `call`.
    fn expiry(&self, call: &PendingCall, queued: bool) -> Option<Instant> {
        let queue = queued.then(|| call.admitted.checked_add(self.config.queue_timeout)).flatten();
        [call.deadline, queue].into_iter().flatten().min()
    }

    /// Sees to it that the timekeeper looks at `when` at the latest.
    fn look_at(&self, state: &mut State, when: Option<Instant>) {
        if let Some(when) = when
            && state.next_check.is_none_or(|next| when < next)
        {
            state.next_check = Some(when);
            self.sooner.notify_one();
        }
    }

    /// Sends a call to the worker that the scheduler chose. True when nothing else is in flight there.
    fn send(self: &Arc<Self>, worker: &Arc<Worker>, call: &Arc<PendingCall>, now: Instant) -> bool {
        match worker.link.send(call, now) {
            Ok(alone) => return alone,
            Err(Refused::TooLarge { size, limit }) => {
                call.complete(Err(Error::new(ErrorKind::PayloadTooLarge { size, limit }, Executed::Never)));
                self.finished(worker.number, call);
            }
            Err(_) => {
                // The worker died between the decision and here. It takes no more calls; this one goes elsewhere.
                let mut state = self.lock();
                state.scheduler.remove_worker(worker.number);
                state.scheduler.put_back(Arc::clone(call));
                let when = self.expiry(call, true);
                self.look_at(&mut state, when);
                drop(state);
                self.dispatch();
            }
        }
        false
    }

    /// A call of `worker` is answered: its place is free.
    fn finished(self: &Arc<Self>, worker: u64, call: &Arc<PendingCall>) {
        let now = Instant::now();
        let (next, draining) = {
            let mut state = self.lock();
            state.scheduler.finished(worker, call, now);
            (Self::next(&mut state, now), state.draining)
        };
        if draining {
            self.ended.notify_waiters();
        }
        if let Some((worker, call)) = next {
            self.send(&worker, &call, now);
            self.dispatch();
        }
    }

    /// Sends whatever can be sent.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let now = Instant::now();
            let next = Self::next(&mut self.lock(), now);
            let Some((worker, call)) = next else { return };
            self.send(&worker, &call, now);
        }
    }

    /// What the scheduler would send next, with the worker to send it to.
    fn next(state: &mut State, now: Instant) -> Option<(Arc<Worker>, Arc<PendingCall>)> {
        let (number, call) = state.scheduler.next(now)?;
        // The scheduler has a seat for exactly the workers in this map.
        state.workers.get(&number).map(|worker| (Arc::clone(worker), call))
    }

    fn abandon(self: &Arc<Self>, call: &Arc<PendingCall>) {
        match call.abandon() {
            Stage::Queued => self.lock().scheduler.forget(call),
            Stage::Sent { link, id } => self.cancel(&link, id, "the caller dropped it"),
            Stage::Done => {}
        }
    }

    /// Cancels a call that is with a worker, and makes sure that somebody looks whether that helped.
    fn cancel(&self, link: &crate::link::Link, id: u64, reason: &str) {
        let now = Instant::now();
        link.cancel(id, reason, now);
        let mut state = self.lock();
        self.look_at(&mut state, now.checked_add(self.config.cancel_grace));
    }

    /// Nothing can ever start: everybody is told, now and later.
    fn fail(&self, why: StartFailure, message: &str) {
        let waiting = {
            let mut state = self.lock();
            state.failed = Some((why, message.to_owned()));
            state.scheduler.take_waiting(|_| true)
        };
        for call in waiting {
            call.complete(Err(Error::start_failed(why, message)));
        }
    }

    async fn shutdown(&self) {
        let waiting = {
            let mut state = self.lock();
            state.draining = true;
            state.scheduler.take_waiting(|_| true)
        };
        for call in waiting {
            call.complete(Err(Error::new(ErrorKind::ShuttingDown, Executed::Never)));
        }
        // When time is up, the workers' ends are their calls' ends.
        let _ = tokio::time::timeout(self.config.drain, async {
            loop {
                let ended = self.ended.notified();
                if self.lock().scheduler.assigned() == 0 {
                    return;
                }
                ended.await;
            }
        })
        .await;
        self.life.send_if_modified(|life| {
            let first = *life < Life::Ending;
            *life = (*life).max(Life::Ending);
            first
        });
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl PoolHandle {
    /// Whether the manifest has every declared tool, in the declared manner. Names every misfit.
    pub(crate) fn check(&self, tools: &[(&'static str, bool)], client: &str) -> Result<()> {
        let Some(manifest) = self.manifest() else { return Ok(()) };
        let mut misfits = Vec::new();
        for &(name, streaming) in tools {
            match manifest.tool(name) {
                None => {
                    let hint = match manifest.nearest(name) {
                        Some(near) => format!("; did you mean `{near}`?"),
                        None => String::new(),
                    };
                    misfits.push(format!("there is no tool `{name}`{hint}"));
                }
                Some(tool) if tool.streaming && !streaming => {
                    misfits.push(format!("`{name}` is a stream in Python; declare `fn {name}(..) -> impl Stream<..>`"));
                }
                Some(tool) if !tool.streaming && streaming => {
                    misfits
                        .push(format!("`{name}` is no stream in Python; declare `async fn {name}(..) -> Result<..>`"));
                }
                Some(_) => {}
            }
        }
        if misfits.is_empty() {
            return Ok(());
        }
        let message = format!("`{client}` does not fit adapter `{}`: {}", manifest.adapter, misfits.join("; "));
        Err(Error::new(ErrorKind::ManifestMismatch { message }, Executed::Never))
    }
}
