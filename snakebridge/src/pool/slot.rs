//! One place of the pool: keeps a living worker in it.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

use super::backoff::Backoff;
use super::{Life, Pool};
use crate::error::{Error, ErrorKind, Result, StartFailure};
use crate::link::{Incoming, Link, PendingCall, Service};
use crate::telemetry::Event;
use crate::worker::Worker;

/// What one worker's connection needs of the pool.
struct Surroundings {
    // Weak: a connection must not keep alive the pool whose end is to end it.
    pool: Weak<Pool>,
    worker: u64,
    /// Where host tools run: what came may be delivered by a caller that is in no runtime at all.
    runtime: Handle,
}

impl Service for Surroundings {
    fn call(&self, link: &Arc<Link>, call: Incoming) {
        if let Some(pool) = self.pool.upgrade() {
            pool.registry.serve(&self.runtime, link, call);
        }
    }

    fn cancel(&self, id: u64) {
        if let Some(pool) = self.pool.upgrade() {
            pool.registry.cancel(self.worker, id);
        }
    }

    fn finished(&self, call: &Arc<PendingCall>) {
        if let Some(pool) = self.pool.upgrade() {
            pool.finished(self.worker, call);
        }
    }
}

/// Starts a worker, waits for its end, starts the next one; until the pool ends. `first` hears how the first start went.
pub(super) async fn keep(pool: Arc<Pool>, first: UnboundedSender<Result<()>>) {
    let mut first = Some(first);
    let mut report = |result| {
        // The pool's start listens to the first report only.
        drop(first.take().map(|first| first.send(result)));
    };
    let mut backoff = Backoff::default();
    let mut life = pool.life.subscribe();
    loop {
        let begun = Instant::now();
        let number = pool.number();
        let started = tokio::select! {
            started = pool.start_worker(number) => started,
            () = super::ending(&mut life) => return,
        };
        let wait = match started {
            Ok(worker) => {
                let ready = Instant::now();
                pool.admit(&worker, begun.elapsed());
                report(Ok(()));
                pool.watch(&worker, &mut life).await;
                backoff.next(ready.elapsed())
            }
            Err(error) => {
                let why = match error.kind() {
                    ErrorKind::StartFailed { why, .. } => *why,
                    _ => StartFailure::Exit,
                };
                let retry_in = (!why.is_permanent()).then(|| backoff.next(Duration::ZERO));
                pool.events.emit(Event::StartFailed { worker: number, error: error.to_string(), retry_in });
                if retry_in.is_none() {
                    pool.fail_if_alone(&error);
                }
                report(Err(error));
                match retry_in {
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

impl Pool {
    fn number(&self) -> u64 {
        let mut state = self.lock();
        state.last_worker += 1;
        state.last_worker
    }

    async fn start_worker(self: &Arc<Self>, number: u64) -> Result<Arc<Worker>> {
        // A few at a time: a hundred interpreters that import at once help nobody. Never closed, so never an error.
        let _permit = self.starts.acquire().await;
        let surroundings =
            Arc::new(Surroundings { pool: Arc::downgrade(self), worker: number, runtime: Handle::current() });
        let known = |hash: &str| self.lock().manifests.get(hash).cloned();
        Worker::start(number, &self.config.worker, surroundings, known).await.map(Arc::new)
    }

    /// A worker is ready: it gets its share of what waits.
    fn admit(self: &Arc<Self>, worker: &Arc<Worker>, after: Duration) {
        {
            let mut state = self.lock();
            let declared = worker.manifest.tools.iter();
            state.declared_timeouts = declared
                .filter_map(|tool| Some((tool.name.clone(), Duration::from_millis(tool.timeout_ms?))))
                .collect();
            state.manifests.entry(worker.manifest_hash.clone()).or_insert_with(|| Arc::clone(&worker.manifest));
            state.workers.insert(worker.number, Arc::clone(worker));
            state.scheduler.add_worker(worker.number);
        }
        self.events.emit(Event::WorkerReady { worker: worker.number, pid: worker.pid, after });
        self.dispatch();
    }

    /// Waits for a worker's end, or brings it about when the pool ends, and settles what it leaves.
    async fn watch(self: &Arc<Self>, worker: &Arc<Worker>, life: &mut tokio::sync::watch::Receiver<Life>) {
        let ended = tokio::select! {
            ended = worker.ended() => ended,
            () = super::ending(life) => {
                worker.stop(self.config.worker.exit_grace).await;
                worker.ended().await
            }
        };
        self.settle(worker, &ended);
    }

    /// A place whose worker can never start is given up. When it was the last, calls are told instead of left to wait.
    fn fail_if_alone(&self, error: &Error) {
        if let ErrorKind::StartFailed { why, message } = error.kind()
            && self.lock().workers.is_empty()
        {
            self.fail(*why, message);
        }
    }
}
