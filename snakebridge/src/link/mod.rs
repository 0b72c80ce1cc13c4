//! One connection to a worker: the sans-I/O [`Peer`](crate::wire::Peer) driven by tokio over any pair of byte streams.
//!
//! While the connection is quiet, callers write their frames themselves, and fetch an answer that is there already; as
//! soon as several calls are in flight a writer task gathers frames into larger writes. A reader task parses what comes
//! and completes calls. Reader and writer never wait for each other, so two peers that both write more than a pipe
//! holds cannot deadlock.

mod call;
mod reader;
#[cfg(test)]
mod tests;
mod tool_name;
mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::io::AsyncWrite;
use tokio::sync::mpsc::UnboundedSender;

pub(crate) use self::call::{Item, Next, OwnedRequest, PendingCall, Stage};
use self::reader::Reading;
pub(crate) use self::reader::{Control, Incoming, Service, Source};
pub(crate) use self::tool_name::ToolName;
use self::writer::Output;
pub(crate) use self::writer::WriteFailure;
use crate::error::{Error, ErrorKind, Executed};
use crate::wire::peer::{Refused, Request};
use crate::wire::{Limits, Millis, Peer, Role, Violation};

/// What the link keeps with each call it sent.
#[derive(Debug)]
struct Sent {
    call: Arc<PendingCall>,
    /// The position in the output after the call's last byte: below it, the worker cannot have the whole call.
    end: u64,
    /// When the caller gave up, if it did.
    cancelled: Option<Instant>,
}

/// A call that was unanswered when its connection ended.
#[derive(Debug)]
pub struct Unanswered {
    /// Its id on that connection.
    pub id: u64,
    /// The call.
    pub call: Arc<PendingCall>,
    /// Whether its last byte had been written.
    pub sent: bool,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The other side closed it or died.
    Eof,
    /// Reading failed.
    Io(String),
    /// The other side broke the protocol.
    Violation(Violation),
}

struct State {
    peer: Peer<Sent>,
    output: Output,
}

/// The two ends of a connection.
pub(crate) struct Pipes {
    /// Where to write.
    pub(crate) writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// Where to read.
    pub(crate) source: Box<dyn Source>,
}

/// What a connection begins with.
#[derive(Debug)]
pub(crate) struct Greeting<'a> {
    /// What this side accepts.
    pub(crate) limits: Limits,
    /// What the worker was launched with.
    pub(crate) nonce: &'a str,
    /// The body of our HELLO.
    pub(crate) hello: &'a [u8],
}

/// One connection. Shared by everybody who calls through it.
pub struct Link {
    /// The number of the worker behind it.
    worker: u64,
    state: Mutex<State>,
    /// The reading half, until the connection has ended. Locked before `state`, never after it.
    reading: Mutex<Option<Reading>>,
    /// Times are told to the peer in milliseconds since this instant.
    started: Instant,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}

impl Link {
    /// A connection to `worker`, and the two tasks that drive it until it ends. HELLO is the first thing written; what
    /// happens to the connection itself goes to `control`.
    pub(crate) fn start(
        worker: u64,
        pipes: Pipes,
        greeting: &Greeting<'_>,
        service: Arc<dyn Service>,
        control: UnboundedSender<Control>,
    ) -> Arc<Self> {
        let mut peer = Peer::new(Role::Host, greeting.limits, greeting.nonce);
        let mut output = Output::new(pipes.writer);
        output.append(|out| peer.hello(greeting.hello, out));
        let link = Arc::new(Self {
            worker,
            state: Mutex::new(State { peer, output }),
            reading: Mutex::new(Some(Reading::new(pipes.source, service, control))),
            started: Instant::now(),
        });
        tokio::spawn(writer::run(Arc::downgrade(&link)));
        tokio::spawn(Arc::clone(&link).read());
        link
    }

    fn reading(&self) -> MutexGuard<'_, Option<Reading>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while holding the lock would be a bug of ours; the state machine is never left half-changed by one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Millis {
        Millis::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// The number of the worker behind it.
    pub fn worker(&self) -> u64 {
        self.worker
    }

    /// Sends `call`.
    ///
    /// Refused with [`Refused::NotOpen`] when the connection is not open or not open any more: the call did not run
    /// and may go elsewhere. Otherwise says whether the call is the only one in flight.
    pub fn send(self: &Arc<Self>, call: &Arc<PendingCall>, now: Instant) -> Result<bool, Refused> {
        let request = &call.request;
        let remaining = call.deadline.map(|deadline| {
            Millis::try_from(deadline.saturating_duration_since(now).as_millis()).unwrap_or(Millis::MAX)
        });
        let wire = Request {
            target: &request.target,
            stream: request.stream,
            remaining,
            session: request.session.as_deref(),
            parent: None,
            meta: request.meta.as_deref(),
            body: &request.body,
        };
        let mut state = self.lock();
        let State { peer, output } = &mut *state;
        let sent = Sent { call: Arc::clone(call), end: 0, cancelled: None };
        let id = output.append(|out| peer.call(&wire, sent, out)).map_err(|(refused, _)| refused)?;
        // Noted before the lock is released: the reader cannot have seen the answer yet.
        let wanted = call.sent(self, id);
        if let Some(sent) = peer.in_flight_mut(id) {
            sent.end = output.end();
            sent.cancelled = (!wanted).then_some(now);
        }
        if !wanted {
            output.append(|out| peer.cancel(id, "given up", out));
        }
        // With nothing else in flight a write of our own is the shortest way; with more, gathering them is.
        let quiet = peer.in_flight() == 1;
        output.flush(quiet);
        Ok(quiet)
    }

    /// Tells the worker that the answer to call `id` is not wanted any more. The call stays in flight until the worker
    /// has answered it.
    pub fn cancel(&self, id: u64, reason: &str, now: Instant) {
        let mut state = self.lock();
        let State { peer, output } = &mut *state;
        if output.append(|out| peer.cancel(id, reason, out)) {
            if let Some(sent) = peer.in_flight_mut(id) {
                sent.cancelled = Some(now);
            }
            output.flush(true);
        }
    }

    /// The consumer of stream `id` took an item of `length` bytes.
    pub fn consumed(&self, id: u64, length: usize) {
        let mut state = self.lock();
        let State { peer, output } = &mut *state;
        if output.append(|out| peer.consumed(id, length, out)) {
            output.flush(true);
        }
    }

    /// Answers a call of the worker. Does nothing when the connection is over.
    pub fn answer(&self, id: u64, result: &Result<bytes::Bytes, Error>) {
        let mut state = self.lock();
        let State { peer, output } = &mut *state;
        output.answer(|out| {
            let refused = match result {
                Ok(body) => peer.reply(id, body, out).err(),
                Err(error) => peer.error(id, error.code(), error.executed(), &error.to_wire(), out).err(),
            };
            if let Some(Refused::TooLarge { size, limit }) = refused {
                let error = Error::new(ErrorKind::PayloadTooLarge { size, limit }, Executed::Yes);
                // Refused only when the call is not owed any more, and then nobody waits for it.
                let _ = peer.error(id, error.code(), error.executed(), &error.to_wire(), out);
            }
        });
        output.flush(true);
    }

    /// How many unanswered calls the worker allows.
    pub(crate) fn call_limit(&self) -> usize {
        usize::try_from(self.lock().peer.peer_limits().calls).unwrap_or(usize::MAX)
    }

    /// Calls of ours that are unanswered, cancelled ones included.
    pub fn in_flight(&self) -> usize {
        self.lock().peer.in_flight()
    }

    /// Visits every unanswered call of ours with its id and, when its caller has given up, since when.
    pub fn for_each(&self, mut visit: impl FnMut(u64, &Arc<PendingCall>, Option<Instant>)) {
        for (id, sent) in self.lock().peer.calls() {
            visit(id, &sent.call, sent.cancelled);
        }
    }

    /// Closes the writing half: the worker sees the end of its input and ends itself.
    pub fn close_output(&self) {
        self.lock().output.close();
    }

    /// Ends the connection and hands back what was unanswered, oldest first.
    pub fn close(&self) -> Vec<Unanswered> {
        let mut state = self.lock();
        state.output.close();
        let written = state.output.written();
        let unanswered = state.peer.close();
        unanswered.into_iter().map(|(id, sent)| Unanswered { id, call: sent.call, sent: sent.end <= written }).collect()
    }

    fn pong(&self, nonce: u64) {
        let mut state = self.lock();
        let State { peer, output } = &mut *state;
        // A host runs many calls at a time and names none of them.
        output.answer(|out| peer.pong(nonce, (0, 0), out));
        output.flush(true);
    }
}
