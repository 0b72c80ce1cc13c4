//! The reading half: bytes to frames to completed calls.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::io::poll_read_buf;

use super::request::traceparent_of;
use super::writer::WriteFailure;
use super::{Answer, CloseReason, Item, Link, PendingCall, Sender, Sent, State, Unanswered};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::wire::codec::{self, Preamble};
use crate::wire::fragment::Whole;
use crate::wire::frame::{CallHeader, call_flag};
use crate::wire::limits::HEADER_ROOM;
use crate::wire::peer::Event;
use crate::wire::{Millis, Peer, Violation};

/// How far ahead of the data the buffer grows. A frame's announced length is a claim, not a reason to allocate.
const READ_AHEAD: usize = 64 * 1024;
/// Room below which the buffer grows. Bodies that wait for their callers keep its storage, so growing means a new one:
/// once for thousands of short replies, not once for each.
const LITTLE_ROOM: usize = 8 * 1024;

/// The least frame limit of a worker: with a smaller one a large body would be cut to dust.
const MIN_FRAME: u64 = (HEADER_ROOM + 4 * 1024) as u64;

/// Items below this are copied out of the read buffer.
const SMALL_ITEM: usize = 16 * 1024;

/// What a connection tells the one who supervises it.
#[derive(Debug)]
pub(crate) enum Control {
    /// Bytes that came before the magic.
    Noise(Bytes),
    /// The worker's HELLO body.
    Hello(Bytes),
    /// The worker is ready.
    Ready {
        /// Hash of its manifest.
        manifest_hash: String,
        /// The array of its tools' names.
        tools: Bytes,
    },
    /// The worker cannot start; the body says why.
    StartFailed(Bytes),
    /// The worker takes no more calls.
    GoingAway {
        /// Why.
        reason: String,
        /// Calls that it never ran, oldest first.
        never_ran: Vec<Unanswered>,
    },
    /// Nothing can be written any more; what can still be read may be read.
    Unwritable(WriteFailure),
    /// The connection is over.
    Closed {
        /// Why.
        reason: CloseReason,
        /// What was unanswered, oldest first.
        unanswered: Vec<Unanswered>,
    },
}

/// A call that the worker made to the host.
#[derive(Debug)]
pub struct Incoming {
    /// Its id.
    pub id: u64,
    /// The host tool, or a system target.
    pub target: String,
    /// Whether it asks for items instead of one reply.
    pub stream: bool,
    /// The encoded arguments.
    pub body: Bytes,
    /// The span of a trace in which it was made, where the worker says one.
    pub traceparent: Option<String>,
    /// How long the caller waits.
    pub remaining: Option<Millis>,
    /// The call of the host inside which it was made, with its id, if that is still running; the session and everything
    /// else that a worker must not choose itself comes from there.
    pub parent: Option<(u64, Arc<PendingCall>)>,
}

/// Something that the worker tells beside its answers.
#[derive(Debug)]
pub(crate) struct Told {
    /// See [`event_class`](crate::wire::frame::event_class).
    pub(crate) class: u64,
    /// The call of the host inside which it is told, if that is still unanswered.
    pub(crate) call: Option<Arc<PendingCall>>,
    /// So many the worker did not tell before it.
    pub(crate) dropped: u64,
    /// What it is.
    pub(crate) body: Bytes,
}

/// What a connection needs of its surroundings.
pub(crate) trait Service: Send + Sync + 'static {
    /// The worker called the host. Must not block; answers later through [`Link::answer`].
    fn call(&self, link: &Arc<Link>, call: Incoming);

    /// The worker does not want the answer to its call any more.
    fn cancel(&self, id: u64);

    /// The arguments of a call of the host, which are large, have all been written: the tool may begin.
    fn arrived(&self, call: &Arc<PendingCall>);

    /// The tool of a call of the host has ended, and its result, which is large, has begun to come.
    fn answering(&self, call: &Arc<PendingCall>);

    /// The connection has cancelled a call by itself: somebody has to look whether that helped.
    fn gave_up(&self);

    /// The worker tells something. Must not block.
    fn told(&self, told: Told);

    /// A call of the host failed. Gives the error back, or keeps it where the call is to run once more.
    fn failed(&self, call: &Arc<PendingCall>, error: Error) -> Option<Error>;

    /// A call of the host was answered: there may be room for another.
    fn finished(&self, call: &Arc<PendingCall>, answer: Answer);
}

/// What a batch of frames left to do once the lock is released.
enum Delivery {
    Finished(Arc<PendingCall>, Result<Bytes>),
    Item(Arc<PendingCall>, Item),
    Incoming(Incoming),
    Cancel(u64),
    Withdrawn(u64),
    Room(Sender),
    Answering(Arc<PendingCall>),
    Ping(u64),
    Pong(u64),
    Told(Told),
    Control(Control),
}

/// Where a connection's bytes come from.
pub(crate) trait Source: AsyncRead + Send + Unpin {
    /// Appends what can be read at once, however the runtime thinks about it; false when that is nothing.
    fn read_now(&mut self, buffer: &mut BytesMut) -> bool {
        let _ = buffer;
        false
    }
}

/// The reading half of a connection. Under a lock of its own, which is held while what was read is delivered, so that
/// everything is delivered in the order in which it came, whoever reads.
pub(super) struct Reading {
    source: Box<dyn Source>,
    buffer: BytesMut,
    /// Whether the magic has come.
    greeted: bool,
    service: Arc<dyn Service>,
    control: UnboundedSender<Control>,
    /// Kept between batches.
    deliveries: Vec<Delivery>,
    /// How often in a row there was nothing to read at once.
    misses: u32,
    /// How many chances to look are passed up.
    passes: u32,
    /// A breach found by a caller that read; the reader task reports it.
    violation: Option<Violation>,
    task: Waker,
}

/// After so many misses in a row, callers look only once in `2^MAX_MISSES` times.
const MAX_MISSES: u32 = 7;

impl Reading {
    pub(super) fn new(source: Box<dyn Source>, service: Arc<dyn Service>, control: UnboundedSender<Control>) -> Self {
        Self {
            source,
            buffer: BytesMut::with_capacity(READ_AHEAD),
            greeted: false,
            service,
            control,
            deliveries: Vec::new(),
            misses: 0,
            passes: 0,
            violation: None,
            task: Waker::noop().clone(),
        }
    }

    /// Reads until there is nothing more; ready when the connection has ended.
    fn poll_all(&mut self, link: &Arc<Link>, context: &mut Context<'_>) -> Poll<CloseReason> {
        if !self.task.will_wake(context.waker()) {
            self.task = context.waker().clone();
        }
        #[cfg(feature = "seeded-bugs")]
        if let Some(late) = crate::seeded::late_read() {
            let task = context.waker().clone();
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                task.wake();
            });
            return Poll::Pending;
        }
        loop {
            // Kept, so that no caller reads on behind it.
            if let Some(violation) = self.violation.clone() {
                return Poll::Ready(CloseReason::Violation(violation));
            }
            self.make_room();
            match ready!(poll_read_buf(Pin::new(&mut self.source), context, &mut self.buffer)) {
                Ok(0) => return Poll::Ready(CloseReason::Eof),
                Ok(_) => self.take(link),
                Err(error) => return Poll::Ready(CloseReason::Io(error.to_string())),
            }
        }
    }

    /// Looks whether an answer is there already, unless that has rarely been so of late.
    ///
    /// Where both ends share a core the worker runs as soon as it is written to, and its answer is there before the
    /// write has returned: fetching it now spares the runtime's way through the system's event queue, which costs
    /// about as much as the rest of the call. Where they do not, a look costs a system call for nothing; so looks
    /// become rare when they are in vain.
    fn look(&mut self, link: &Arc<Link>) {
        if !self.greeted || self.violation.is_some() {
            return;
        }
        if self.passes > 0 {
            self.passes -= 1;
            return;
        }
        self.make_room();
        if self.source.read_now(&mut self.buffer) {
            self.misses = 0;
            self.take(link);
            if self.violation.is_some() {
                self.task.wake_by_ref();
            }
        } else {
            self.misses = (self.misses + 1).min(MAX_MISSES);
            self.passes = (1 << self.misses) - 1;
        }
    }

    fn make_room(&mut self) {
        if self.buffer.capacity() - self.buffer.len() < LITTLE_ROOM {
            self.buffer.reserve(READ_AHEAD);
        }
    }

    /// Takes every whole frame out of the buffer and delivers what they mean. What came before a violation is delivered
    /// before its consequences.
    fn take(&mut self, link: &Arc<Link>) {
        if let Err(violation) = self.take_magic().and_then(|()| self.take_frames(link)) {
            self.violation = Some(violation);
        }
        for delivery in self.deliveries.drain(..) {
            let delivery = match delivery {
                Delivery::Finished(call, Err(error)) => match self.service.failed(&call, error) {
                    Some(error) => Delivery::Finished(call, Err(error)),
                    None => continue,
                },
                delivery => delivery,
            };
            match delivery {
                // Its caller may make the next call of its session at once, which is to find the worker free.
                Delivery::Finished(call, outcome) if call.tie.is_some() => {
                    self.service.finished(&call, Answer::of(&outcome));
                    call.complete(outcome);
                }
                Delivery::Finished(call, outcome) => {
                    let answer = Answer::of(&outcome);
                    call.complete(outcome);
                    self.service.finished(&call, answer);
                }
                Delivery::Item(call, item) => call.push(item),
                Delivery::Incoming(incoming) => self.service.call(link, incoming),
                Delivery::Cancel(id) => self.service.cancel(id),
                Delivery::Withdrawn(id) => {
                    link.answer(id, &Err(Error::new(ErrorKind::Cancelled, Executed::Never)));
                }
                Delivery::Room(sender) => sender.tell(),
                Delivery::Answering(call) => self.service.answering(&call),
                Delivery::Told(told) => self.service.told(told),
                Delivery::Ping(nonce) => link.pong(nonce),
                Delivery::Pong(nonce) => drop(link.last_pong.fetch_max(nonce, Ordering::Relaxed)),
                // Nobody listens any more only when the host shuts down.
                Delivery::Control(control) => drop(self.control.send(control)),
            }
        }
    }

    /// Skips what comes before the magic, and the magic.
    fn take_magic(&mut self) -> Result<(), Violation> {
        if self.greeted {
            return Ok(());
        }
        match codec::find_magic(&self.buffer) {
            Ok(Preamble::Incomplete) => {}
            Ok(Preamble::Found { noise, end }) => {
                let preamble = self.buffer.split_to(end).freeze();
                if noise > 0 {
                    self.deliveries.push(Delivery::Control(Control::Noise(preamble.slice(..noise))));
                }
                self.greeted = true;
            }
            Err(violation) => {
                self.deliveries.push(Delivery::Control(Control::Noise(self.buffer.split().freeze())));
                return Err(violation);
            }
        }
        Ok(())
    }

    fn take_frames(&mut self, link: &Link) -> Result<(), Violation> {
        if !self.greeted {
            return Ok(());
        }
        let now = link.now();
        let mut state = link.lock();
        let State { peer, streams, .. } = &mut *state;
        let limit = peer.limits().frame;
        while let Some(length) = codec::frame_length(&self.buffer, limit)?
            && self.buffer.len() >= length
        {
            let frame = self.buffer.split_to(length).freeze();
            let Some(parsed) = codec::parse(&frame, limit)? else { break };
            let body = frame.slice(parsed.body.clone());
            let whole_header;
            let (event, body) = match peer.receive(&parsed.header, &body, now)? {
                Event::Assembled(Whole { header, body }) => {
                    whole_header = header;
                    (peer.complete(&whole_header)?, Bytes::from(body))
                }
                event => (event, body),
            };
            let missing = Missing::of(&event);
            let delivery = interpret(event, body);
            missing.check(peer)?;
            self.deliveries.extend(missing.add(delivery, peer, streams));
        }
        Ok(())
    }
}

impl Link {
    /// Reads until the connection ends, then reports [`Control::Closed`]. The reader task of the connection.
    pub(super) async fn read(self: Arc<Self>) {
        let reason = std::future::poll_fn(|context| match &mut *self.reading() {
            Some(reading) => reading.poll_all(&self, context),
            None => Poll::Ready(CloseReason::Eof),
        })
        .await;
        let unanswered = self.close();
        if let Some(reading) = self.reading().take() {
            // Nobody listens any more only when the host shuts down.
            drop(reading.control.send(Control::Closed { reason, unanswered }));
        }
    }

    /// Tells the one who supervises the connection.
    pub(super) fn report(&self, control: Control) {
        if let Some(reading) = &*self.reading() {
            drop(reading.control.send(control));
        }
    }

    /// Delivers what is there already, if that can be done at once; see `Reading::look`.
    pub(crate) fn look_for_answers(self: &Arc<Self>) {
        if let Ok(mut reading) = self.reading.try_lock()
            && let Some(reading) = &mut *reading
        {
            reading.look(self);
        }
    }
}

/// What an event means beyond itself: to be looked up in the peer once the event is taken care of.
enum Missing {
    Nothing,
    /// The call inside which the worker calls.
    Parent(u64),
    /// The call whose stream has room: one of ours for a stream among its arguments, or one of the worker.
    Room(u64),
    /// The call inside which the worker tells something.
    Teller(u64),
    /// The calls behind a GOAWAY.
    Above(u64, String),
    /// The limits that HELLO announced.
    Greeting,
}

impl Missing {
    fn of(event: &Event<'_, '_, Sent>) -> Self {
        match *event {
            Event::Call(CallHeader { parent: Some(parent), .. }) => Self::Parent(parent),
            Event::Credit { id, .. } => Self::Room(id),
            Event::Told { id, .. } => Self::Teller(id),
            Event::GoAway { last, reason } => Self::Above(last, reason.to_owned()),
            Event::Hello => Self::Greeting,
            _ => Self::Nothing,
        }
    }

    /// Whether what the worker says can be true.
    fn check(&self, peer: &mut Peer<Sent>) -> Result<(), Violation> {
        match self {
            Self::Above(last, _)
                if peer.calls_mut().any(|(id, _, came)| id > *last && (came.items > 0 || came.bytes > 0)) =>
            {
                Err(Violation::Phase("GOAWAY disowns a call that was being answered"))
            }
            Self::Greeting if peer.peer_limits().frame < MIN_FRAME => {
                Err(Violation::Handshake("a frame limit below 20 KiB"))
            }
            _ => Ok(()),
        }
    }

    fn add(
        self,
        delivery: Option<Delivery>,
        peer: &mut Peer<Sent>,
        streams: &HashMap<u64, Arc<Notify>>,
    ) -> Option<Delivery> {
        let mut call = |id| peer.in_flight_mut(id).map(|sent| Arc::clone(&sent.call));
        match (self, delivery) {
            (Self::Parent(parent), Some(Delivery::Incoming(incoming))) => {
                let parent = call(parent).map(|call| (parent, call));
                Some(Delivery::Incoming(Incoming { parent, ..incoming }))
            }
            (Self::Teller(id), Some(Delivery::Told(told))) => Some(Delivery::Told(Told { call: call(id), ..told })),
            (Self::Room(id), _) => {
                let answer = || streams.get(&id).map(|room| Sender::Answer(Arc::clone(room)));
                call(id).map(Sender::Arguments).or_else(answer).map(Delivery::Room)
            }
            (Self::Above(last, reason), _) => {
                let never_ran = peer.take_above(last).into_iter();
                let never_ran = never_ran.map(|(id, sent)| Unanswered { id, call: sent.call, sent: false }).collect();
                Some(Delivery::Control(Control::GoingAway { reason, never_ran }))
            }
            (_, delivery) => delivery,
        }
    }
}

/// What an event means on the host's side; `None` when there is nothing to do.
fn interpret(event: Event<'_, '_, Sent>, body: Bytes) -> Option<Delivery> {
    Some(match event {
        Event::Reply { call, .. } | Event::End { call, .. } => Delivery::Finished(call.call, Ok(body)),
        Event::Answering { call, .. } => Delivery::Answering(Arc::clone(&call.call)),
        Event::Failed { call, code, executed, .. } => {
            Delivery::Finished(call.call, Err(Error::from_wire(code, executed, &body)))
        }
        Event::Item { call, flags, .. } => {
            // An item may wait for long, and must not keep the whole buffer that it came in.
            let body = if body.len() < SMALL_ITEM { Bytes::copy_from_slice(&body) } else { body };
            Delivery::Item(Arc::clone(&call.call), Item { flags, body })
        }
        Event::Call(header) => Delivery::Incoming(Incoming {
            id: header.id,
            target: header.target.to_owned(),
            stream: header.flags & call_flag::STREAM != 0,
            body,
            traceparent: header.meta.and_then(traceparent_of),
            remaining: header.remaining,
            parent: None,
        }),
        Event::Cancel { id, .. } => Delivery::Cancel(id),
        Event::Withdrawn { id } => Delivery::Withdrawn(id),
        Event::Told { class, dropped, .. } => Delivery::Told(Told { class, call: None, dropped, body }),
        Event::Ping { nonce } => Delivery::Ping(nonce),
        Event::Pong { nonce, .. } => Delivery::Pong(nonce),
        Event::Hello => Delivery::Control(Control::Hello(body)),
        Event::Ready { manifest_hash } => {
            Delivery::Control(Control::Ready { manifest_hash: manifest_hash.to_owned(), tools: body })
        }
        Event::StartFailed => Delivery::Control(Control::StartFailed(body)),
        // Dealt with by who has the peer, or nothing to do. Host tools take no streams: nobody reads what comes of one, and
        // without credit little does.
        Event::Assembled(_)
        | Event::Credit { .. }
        | Event::GoAway { .. }
        | Event::Input { .. }
        | Event::InputEnd { .. }
        | Event::Ignored => return None,
    })
}
