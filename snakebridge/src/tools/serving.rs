//! Running what workers ask for: each in a task of its own, inside the call that it belongs to.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_util::sync::CancellationToken;

use super::callback::lent;
use super::catalogue::{Catalogue, Registered};
use super::registry::LIST;
use super::running::Running;
use super::{Answer, Registry, ToolContext};
use crate::body;
use crate::error::{Error, ErrorKind, Executed, Phase, Result, panic_message};
use crate::link::{Chain, Incoming, Link};
use crate::session::Sessions;
use crate::wire::peer::Refused;

tokio::task_local! {
    /// The tool that the current task runs, as calls that it makes see it.
    static CHAIN: Chain;
}

/// Inside a tool: what calls that it makes are part of.
pub(crate) fn current_chain() -> Option<Chain> {
    CHAIN.try_with(Clone::clone).ok()
}

/// `work` as a part of the tool that the current task runs, though another thread does it.
pub(super) fn carried<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let chain = current_chain();
    move || match chain {
        Some(chain) => CHAIN.sync_scope(chain, work),
        None => work(),
    }
}

/// What comes of a call of a worker.
enum Served {
    /// The body of the reply.
    Value(Bytes),
    /// A stream, which has been sent and ended.
    Streamed,
}

/// A call of a worker that is being served. Its end is noted when this is dropped.
struct Serving {
    registry: Arc<Registry>,
    link: Arc<Link>,
    incoming: Incoming,
    size: usize,
    cancellation: CancellationToken,
}

impl Registry {
    /// Runs what a worker asked for in a task of its own on `runtime`, and answers it.
    pub fn serve(self: &Arc<Self>, runtime: &Handle, link: &Arc<Link>, incoming: Incoming) {
        let (key, size) = ((link.worker(), incoming.id), incoming.body.len());
        let cancellation = CancellationToken::new();
        if let Err(error) = self.running().begin(key, size, cancellation.clone()) {
            return link.answer(incoming.id, &Err(error));
        }
        let begun = match &incoming.parent {
            Some((_, parent)) => parent.begin_host_call(key, &cancellation),
            None => Ok(()),
        };
        let (registry, link) = (Arc::clone(self), Arc::clone(link));
        let serving = Serving { registry, link, incoming, size, cancellation };
        match begun {
            Ok(()) => {
                runtime.spawn(serving.run());
                // The last task that a thread of the runtime spawns waits where only that thread looks for it, and wakes no
                // other. Should a tool then block its thread, nobody is left who waits for I/O, and everything stands still.
                // One more task moves the tool to where others find it, and wakes one of them.
                if runtime.runtime_flavor() == RuntimeFlavor::MultiThread {
                    runtime.spawn(async {});
                }
            }
            Err(error) => serving.link.answer(key.1, &Err(error)),
        }
    }

    /// Stops call `id` of `worker`, if it runs.
    pub fn cancel(&self, worker: u64, id: u64) {
        self.running().cancel((worker, id));
    }

    /// Stops everything that runs for `worker`: it is gone.
    pub fn cancel_worker(&self, worker: u64) {
        self.running().cancel_worker(worker);
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Serving {
    async fn run(mut self) {
        let served = self.serve().await;
        // First its end, then the answer: who has that may ask for the next.
        let (link, id) = (Arc::clone(&self.link), self.incoming.id);
        drop(self);
        match served {
            Ok(Served::Value(body)) => link.answer(id, &Ok(body)),
            Ok(Served::Streamed) => {}
            Err(error) => link.answer(id, &Err(error)),
        }
    }

    async fn serve(&mut self) -> Result<Served> {
        let registry = Arc::clone(&self.registry);
        if self.incoming.target == LIST {
            if self.incoming.stream {
                return Err(wrong_manner(LIST, false));
            }
            let session = self.incoming.parent.as_ref().and_then(|(_, parent)| parent.session.as_ref());
            return body::encode(&registry.seen_from(session, Catalogue::listing)).map(Served::Value);
        }
        // A tool belongs to the call that uses it: its session and its deadline are that call's, whatever the worker
        // says.
        let Some((parent_id, parent)) = self.incoming.parent.clone() else {
            return Err(Error::new(ErrorKind::CallEnded, Executed::Never));
        };
        if Sessions::answers(&self.incoming.target) {
            if self.incoming.stream {
                return Err(wrong_manner(&self.incoming.target, false));
            }
            let Incoming { target, body, .. } = &self.incoming;
            return registry.sessions.answer(parent.session.as_deref(), target, body).await.map(Served::Value);
        }
        let session = parent.request.session.clone();
        let find = |catalogue: &Catalogue, session: Option<&str>| {
            catalogue.find_exposed(session, &self.incoming.target).cloned()
        };
        let lent = lent(&parent, &self.incoming.target);
        let found = lent.map_or_else(|| registry.seen_from(parent.session.as_ref(), find), Ok)?;
        let Registered { descriptor, tool } = found;
        if descriptor.streaming != self.incoming.stream {
            return Err(wrong_manner(&descriptor.name, descriptor.streaming));
        }
        let deadline = self.deadline(descriptor.timeout, parent.deadline);
        // However it ends: what the tool leaves behind, a task or a thread, hears that nobody waits any more.
        let _guard = self.cancellation.clone().drop_guard();
        let asked = (self.incoming.id, self.incoming.traceparent.take());
        let chain = Chain::new(Arc::clone(&parent), Arc::clone(&self.link), asked, deadline);
        let context = ToolContext {
            session,
            session_state: parent.session.as_ref().map(|session| registry.sessions.state(session)),
            deadline,
            cancellation: self.cancellation.clone(),
            states: Arc::clone(&registry.states),
            waits: Arc::clone(registry.waits()),
            chain: Some(chain.clone()),
        };
        let body = std::mem::take(&mut self.incoming.body);
        let run = async {
            match tool.call(context, body) {
                Answer::Value(answer) if !descriptor.streaming => answer.await.map(Served::Value),
                Answer::Stream(items) if descriptor.streaming => self.send_all(items).await,
                _ => Err(wrong_answer(&descriptor.name, descriptor.streaming)),
            }
        };
        let work = AssertUnwindSafe(CHAIN.scope(chain.clone(), run)).catch_unwind();
        // Only the tool's own timeout is kept here. The deadlines of those who wait are kept by them: they cancel.
        let expiry = async {
            match descriptor.timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let served = tokio::select! {
            result = work => result.unwrap_or_else(|panic| Err(panicked(&descriptor.name, panic.as_ref()))),
            () = self.cancellation.cancelled() => {
                // Python has to hear that its caller has gone before it hears that its question has: otherwise it would
                // take this for an error of the tool.
                if parent.is_done() {
                    self.link.cancel(parent_id, "given up", Instant::now());
                    Err(Error::new(ErrorKind::CallEnded, Executed::Maybe))
                } else {
                    Err(Error::new(ErrorKind::Cancelled, Executed::Maybe))
                }
            }
            () = expiry => {
                let timeout = descriptor.timeout.unwrap_or_default();
                Err(Error::new(ErrorKind::DeadlineExceeded { timeout, phase: Phase::Run }, Executed::Maybe))
            }
        };
        chain.end();
        served
    }

    /// When nobody waits any more: the tool's own timeout, what the worker asked for, and the end of the call inside which
    /// it asks.
    fn deadline(&self, own: Option<Duration>, parent: Option<Instant>) -> Option<Instant> {
        let asked = self.incoming.remaining.map(Duration::from_millis);
        let nearest = [own, asked].into_iter().flatten().min();
        let nearest = nearest.and_then(|timeout| Instant::now().checked_add(timeout));
        [nearest, parent].into_iter().flatten().min()
    }

    /// Sends the items of a stream while the worker has room for them; nothing is asked of it before.
    async fn send_all(&self, items: impl Stream<Item = Result<Bytes>>) -> Result<Served> {
        let answer = self.link.begin_stream(self.incoming.id);
        let mut items = std::pin::pin!(items);
        loop {
            answer.room().await;
            match items.next().await {
                Some(Ok(item)) => match answer.send(&item) {
                    Ok(()) => {}
                    Err(Refused::TooLarge { size, limit }) => {
                        return Err(Error::new(ErrorKind::PayloadTooLarge { size, limit }, Executed::Yes));
                    }
                    // Nobody waits for it any more.
                    Err(_) => return Ok(Served::Streamed),
                },
                Some(Err(error)) => return Err(error),
                None => {
                    answer.end();
                    return Ok(Served::Streamed);
                }
            }
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let key = (self.link.worker(), self.incoming.id);
        self.registry.running().end(key, self.size);
        if let Some((_, parent)) = &self.incoming.parent {
            parent.end_host_call(key);
        }
    }
}

/// The error for a worker that asks for one value where there is a stream, or for a stream where there is one value.
fn wrong_manner(tool: &str, streaming: bool) -> Error {
    Error::invalid_argument(if streaming {
        format!("host tool `{tool}` answers with a stream: iterate over `stream_tool(\"{tool}\", ..)`")
    } else {
        format!("host tool `{tool}` answers with one value: get it by `call_tool(\"{tool}\", ..)`")
    })
}

/// The error for a tool that does not do as it says.
fn wrong_answer(tool: &str, streaming: bool) -> Error {
    let (says, does) = if streaming { ("a stream", "one value") } else { ("one value", "a stream") };
    let message = format!("host tool `{tool}` says that it answers with {says}, and answered with {does}");
    Error::new(ErrorKind::HostTool { code: "error".to_owned(), message, data: None }, Executed::Yes)
}

pub(super) fn panicked(tool: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let message = format!("host tool `{tool}` panicked: {}", panic_message(panic));
    let kind = ErrorKind::HostTool { code: "panic".to_owned(), message, data: None };
    Error::new(kind, Executed::Yes)
}
