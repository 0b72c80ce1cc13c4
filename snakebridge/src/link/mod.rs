//! One connection to a worker: the sans-I/O [`Peer`](crate::wire::Peer) driven by tokio over any pair of byte streams.
//!
//! While the connection is quiet, callers write their frames themselves, and fetch an answer that is there already; as
//! soon as several calls are in flight a writer task gathers frames into larger writes. A reader task parses what comes
//! and completes calls. Reader and writer never wait for each other, so two peers that both write more than a pipe
//! holds cannot deadlock.

mod answers;
mod batch;
mod call;
mod chain;
mod handling;
mod host_calls;
mod input;
mod reader;
mod request;
mod stage;
#[cfg(test)]
mod tests;
mod tool_name;
mod trial;
mod writer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use self::answers::Sender;
pub(crate) use self::batch::Ticket;
pub(crate) use self::call::{Kept, PendingCall};
pub(crate) use self::chain::Chain;
pub(crate) use self::handling::Handling;
pub use self::handling::Priority;
pub(crate) use self::host_calls::queue_full;
use self::reader::Reading;
pub(crate) use self::reader::{Control, Incoming, Service, Source, Told};
use self::request::ArgumentsOf;
pub(crate) use self::request::OwnedRequest;
pub(crate) use self::stage::{Item, Next, Stage};
pub(crate) use self::tool_name::{RELEASE, ToolName};
pub(crate) use self::trial::{Answer, Trial};
use self::writer::Output;
pub(crate) use self::writer::WriteFailure;
use crate::seeded::{self, Bug};
use crate::wire::peer::{Refused, Request};
use crate::wire::{CallName, Limits, Millis, Peer, Role, Violation};

/// What the link keeps with each call it sent.
#[derive(Debug)]
struct Sent {
    call: Arc<PendingCall>,
    /// The position in the output after the call's last byte: below it, the worker cannot have the whole call. Beyond
    /// everything while its arguments are on their way in fragments.
    end: u64,
    /// When the caller gave up, if it did.
    cancelled: Option<Instant>,
    /// How much of its large result has come, at the last look.
    answered: u64,
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
    /// Small frames since the last fragment of a large body.
    small_frames: u32,
    /// Calls whose large arguments have all been written, until the writer task tells.
    arrived: Vec<Arc<PendingCall>>,
    /// Streams that wait until what is pending is written.
    held_back: Vec<Sender>,
    /// Streams that answer calls of the worker, by the calls' ids; told when there may be room.
    streams: HashMap<u64, Arc<Notify>>,
}

/// So many small frames pass a large body before a fragment of it goes first.
const SMALL_FRAMES: u32 = 32;
/// Bytes of large answers that a worker may have asked for and not read, before it counts as one that asks and does not
/// listen.
const UNREAD_LARGE_ANSWERS: u64 = 1 << 30;
/// Items of streams wait while so many bytes are pending. Credit alone does not bound them: it is the worker's to
/// choose.
const PULLED_AHEAD: u64 = 1 << 20;
/// A large result that nobody wants any more has to come on by so much in each grace.
const PROGRESS: u64 = 1 << 20;
/// So many fragments are written in a row before others get at the connection.
const FRAGMENTS: u32 = 4;

impl State {
    /// Sees to it that what was appended gets written: at once if `direct`, else by the writer task in its turn.
    fn flush(&mut self, direct: bool) {
        if self.peer.has_fragments() {
            self.small_frames += 1;
            if self.small_frames >= SMALL_FRAMES {
                self.append_fragment();
            }
            self.output.flush(direct);
            self.output.wake_task();
        } else {
            self.output.flush(direct);
        }
    }

    /// Writes what is pending, then large bodies, fragment by fragment. Ready when there is nothing left.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..FRAGMENTS {
            if self.output.poll_write(context).is_pending() {
                return Poll::Pending;
            }
            if !self.append_fragment() {
                return Poll::Ready(());
            }
        }
        // Others have something to say as well, and the lock is theirs meanwhile.
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Appends a fragment of a large body, if there is one.
    fn append_fragment(&mut self) -> bool {
        let Self { peer, output, small_frames, arrived, streams, .. } = self;
        *small_frames = 0;
        if output.is_closed() {
            return false;
        }
        let Some(fragment) = output.append(|out| peer.fragment(out)) else { return false };
        if !fragment.last {
            return true;
        }
        match peer.in_flight_mut(fragment.id) {
            Some(sent) if fragment.stream == 0 => {
                sent.end = output.end();
                arrived.push(Arc::clone(&sent.call));
            }
            Some(sent) => sent.call.has_room(),
            None => {
                if let Some(room) = streams.get(&fragment.id) {
                    room.notify_one();
                }
            }
        }
        true
    }
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
    /// What a call on it is known by, but for its id.
    name: CallName,
    state: Mutex<State>,
    /// The reading half, until the connection has ended. Locked before `state`, never after it.
    reading: Mutex<Option<Reading>>,
    /// Times are told to the peer in milliseconds since this instant.
    started: Instant,
    service: Arc<dyn Service>,
    /// The last PING of ours that was answered.
    last_pong: AtomicU64,
    /// Where streams among arguments are pulled: calls may be sent by somebody who is in no runtime at all.
    runtime: Handle,
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
            name: CallName::new(greeting.nonce, 0),
            state: Mutex::new(State {
                peer,
                output,
                small_frames: 0,
                arrived: Vec::new(),
                held_back: Vec::new(),
                streams: HashMap::new(),
            }),
            reading: Mutex::new(Some(Reading::new(pipes.source, Arc::clone(&service), control))),
            service,
            started: Instant::now(),
            last_pong: AtomicU64::new(0),
            runtime: Handle::current(),
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

    /// What call `id` on it is known by, where it has no correlation id.
    pub(super) fn name_of(&self, id: u64) -> CallName {
        self.name.of(id)
    }

    /// Sends `call`.
    ///
    /// Refused with [`Refused::NotOpen`] when the connection is not open or not open any more: the call did not run
    /// and may go elsewhere. Otherwise says whether the call is the only one in flight.
    pub fn send(self: &Arc<Self>, call: &Arc<PendingCall>, now: Instant) -> Result<bool, Refused> {
        let (request, meta) = (&call.request, call.meta());
        let remaining = call.deadline.map(|deadline| {
            Millis::try_from(deadline.saturating_duration_since(now).as_millis()).unwrap_or(Millis::MAX)
        });
        let remaining = remaining.filter(|_| !seeded::has(Bug::LostDeadline));
        let wire = Request {
            target: &request.target,
            stream: request.stream,
            inputs: request.inputs,
            remaining,
            session: request.session.as_deref(),
            parent: call.chain().and_then(|chain| chain.parent_on(self)),
            meta: meta.as_deref(),
            tools: request.tools,
            window: call.handling.window,
        };
        let mut state = self.lock();
        let State { peer, output, .. } = &mut *state;
        if output.is_closed() {
            return Err(Refused::NotOpen);
        }
        let sent = Sent { call: Arc::clone(call), end: u64::MAX, cancelled: None, answered: 0 };
        let id =
            output.append(|out| peer.call(&wire, &ArgumentsOf(call), sent, out)).map_err(|(refused, _)| refused)?;
        // Noted before the lock is released: the reader cannot have seen the answer yet.
        let wanted = call.sent(self, id, now);
        let is_whole = call.body().len() <= peer.peer_limits().fragment();
        if let Some(sent) = peer.in_flight_mut(id) {
            if is_whole {
                sent.end = output.end();
            }
            sent.cancelled = (!wanted).then_some(now);
        }
        if !wanted {
            output.append(|out| peer.cancel(id, "given up", out));
        }
        // With nothing else in flight a write of our own is the shortest way; with more, gathering them is.
        let quiet = peer.in_flight() == 1;
        state.flush(quiet);
        drop(state);
        if !wanted {
            self.service.gave_up();
        }
        if request.inputs > 0
            && let Some(streams) = call.take_inputs()
        {
            input::send_all(&self.runtime, call, streams);
        }
        Ok(quiet)
    }

    /// Sends an item of stream `number` among the arguments of call `id`.
    fn send_input(&self, id: u64, number: u64, item: &Bytes) -> Result<(), Refused> {
        let mut state = self.lock();
        let State { peer, output, .. } = &mut *state;
        output.append(|out| peer.input_item(id, number, item, out))?;
        state.flush(true);
        Ok(())
    }

    /// Ends stream `number` among the arguments of call `id`.
    fn end_input(&self, id: u64, number: u64) {
        let mut state = self.lock();
        let State { peer, output, .. } = &mut *state;
        // Refused when the call is answered.
        let _ = output.append(|out| peer.end_input(id, number, out));
        state.flush(true);
    }

    /// Whether the worker has room for an item of stream `number` among the arguments of call `id`.
    fn has_room_for_input(&self, id: u64, number: u64) -> bool {
        let mut state = self.lock();
        let State { peer, output, held_back, .. } = &mut *state;
        if !peer.may_send_input(id, number) {
            return false;
        }
        let has_room = output.end() - output.written() < PULLED_AHEAD;
        if !has_room && let Some(sent) = peer.in_flight_mut(id) {
            held_back.push(Sender::Arguments(Arc::clone(&sent.call)));
        }
        has_room
    }

    /// Tells the worker that the answer to call `id` is not wanted any more. The call stays in flight until the worker
    /// has answered it.
    pub fn cancel(&self, id: u64, reason: &str, now: Instant) {
        let mut state = self.lock();
        let State { peer, output, .. } = &mut *state;
        if output.append(|out| peer.cancel(id, reason, out)) {
            if let Some(sent) = peer.in_flight_mut(id) {
                sent.cancelled = Some(now);
            }
            state.flush(true);
        }
    }

    /// The consumer of stream `id` took an item of `length` bytes.
    pub fn consumed(&self, id: u64, length: usize) {
        let mut state = self.lock();
        let State { peer, output, .. } = &mut *state;
        if output.append(|out| peer.consumed(id, 0, length, out)) {
            state.flush(true);
        }
    }

    /// How many unanswered calls the worker allows.
    pub(crate) fn call_limit(&self) -> usize {
        usize::try_from(self.lock().peer.peer_limits().calls).unwrap_or(usize::MAX)
    }

    /// Calls of ours that are unanswered, cancelled ones included.
    pub fn in_flight(&self) -> usize {
        self.lock().peer.in_flight()
    }

    /// Visits every unanswered call of ours with its id and, when its caller has given up, since when. A call has reacted
    /// as long as a large result of it goes on coming: for it, the time counts from the last look at which it had.
    pub fn for_each(&self, mut visit: impl FnMut(u64, &Arc<PendingCall>, Option<Instant>)) {
        let now = Instant::now();
        for (id, sent, received) in self.lock().peer.calls_mut() {
            if sent.cancelled.is_some() && received.bytes >= sent.answered + PROGRESS {
                sent.answered = received.bytes;
                sent.cancelled = Some(now);
            }
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

    /// Asks whether the worker is there; [`last_pong`](Self::last_pong) tells when it has answered. Later numbers are
    /// greater.
    pub(crate) fn ping(&self, nonce: u64) {
        let mut state = self.lock();
        let State { peer, output, .. } = &mut *state;
        output.answer(|out| peer.ping(nonce, out));
        state.flush(true);
    }

    /// The greatest number of a question that was answered, 0 before the first.
    pub(crate) fn last_pong(&self) -> u64 {
        self.last_pong.load(Ordering::Relaxed)
    }

    fn pong(&self, nonce: u64) {
        let mut state = self.lock();
        let State { peer, output, .. } = &mut *state;
        // A host runs many calls at a time and names none of them.
        output.answer(|out| peer.pong(nonce, (0, 0), out));
        state.flush(true);
    }
}
