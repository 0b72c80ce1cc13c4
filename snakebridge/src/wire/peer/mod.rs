//! The symmetric peer: one side of a connection as a state machine.
//!
//! Both sides are the same machine; they differ in the parity of their ids and in who says READY. A driver feeds it
//! parsed frames ([`Peer::receive`]) and acts on the [`Event`] it gets; and it lets the peer write frames into an
//! output buffer of the driver's own ([`Peer::call`], [`Peer::reply`], …), which keeps the locks of the two drivers
//! (one tokio task and many callers; one Python thread and a native watcher) out of this module.
//!
//! Invariants, kept here and tested in `tests`: every call of ours ends in exactly one terminal event or is handed back
//! by [`Peer::close`]; no id is used twice; items are delivered in order and only with credit; a terminal frame is
//! written exactly once for each call we serve.

mod budget;
mod event;
mod receive;
#[cfg(test)]
mod tests;

use self::budget::Budget;
pub use self::event::Event;
use super::codec;
use super::credit::{ReceiveWindow, SendWindow};
use super::frame::{CallHeader, call_flag, check_meta};
use super::limits::{is_session_id, is_target};
use super::table::Table;
use super::{Header, Limits, Millis, VERSIONS};
use crate::wire::Executed;

/// Which side of the connection a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Starts the worker, sends odd ids.
    Host,
    /// Is started, sends even ids, says READY.
    Worker,
}

/// The longest reason of a CANCEL and the longest error code, in bytes: headers are short.
const MAX_REASON: usize = 512;
const MAX_CODE: usize = 128;

/// As much of `text` as fits `limit` bytes.
fn shortened(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// How far the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// HELLO of the other side has not come.
    Greeting,
    /// HELLOs are exchanged; the worker is not ready.
    Starting,
    /// Calls may travel.
    Open,
}

/// A call of ours that waits for its answer.
#[derive(Debug)]
struct Outgoing<T> {
    data: T,
    /// The state of the stream we receive, when we asked for one.
    stream: Option<Receiving>,
    cancelled: bool,
}

#[derive(Debug)]
struct Receiving {
    window: ReceiveWindow,
    next_sequence: u64,
}

/// A call of the peer that we owe an answer.
#[derive(Debug)]
struct Serving {
    /// The state of the stream we send, when the peer asked for one.
    stream: Option<Sending>,
}

#[derive(Debug)]
struct Sending {
    window: SendWindow,
    sequence: u64,
}

/// What a call of ours says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The tool, or a system target.
    pub target: &'a str,
    /// Whether items are wanted instead of one reply.
    pub stream: bool,
    /// Milliseconds until the deadline.
    pub remaining: Option<Millis>,
    /// The session it runs in.
    pub session: Option<&'a str>,
    /// The call of the peer inside which it is made.
    pub parent: Option<u64>,
    /// An encoded metadata map.
    pub meta: Option<&'a [u8]>,
    /// The encoded arguments.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// Whether the peer would take it: what is a breach of the protocol to the receiver must not be sent.
    fn check(&self) -> Result<(), Refused> {
        if !is_target(self.target) {
            return Err(Refused::Invalid("the tool's name is outside the grammar of names"));
        }
        if self.session.is_some_and(|session| !is_session_id(session)) {
            return Err(Refused::Invalid("the session id is empty, too long or not printable"));
        }
        match self.meta.map(check_meta) {
            Some(Err(_)) => Err(Refused::Invalid("the metadata is no map, too large or nested too deeply")),
            _ => Ok(()),
        }
    }
}

/// Why a frame was not written. Nothing was changed or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The connection is not open, or not open any more.
    NotOpen,
    /// The body is larger than the peer accepts.
    TooLarge {
        /// Bytes of the body.
        size: u64,
        /// What the peer accepts.
        limit: u64,
    },
    /// As many calls as the peer allows are unanswered.
    TooMany,
    /// The call is not one that we are serving, or not in this manner (stream or single reply).
    NotServed,
    /// The target, session or metadata is one that no peer would take; the text says which and why.
    Invalid(&'static str),
    /// The stream has no credit: wait for [`Event::Credit`].
    NoCredit,
}

/// One side of a connection. `T` is what the driver keeps with each call it sent.
#[derive(Debug)]
pub struct Peer<T> {
    role: Role,
    ours: Limits,
    theirs: Limits,
    nonce: String,
    phase: Phase,
    closed: bool,
    next_id: u64,
    last_incoming: u64,
    calls: Table<Outgoing<T>>,
    served: Table<Serving>,
    finished: u64,
    control_budget: Budget,
    stray_budget: Budget,
}

/// Control frames (PING, CREDIT, CANCEL …) a second, beyond which somebody floods us. Honest credit is granted for half
/// a window at a time, so a thousand of them stand for more than a hundred megabytes.
const CONTROL_PER_SECOND: u32 = 20_000;
/// Answers to calls we never made, a minute. Answers to cancelled calls are known and do not count.
const STRAYS_PER_MINUTE: u32 = 100;

impl<T> Peer<T> {
    /// A side of a connection that has not said anything. `nonce` is what the worker was launched with.
    pub fn new(role: Role, limits: Limits, nonce: impl Into<String>) -> Self {
        Self {
            role,
            ours: limits,
            theirs: Limits::default(),
            nonce: nonce.into(),
            phase: Phase::Greeting,
            closed: false,
            next_id: if role == Role::Host { 1 } else { 2 },
            last_incoming: 0,
            calls: Table::default(),
            served: Table::default(),
            finished: 0,
            control_budget: Budget::new(CONTROL_PER_SECOND, 1_000),
            stray_budget: Budget::new(STRAYS_PER_MINUTE, 60_000),
        }
    }

    /// What we accept. Drivers need the frame limit to parse.
    pub fn limits(&self) -> &Limits {
        &self.ours
    }

    /// What the other side accepts, once its HELLO has come.
    pub fn peer_limits(&self) -> &Limits {
        &self.theirs
    }

    /// Whether calls may be sent.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open && !self.closed
    }

    /// Calls of ours that wait for an answer, cancelled ones included.
    pub fn in_flight(&self) -> usize {
        self.calls.len()
    }

    /// Calls of the peer that we owe an answer.
    pub fn serving(&self) -> usize {
        self.served.len()
    }

    /// Calls of the peer that we have answered.
    pub fn finished(&self) -> u64 {
        self.finished
    }

    /// Writes our HELLO; `body` says who we are. The first thing a driver does.
    pub fn hello(&mut self, body: &[u8], out: &mut Vec<u8>) {
        let header = Header::Hello { versions: VERSIONS, limits: self.ours, nonce: &self.nonce };
        codec::write(out, &header, body);
    }

    /// A worker says that calls may come; `body` is the array of its tools' names.
    pub fn ready(&mut self, manifest_hash: &str, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
        if self.role != Role::Worker || self.phase != Phase::Starting || self.closed {
            return Err(Refused::NotOpen);
        }
        self.phase = Phase::Open;
        codec::write(out, &Header::Ready { manifest_hash }, body);
        Ok(())
    }

    /// A worker says why it cannot start.
    pub fn start_failed(&mut self, body: &[u8], out: &mut Vec<u8>) {
        let body = &body[..body.len().min(super::limits::MAX_HANDSHAKE)];
        codec::write(out, &Header::Error { id: 0, code: "start_failed", executed: Executed::Never }, body);
    }

    /// Sends a call and returns its id.
    pub fn call(&mut self, request: &Request<'_>, data: T, out: &mut Vec<u8>) -> Result<u64, (Refused, T)> {
        if !self.is_open() {
            return Err((Refused::NotOpen, data));
        }
        if let Err(refused) = self.fits(request.body.len()).and_then(|()| request.check()) {
            return Err((refused, data));
        }
        if self.calls.len() as u64 >= self.theirs.calls {
            return Err((Refused::TooMany, data));
        }
        let id = self.next_id;
        self.next_id += 2;
        let header = CallHeader {
            id,
            target: request.target,
            flags: if request.stream { call_flag::STREAM } else { 0 },
            remaining: request.remaining,
            session: request.session,
            parent: request.parent,
            meta: request.meta,
        };
        codec::write(out, &Header::Call(header), request.body);
        let stream =
            request.stream.then(|| Receiving { window: ReceiveWindow::new(self.ours.window), next_sequence: 0 });
        self.calls.insert(id, Outgoing { data, stream, cancelled: false });
        Ok(id)
    }

    fn fits(&self, length: usize) -> Result<(), Refused> {
        let (size, limit) = (length as u64, self.theirs.single_frame_body());
        if size > limit { Err(Refused::TooLarge { size, limit }) } else { Ok(()) }
    }

    /// Tells the peer that an answer is not wanted any more. The call stays in flight, as a tombstone, until the peer
    /// answers it. Does nothing for calls that are answered or already cancelled; returns whether it did something.
    pub fn cancel(&mut self, id: u64, reason: &str, out: &mut Vec<u8>) -> bool {
        match self.calls.get_mut(id) {
            Some(call) if !call.cancelled && !self.closed => {
                call.cancelled = true;
                codec::write(out, &Header::Cancel { id, reason: shortened(reason, MAX_REASON) }, &[]);
                true
            }
            _ => false,
        }
    }

    /// The consumer took an item of `length` bytes from the stream of call `id`; writes CREDIT when it is due and
    /// returns whether it did.
    pub fn consumed(&mut self, id: u64, length: usize, out: &mut Vec<u8>) -> bool {
        let Some(Outgoing { stream: Some(stream), cancelled: false, .. }) = self.calls.get_mut(id) else {
            return false;
        };
        let Some(bytes) = stream.window.consume(length) else { return false };
        codec::write(out, &Header::Credit { id, stream: 0, bytes }, &[]);
        true
    }

    /// What the driver keeps with a call of ours, while it is unanswered.
    pub fn in_flight_mut(&mut self, id: u64) -> Option<&mut T> {
        self.calls.get_mut(id).map(|call| &mut call.data)
    }

    /// All unanswered calls of ours, in no order.
    pub fn calls(&self) -> impl Iterator<Item = (u64, &T)> {
        self.calls.iter().map(|(id, call)| (id, &call.data))
    }

    /// Whether we owe call `id` of the peer an answer.
    pub fn serves(&mut self, id: u64) -> bool {
        self.served.get_mut(id).is_some()
    }

    /// Answers call `id` with its result. When the result is too large, nothing is written and the call is still owed.
    pub fn reply(&mut self, id: u64, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
        match self.served.get_mut(id) {
            Some(Serving { stream: None }) => {}
            _ => return Err(Refused::NotServed),
        }
        self.fits(body.len())?;
        self.served.remove(id);
        self.finished += 1;
        codec::write(out, &Header::Reply { id }, body);
        Ok(())
    }

    /// Answers call `id` with an error; streams end with it too. A body beyond the limit is left out.
    pub fn error(
        &mut self,
        id: u64,
        code: &str,
        executed: Executed,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        self.served.remove(id).ok_or(Refused::NotServed)?;
        self.finished += 1;
        // Better an error without its details than none.
        let body = if self.fits(body.len()).is_ok() { body } else { &[] };
        codec::write(out, &Header::Error { id, code: shortened(code, MAX_CODE), executed }, body);
        Ok(())
    }

    /// Sends the next item of the stream that answers call `id`.
    pub fn item(&mut self, id: u64, flags: u64, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
        self.fits(body.len())?;
        let Some(Serving { stream: Some(stream) }) = self.served.get_mut(id) else { return Err(Refused::NotServed) };
        if !stream.window.is_open() {
            return Err(Refused::NoCredit);
        }
        stream.window.pay(body.len());
        codec::write(out, &Header::Item { id, stream: 0, sequence: stream.sequence, flags }, body);
        stream.sequence += 1;
        Ok(())
    }

    /// Whether the stream that answers call `id` may send an item now.
    pub fn may_send(&mut self, id: u64) -> bool {
        matches!(self.served.get_mut(id), Some(Serving { stream: Some(stream) }) if stream.window.is_open())
    }

    /// Ends the stream that answers call `id`; `body` is the generator's return value, or empty.
    pub fn end(&mut self, id: u64, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
        let count = match self.served.get_mut(id) {
            Some(Serving { stream: Some(stream) }) => stream.sequence,
            _ => return Err(Refused::NotServed),
        };
        self.fits(body.len())?;
        self.served.remove(id);
        self.finished += 1;
        codec::write(out, &Header::End { id, stream: 0, count }, body);
        Ok(())
    }

    /// Answers a PING: `running` is the call that runs, or 0, and for how long.
    pub fn pong(&mut self, nonce: u64, running: (u64, Millis), out: &mut Vec<u8>) {
        let (running, running_for) = running;
        codec::write(out, &Header::Pong { nonce, finished: self.finished, running, running_for }, &[]);
    }

    /// Asks for a PONG.
    pub fn ping(&mut self, nonce: u64, out: &mut Vec<u8>) {
        codec::write(out, &Header::Ping { nonce }, &[]);
    }

    /// The connection is over: nothing more is sent or accepted. Hands back every unanswered call of ours, oldest
    /// first.
    pub fn close(&mut self) -> Vec<(u64, T)> {
        self.closed = true;
        self.served.drain();
        self.calls.drain().into_iter().map(|(id, call)| (id, call.data)).collect()
    }
}
