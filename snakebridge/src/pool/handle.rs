//! A pool from outside: what callers and the bridge ask of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Life, PoolHandle, Submission, WorkerInfo};
use crate::error::Result;
use crate::link::{PendingCall, ToolName};
use crate::manifest::Manifest;
use crate::session::Identity;
use crate::telemetry::Statistics;
use crate::worker::Objects;

impl PoolHandle {
    /// Admits a call: it is sent, or waits, or is refused.
    pub(crate) fn submit(&self, submission: Submission) -> Result<Arc<PendingCall>> {
        self.pool.submit(submission)
    }

    /// The caller of `call` does not wait any more.
    pub(crate) fn abandon(&self, call: &Arc<PendingCall>) {
        self.pool.abandon(call);
    }

    /// The calls of `session` are of no use any more: those that wait leave, and those that run are cancelled.
    pub(crate) fn cancel_session(&self, session: &Arc<Identity>) {
        self.pool.cancel_session(session);
    }

    /// Nobody will wait for `call`: its failure is an event.
    pub(crate) fn attend(&self, call: Arc<PendingCall>) {
        self.pool.attend(call);
    }

    /// Nobody waits any more for `call`, a stream, which runs to its end nonetheless.
    pub(crate) fn exhaust(&self, call: &Arc<PendingCall>) {
        self.pool.exhaust(Arc::clone(call));
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

    /// The hash of the manifest of the worker that was ready last.
    pub(crate) fn manifest_hash(&self) -> Arc<str> {
        Arc::clone(&self.pool.lock().manifest_hash)
    }

    /// What its workers keep and may use for the host, if anything.
    pub(crate) fn objects(&self) -> Option<&Objects> {
        self.pool.config.worker.objects.as_ref()
    }

    /// Whether any of its tools says that its results are kept.
    pub(crate) fn keeps_any(&self) -> bool {
        // On its own: what is kept for how long is read under the lock.
        self.pool.keeps_results.load(Ordering::Relaxed)
    }

    /// For how long the results of a tool are kept, if it says so.
    pub(crate) fn keeps(&self, tool: &str) -> Option<Duration> {
        self.pool.lock().declared_keeping.get(tool).copied()
    }

    /// How long a call of a tool may take that does not say so itself.
    pub(crate) fn call_timeout(&self, tool: &str) -> Duration {
        self.pool.lock().declared_timeouts.get(tool).copied().unwrap_or(self.pool.config.call_timeout)
    }

    /// A call of a tool was answered with a result that was kept.
    pub(crate) fn count_kept(&self, tool: &ToolName) {
        self.pool.meter(tool).kept();
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.pool.config.name
    }

    /// What its workers load.
    pub(crate) fn adapter(&self) -> Option<&str> {
        self.pool.config.worker.adapter.as_deref()
    }

    /// Whether its workers have this tool, as far as it is known.
    pub(crate) fn has_tool(&self, name: &str) -> bool {
        self.manifest().is_some_and(|manifest| manifest.tool(name).is_some())
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

    /// Admits no more, and kills the workers. Running calls are told that it shuts down.
    pub(crate) fn kill(&self) {
        self.pool.kill();
    }
}

impl Drop for PoolHandle {
    fn drop(&mut self) {
        // No runtime is needed, and none may be there.
        self.pool.life.send_replace(Life::Killed);
        let workers: Vec<_> = self.pool.lock().living().cloned().collect();
        for worker in workers {
            worker.kill_now();
        }
        self.pool.kill_template();
    }
}
