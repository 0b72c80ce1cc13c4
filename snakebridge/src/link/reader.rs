//! The reading half: bytes to frames to completed calls.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc::UnboundedSender;

use super::{CloseReason, Item, Link, PendingCall, Sent, State, Unanswered};
use crate::error::{Error, Result};
use crate::wire::codec::{self, Preamble};
use crate::wire::frame::{CallHeader, call_flag};
use crate::wire::peer::Event;
use crate::wire::{Millis, Violation};

/// How far ahead of the data the buffer grows. A frame's announced length is a claim, not a reason to allocate.
const READ_AHEAD: usize = 64 * 1024;
/// Room below which the buffer grows. Bodies that wait for their callers keep its storage, so growing means a new one:
/// once for thousands of short replies, not once for each.
const LITTLE_ROOM: usize = 8 * 1024;

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
    /// How long the caller waits.
    pub remaining: Option<Millis>,
    /// The call of the host inside which it was made, if that is still running; the session and everything else that
    /// a worker must not choose itself comes from there.
    pub parent: Option<Arc<PendingCall>>,
}

/// What a connection needs of its surroundings.
pub(crate) trait Service: Send + Sync + 'static {
    /// The worker called the host. Must not block; answers later through [`Link::answer`].
    fn call(&self, link: &Arc<Link>, call: Incoming);

    /// The worker does not want the answer to its call any more.
    fn cancel(&self, id: u64);

    /// A call of the host was answered: there may be room for another.
    fn finished(&self, call: &Arc<PendingCall>);
}

/// What a batch of frames left to do once the lock is released.
enum Delivery {
    Finished(Arc<PendingCall>, Result<Bytes>),
    Item(Arc<PendingCall>, Item),
    Incoming(Incoming),
    Cancel(u64),
    Ping(u64),
    Control(Control),
}

/// The reader task of a connection.
pub(crate) struct Reader<R> {
    /// Where bytes come from.
    pub source: R,
    /// The connection.
    pub link: Arc<Link>,
    /// Who handles calls of the worker and counts finished ones.
    pub service: Arc<dyn Service>,
    /// Who hears about everything else.
    pub control: UnboundedSender<Control>,
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("link", &self.link).finish_non_exhaustive()
    }
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads until the connection ends, then reports [`Control::Closed`].
    pub(crate) async fn run(mut self) {
        let reason = self.read_all().await;
        let unanswered = self.link.close();
        // Nobody listens any more only when the host shuts down.
        let _ = self.control.send(Control::Closed { reason, unanswered });
    }

    async fn read_all(&mut self) -> CloseReason {
        let mut buffer = BytesMut::with_capacity(READ_AHEAD);
        let mut deliveries = Vec::new();
        let mut greeted = false;
        loop {
            if buffer.capacity() - buffer.len() < LITTLE_ROOM {
                buffer.reserve(READ_AHEAD);
            }
            match self.source.read_buf(&mut buffer).await {
                Ok(0) => return CloseReason::Eof,
                Ok(_) => {}
                Err(error) => return CloseReason::Io(error.to_string()),
            }
            if !greeted {
                match codec::find_magic(&buffer) {
                    Ok(Preamble::Incomplete) => continue,
                    Err(violation) => {
                        let _ = self.control.send(Control::Noise(buffer.split().freeze()));
                        return CloseReason::Violation(violation);
                    }
                    Ok(Preamble::Found { noise, end }) => {
                        let preamble = buffer.split_to(end).freeze();
                        if noise > 0 {
                            let _ = self.control.send(Control::Noise(preamble.slice(..noise)));
                        }
                        greeted = true;
                    }
                }
            }
            // Answers that came before the violation are delivered before its consequences.
            let outcome = self.take_frames(&mut buffer, &mut deliveries);
            for delivery in deliveries.drain(..) {
                self.deliver(delivery);
            }
            if let Err(violation) = outcome {
                return CloseReason::Violation(violation);
            }
        }
    }

    /// Takes every whole frame out of the buffer, under one lock.
    fn take_frames(&self, buffer: &mut BytesMut, deliveries: &mut Vec<Delivery>) -> Result<(), Violation> {
        let now = self.link.now();
        let mut state = self.link.lock();
        let limit = state.peer.limits().frame;
        while let Some(length) = codec::frame_length(buffer, limit)?
            && buffer.len() >= length
        {
            let frame = buffer.split_to(length).freeze();
            let Some(parsed) = codec::parse(&frame, limit)? else { break };
            let body = frame.slice(parsed.body.clone());
            let State { peer, .. } = &mut *state;
            let event = peer.receive(&parsed.header, body.len(), now)?;
            let parent = match &event {
                Event::Call(CallHeader { parent: Some(parent), .. }) => Some(*parent),
                _ => None,
            };
            let Some(mut delivery) = interpret(event, body) else { continue };
            if let (Delivery::Incoming(incoming), Some(parent)) = (&mut delivery, parent) {
                incoming.parent = peer.in_flight_mut(parent).map(|sent| Arc::clone(&sent.call));
            }
            deliveries.push(delivery);
        }
        Ok(())
    }

    fn deliver(&self, delivery: Delivery) {
        match delivery {
            Delivery::Finished(call, outcome) => {
                call.complete(outcome);
                self.service.finished(&call);
            }
            Delivery::Item(call, item) => call.push(item),
            Delivery::Incoming(incoming) => self.service.call(&self.link, incoming),
            Delivery::Cancel(id) => self.service.cancel(id),
            Delivery::Ping(nonce) => self.link.pong(nonce),
            Delivery::Control(control) => {
                let _ = self.control.send(control);
            }
        }
    }
}

/// What an event means on the host's side; `None` when there is nothing to do.
fn interpret(event: Event<'_, '_, Sent>, body: Bytes) -> Option<Delivery> {
    Some(match event {
        Event::Reply { call, .. } | Event::End { call, .. } => Delivery::Finished(call.call, Ok(body)),
        Event::Failed { call, code, executed, .. } => {
            Delivery::Finished(call.call, Err(Error::from_wire(code, executed, &body)))
        }
        Event::Item { call, flags, .. } => Delivery::Item(Arc::clone(&call.call), Item { flags, body }),
        Event::Call(header) => Delivery::Incoming(Incoming {
            id: header.id,
            target: header.target.to_owned(),
            stream: header.flags & call_flag::STREAM != 0,
            body,
            remaining: header.remaining,
            parent: None,
        }),
        Event::Cancel { id, .. } => Delivery::Cancel(id),
        Event::Ping { nonce } => Delivery::Ping(nonce),
        Event::Hello => Delivery::Control(Control::Hello(body)),
        Event::Ready { manifest_hash } => {
            Delivery::Control(Control::Ready { manifest_hash: manifest_hash.to_owned(), tools: body })
        }
        Event::StartFailed => Delivery::Control(Control::StartFailed(body)),
        Event::Pong { .. } | Event::Credit { .. } | Event::Ignored => return None,
    })
}
