//! The symmetric peer: one side of a connection as a state machine.
//!
//! Both sides are the same machine; they differ in the parity of their ids and in who says READY. A driver feeds it
//! parsed frames ([`Peer::receive`]) and acts on the [`Event`] it gets; and it lets the peer write frames into an
//! output buffer of the driver's own ([`Peer::call`], [`Peer::reply`], …), which keeps the locks of the two drivers
//! (one tokio task and many callers; one Python thread and a native watcher) out of this module.
//!
//! Invariants, kept here and tested in `tests`: every call of ours ends in exactly one terminal event or is handed back
//! by [`Peer::close`]; no id is used twice; items are delivered in order and only with credit; a terminal frame is
//! written exactly once for each call we serve; what a peer can make us hold is bounded by the limits we announced.

mod budget;
mod event;
mod greeting;
mod receive;
mod send;
#[cfg(test)]
mod tests;

use self::budget::Budget;
pub use self::event::Event;
use super::credit::{ReceiveWindow, SendWindow};
use super::fragment::{Assembly, Outbox};
use super::frame::check_meta;
use super::limits::{MAX_INPUTS, is_session_id, is_target};
use super::table::Table;
use super::{Limits, Millis, Violation};

/// Which side of the connection a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Starts the worker, sends odd ids.
    Host,
    /// Is started, sends even ids, says READY.
    Worker,
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
    /// The worker has said that it cannot start.
    Failed,
}

/// A call of ours that waits for its answer.
#[derive(Debug)]
struct Outgoing<T> {
    data: T,
    /// The state of the stream we receive, when we asked for one.
    stream: Option<Receiving>,
    /// The result, or the item, that is coming in fragments.
    incoming: Option<Box<Assembly>>,
    /// The streams we send as arguments; stream `n` is at `n - 1`.
    inputs: Vec<Sending>,
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
    /// Its arguments, while they are coming in fragments.
    arguments: Option<Box<Assembly>>,
    /// The streams that are its arguments; stream `n` is at `n - 1`.
    inputs: Vec<Input>,
}

#[derive(Debug)]
struct Input {
    receiving: Receiving,
    /// The item that is coming in fragments.
    incoming: Option<Box<Assembly>>,
    ended: bool,
}

#[derive(Debug)]
struct Sending {
    window: SendWindow,
    sequence: u64,
    /// A large item of it is on its way out.
    busy: bool,
    ended: bool,
}

impl Sending {
    fn new(window: u64) -> Self {
        Self { window: SendWindow::new(window), sequence: 0, busy: false, ended: false }
    }

    fn may_send(&self) -> bool {
        self.window.is_open() && !self.busy && !self.ended
    }
}

impl Receiving {
    fn new(window: u64) -> Self {
        Self { window: ReceiveWindow::new(window), next_sequence: 0 }
    }

    /// An item of `length` bytes begins to come.
    fn take(&mut self, id: u64, sequence: u64, length: u64) -> Result<(), Violation> {
        if sequence != self.next_sequence {
            return Err(Violation::StreamSequence { expected: self.next_sequence, got: sequence });
        }
        self.window.take(id, length)?;
        self.next_sequence += 1;
        Ok(())
    }
}

/// What a call of ours says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The tool, or a system target.
    pub target: &'a str,
    /// Whether items are wanted instead of one reply.
    pub stream: bool,
    /// How many streams are among the arguments, numbered from 1 as the arguments name them.
    pub inputs: u64,
    /// Milliseconds until the deadline.
    pub remaining: Option<Millis>,
    /// The session it runs in.
    pub session: Option<&'a str>,
    /// The call of the peer inside which it is made.
    pub parent: Option<u64>,
    /// An encoded metadata map.
    pub meta: Option<&'a [u8]>,
    /// The generation of the host's tools that it may use.
    pub tools: u64,
    /// The window of its stream in bytes, where that is not the one that we announced.
    pub window: Option<u64>,
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
        if self.inputs > MAX_INPUTS {
            return Err(Refused::Invalid("more than 16 of the arguments are streams"));
        }
        match self.meta.map(check_meta) {
            Some(Err(_)) => Err(Refused::Invalid("the metadata is no map, too large or nested too deeply")),
            _ => Ok(()),
        }
    }
}

/// What has come for an unanswered call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Items, the one that is coming in fragments included.
    pub items: u64,
    /// Bytes of the large result or item that is coming.
    pub bytes: u64,
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
    /// The stream has no credit, or a large item of it is still on its way out: wait for [`Event::Credit`], or for the
    /// last [`Fragment`](super::fragment::Fragment) of that item.
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
    /// Large bodies on their way out.
    outbox: Outbox,
    /// Bytes of large bodies on their way in, as far as they have begun.
    assembling: u64,
    /// What may still come of streams whose calls we have answered, in bytes.
    late: u64,
    /// We take no calls above this id.
    last_accepted: Option<u64>,
    /// The peer takes no more calls.
    ends_early: bool,
    control_budget: Budget,
    stray_budget: Budget,
    event_budget: Budget,
}

/// Control frames (PING, CREDIT, CANCEL …) a second, beyond which somebody floods us. Honest credit is granted for half
/// a window at a time, so a thousand of them stand for more than a hundred megabytes.
const CONTROL_PER_SECOND: u32 = 20_000;
/// Answers to calls we never made, a minute. Answers to cancelled calls are known and do not count.
const STRAYS_PER_MINUTE: u32 = 100;
/// EVENT frames a second, beyond which a worker floods us: several times what an honest one lets itself send.
const EVENTS_PER_SECOND: u32 = 20_000;

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
            outbox: Outbox::default(),
            assembling: 0,
            late: 0,
            last_accepted: None,
            ends_early: false,
            control_budget: Budget::new(CONTROL_PER_SECOND, 1_000),
            stray_budget: Budget::new(STRAYS_PER_MINUTE, 60_000),
            event_budget: Budget::new(EVENTS_PER_SECOND, 1_000),
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
        self.phase == Phase::Open && !self.closed && !self.ends_early
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

    /// What the driver keeps with a call of ours, while it is unanswered.
    pub fn in_flight_mut(&mut self, id: u64) -> Option<&mut T> {
        self.calls.get_mut(id).map(|call| &mut call.data)
    }

    /// All unanswered calls of ours, in no order.
    pub fn calls(&self) -> impl Iterator<Item = (u64, &T)> {
        self.calls.iter().map(|(id, call)| (id, &call.data))
    }

    /// All unanswered calls of ours, in no order, each with what has come for it.
    pub fn calls_mut(&mut self) -> impl Iterator<Item = (u64, &mut T, Received)> {
        self.calls.iter_mut().map(|(id, call)| {
            let items = call.stream.as_ref().map_or(0, |stream| stream.next_sequence);
            let bytes = call.incoming.as_ref().map_or(0, |incoming| incoming.received());
            (id, &mut call.data, Received { items, bytes })
        })
    }

    /// Whether we owe call `id` of the peer an answer.
    pub fn serves(&mut self, id: u64) -> bool {
        self.served.get_mut(id).is_some()
    }

    /// Bytes of large answers to the peer that are not written.
    pub fn unsent_answers(&self) -> u64 {
        let answers_are_odd = self.role == Role::Worker;
        self.outbox.unsent(|id| (id % 2 == 1) == answers_are_odd)
    }

    /// The peer takes no more calls: takes out those of ours above `last`, which never ran, oldest first.
    pub fn take_above(&mut self, last: u64) -> Vec<(u64, T)> {
        let mut ids: Vec<u64> = self.calls.iter().map(|(id, _)| id).filter(|&id| id > last).collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| Some((id, self.forget(id)?.data))).collect()
    }

    /// A call of ours is over: takes it out of the table, and what was still to be sent for it out of the outbox.
    fn forget(&mut self, id: u64) -> Option<Outgoing<T>> {
        let call = self.calls.remove(id)?;
        if !self.outbox.is_empty() {
            self.outbox.remove(id);
        }
        self.release(call.incoming.as_deref());
        Some(call)
    }

    /// A body on its way in is complete, or nobody wants it: its room is free.
    fn release(&mut self, assembly: Option<&Assembly>) {
        self.assembling -= assembly.map_or(0, Assembly::charge);
    }

    /// The connection is over: nothing more is sent or accepted. Hands back every unanswered call of ours, oldest
    /// first.
    pub fn close(&mut self) -> Vec<(u64, T)> {
        self.closed = true;
        self.served.drain();
        self.outbox.clear();
        self.calls.drain().into_iter().map(|(id, call)| (id, call.data)).collect()
    }
}
