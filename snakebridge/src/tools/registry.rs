//! The tools a bridge offers, by name, and the service that runs them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::catalogue::{Catalogue, Registered};
use super::{Answer, States, ToolContext, Tools};
use crate::body;
use crate::error::{Error, ErrorKind, Exception, Executed, Phase, Result};
use crate::link::{Incoming, Link};
use crate::session::{Identity, Sessions};

/// The system target that lists the tools.
const LIST: &str = "$tools.list";

tokio::task_local! {
    /// When the caller of the tool that the current task runs stops waiting.
    static INHERITED: Option<Instant>;
}

/// Inside a tool: when its caller stops waiting. A call that the tool makes is of no use to anybody after that.
pub(crate) fn inherited_deadline() -> Option<Instant> {
    INHERITED.try_with(|deadline| *deadline).ok().flatten()
}

/// The tools of a bridge.
pub struct Registry {
    catalogue: RwLock<Catalogue>,
    pub(super) states: Arc<States>,
    pub(super) sessions: Sessions,
    running: Mutex<Running>,
}

/// Bytes of large arguments that the running calls of one worker may hold together. The number of its calls is bounded,
/// but a worker that sends as many as it may, each as large as it may, would take all of the host's memory. As much as
/// it may leave unread of large answers.
const LARGE_ARGUMENTS: u64 = 1 << 30;
/// Arguments up to this are small: the bound on the number of calls bounds them, too.
const SMALL_ARGUMENTS: usize = 64 << 10;

/// Calls that run, by the connection's worker and the call's id.
#[derive(Default)]
struct Running {
    /// What a CANCEL stops.
    calls: HashMap<(u64, u64), CancellationToken>,
    /// How many bytes of large arguments they hold, by worker.
    large: HashMap<u64, u64>,
}

impl Running {
    /// A call with arguments of `size` bytes begins; `None` when its worker has too much of that running already.
    fn begin(&mut self, key: (u64, u64), size: usize) -> Option<CancellationToken> {
        if size > SMALL_ARGUMENTS {
            let held = self.large.get(&key.0).copied().unwrap_or(0) + size as u64;
            if held > LARGE_ARGUMENTS {
                return None;
            }
            self.large.insert(key.0, held);
        }
        Some(self.calls.entry(key).insert_entry(CancellationToken::new()).get().clone())
    }

    /// A call that began has ended.
    fn end(&mut self, key: (u64, u64), size: usize) {
        self.calls.remove(&key);
        if size > SMALL_ARGUMENTS
            && let Entry::Occupied(mut held) = self.large.entry(key.0)
        {
            *held.get_mut() -= size as u64;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("catalogue", &*self.look()).finish_non_exhaustive()
    }
}

impl Registry {
    /// Takes in tools for everybody; refuses bad names and doubles.
    pub(crate) fn new(tools: Tools, states: States, sessions: Sessions) -> Result<Self> {
        let mut catalogue = Catalogue::default();
        catalogue.register_global(tools, &states)?;
        Ok(Self { catalogue: RwLock::new(catalogue), states: Arc::new(states), sessions, running: Mutex::default() })
    }

    /// From now on the tools of a session end with it.
    pub(crate) fn end_with_sessions(self: &Arc<Self>) {
        let registry = Arc::downgrade(self);
        self.sessions.on_end(move |session| {
            if let Some(registry) = registry.upgrade() {
                registry.change().forget(session);
            }
        });
    }

    /// Adds tools for one session: all of them, or none and the reason. They end with it.
    pub(super) fn register(&self, session: &Identity, tools: Tools) -> Result<()> {
        let register = || self.change().register(session.id(), tools, &self.states);
        self.sessions.while_it_lives(session, register)
    }

    /// Takes a tool away from a session; returns whether it was there.
    pub(super) fn unregister(&self, session: &Identity, name: &str) -> bool {
        let unregister = || Ok(self.change().unregister(session.id(), name));
        self.sessions.while_it_lives(session, unregister).unwrap_or(false)
    }

    /// The generation of the tools that a call in this session may use, as the CALL tells the worker.
    pub fn generation(&self, session: Option<&str>) -> u64 {
        self.look().generation(session)
    }

    pub(super) fn look(&self) -> std::sync::RwLockReadGuard<'_, Catalogue> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> std::sync::RwLockWriteGuard<'_, Catalogue> {
        self.catalogue.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs what a worker asked for in a task of its own on `runtime`, and answers it.
    pub fn serve(self: &Arc<Self>, runtime: &Handle, link: &Arc<Link>, incoming: Incoming) {
        let (registry, link) = (Arc::clone(self), Arc::clone(link));
        let key = (link.worker(), incoming.id);
        let size = incoming.body.len();
        let begun = registry.lock().begin(key, size);
        let Some(cancellation) = begun else {
            link.answer(key.1, &Err(too_much()));
            return;
        };
        runtime.spawn(async move {
            let result = registry.run(incoming, &cancellation).await;
            registry.lock().end(key, size);
            link.answer(key.1, &result);
        });
    }

    /// Stops call `id` of `worker`, if it runs.
    pub fn cancel(&self, worker: u64, id: u64) {
        if let Some(cancellation) = self.lock().calls.get(&(worker, id)) {
            cancellation.cancel();
        }
    }

    /// Stops everything that runs for `worker`: it is gone.
    pub fn cancel_worker(&self, worker: u64) {
        for ((of, _), cancellation) in &self.lock().calls {
            if *of == worker {
                cancellation.cancel();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, incoming: Incoming, cancellation: &CancellationToken) -> Result<Bytes> {
        if incoming.stream {
            return Err(Error::invalid_argument(format!("host tool `{}` does not stream", incoming.target)));
        }
        if incoming.target == LIST {
            let session = incoming.parent.as_ref().and_then(|parent| parent.request.session.as_deref());
            return body::encode(&self.look().listing(session));
        }
        // A tool belongs to the call that uses it: its session and its deadline are that call's, whatever the worker
        // says.
        let Some(parent) = incoming.parent.filter(|parent| !parent.is_done()) else {
            return Err(Error::new(ErrorKind::CallEnded, Executed::Never));
        };
        if Sessions::answers(&incoming.target) {
            return self.sessions.answer(parent.session.as_deref(), &incoming.target, &incoming.body).await;
        }
        let Registered { descriptor, tool } =
            self.look().find_exposed(parent.request.session.as_deref(), &incoming.target)?.clone();
        let own = descriptor.timeout;
        let asked = incoming.remaining.map(Duration::from_millis);
        let nearest = [own, asked].into_iter().flatten().min();
        let deadline = [nearest.and_then(|timeout| Instant::now().checked_add(timeout)), parent.deadline]
            .into_iter()
            .flatten()
            .min();
        let context = ToolContext {
            session: parent.request.session.clone(),
            session_state: parent.session.as_ref().map(|session| self.sessions.state(session)),
            deadline,
            cancellation: cancellation.clone(),
            states: Arc::clone(&self.states),
        };
        let body = incoming.body;
        let run = async {
            match tool.call(context, body) {
                Answer::Value(answer) => answer.await,
                Answer::Stream(_) => Err(Error::invalid_argument(format!("host tool `{}` streams", descriptor.name))),
            }
        };
        let work = AssertUnwindSafe(INHERITED.scope(deadline, run)).catch_unwind();
        // Only the tool's own timeout is kept here. The deadlines of those who wait are kept by them: they cancel.
        let expiry = async {
            match own {
                Some(own) => tokio::time::sleep(own).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = work => result.unwrap_or_else(|panic| Err(panicked(&descriptor.name, panic.as_ref()))),
            () = cancellation.cancelled() => Err(Error::new(ErrorKind::Cancelled, Executed::Maybe)),
            () = expiry => {
                let timeout = own.unwrap_or_default();
                Err(Error::new(ErrorKind::DeadlineExceeded { timeout, phase: Phase::Run }, Executed::Maybe))
            }
        }
    }
}

/// The answer to a call that would make its worker hold too much.
fn too_much() -> Error {
    let message = format!(
        "the arguments of running host tools are limited to {LARGE_ARGUMENTS} bytes for each worker; wait for some of them"
    );
    let exception = Box::new(Exception::new("queue_full", message));
    Error::new(ErrorKind::Other { code: "queue_full".to_owned(), exception }, Executed::Never)
}

pub(super) fn panicked(tool: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(without a message)".to_owned());
    let message = format!("host tool `{tool}` panicked: {message}");
    let kind = ErrorKind::HostTool { code: "panic".to_owned(), message, data: None };
    Error::new(kind, Executed::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_arguments_of_one_worker_are_bounded_together_until_their_calls_end() {
        let mut running = Running::default();
        let half = 1 << 29;
        let mut begins = |key, size| running.begin(key, size).is_some();
        assert!(begins((1, 2), half) && begins((1, 4), half), "as much as it may");
        assert!(!begins((1, 6), SMALL_ARGUMENTS + 1), "one more than it may");
        assert!(begins((1, 8), SMALL_ARGUMENTS), "small ones are bounded by their number");
        assert!(begins((2, 2), half), "another worker has its own");
        running.end((1, 8), SMALL_ARGUMENTS);
        assert!(running.begin((1, 10), half).is_none());
        running.end((1, 2), half);
        assert!(running.begin((1, 10), half).is_some());
        for (key, size) in [((1, 4), half), ((1, 10), half), ((2, 2), half)] {
            running.end(key, size);
        }
        assert!(running.calls.is_empty() && running.large.is_empty(), "nothing is left behind");
        let error = too_much();
        assert_eq!((error.code(), error.executed()), ("queue_full", Executed::Never));
    }
}
