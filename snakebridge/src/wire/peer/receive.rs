//! The receiving half of the peer: from a frame to what it means, or to the violation it is.

use super::{Event, Outgoing, Peer, Phase, Role, Sending, Serving};
use crate::wire::credit::SendWindow;
use crate::wire::frame::{CallHeader, call_flag};
use crate::wire::limits::MAX_HANDSHAKE;
use crate::wire::{Header, Limits, Millis, VERSIONS, Violation};

impl<T> Peer<T> {
    /// Takes one frame: its header and the length of its body.
    ///
    /// After an error the connection is dead: the driver calls [`close`](Peer::close) and tells everybody.
    pub fn receive<'p, 'f>(
        &'p mut self,
        header: &Header<'f>,
        body_length: usize,
        now: Millis,
    ) -> Result<Event<'p, 'f, T>, Violation> {
        if self.closed {
            return Ok(Event::Ignored);
        }
        if body_length as u64 > self.ours.body {
            return Err(Violation::FrameTooLarge { length: body_length as u64, limit: self.ours.body });
        }
        match *header {
            Header::Hello { versions, limits, nonce } => self.on_hello(versions, limits, nonce, body_length),
            _ if self.phase == Phase::Greeting => Err(Violation::Phase("the first frame is HELLO")),
            Header::Ready { manifest_hash } => self.on_ready(manifest_hash, body_length),
            Header::Error { id: 0, .. } => {
                if self.role == Role::Host && self.phase == Phase::Starting {
                    Ok(Event::StartFailed)
                } else {
                    Err(Violation::Phase("ERROR without a call"))
                }
            }
            Header::Ping { nonce } => self.control(now).map(|()| Event::Ping { nonce }),
            Header::Pong { nonce, finished, running, running_for } => {
                self.control(now)?;
                Ok(Event::Pong { nonce, finished, running, running_for })
            }
            Header::Unknown { .. } => self.control(now).map(|()| Event::Ignored),
            _ if self.phase != Phase::Open => Err(Violation::Phase("calls travel after READY")),
            Header::Call(call) => self.on_call(call),
            Header::Reply { id } => self.on_reply(id, now),
            Header::Error { id, code, executed } => Ok(match self.answered(id, now)? {
                Some(call) => Event::Failed { id, call: call.data, code, executed },
                None => Event::Ignored,
            }),
            Header::Item { id, stream, sequence, flags } => {
                only_output(stream)?;
                self.on_item(id, sequence, flags, body_length, now)
            }
            Header::End { id, stream, count } => {
                only_output(stream)?;
                self.on_end(id, count, now)
            }
            Header::Credit { id, stream, bytes } => {
                only_output(stream)?;
                self.control(now)?;
                self.on_credit(id, bytes)
            }
            Header::Cancel { id, reason } => {
                self.control(now)?;
                self.parity(id, false)?;
                Ok(if self.served.get_mut(id).is_some() { Event::Cancel { id, reason } } else { Event::Ignored })
            }
        }
    }

    fn on_hello<'p, 'f>(
        &'p mut self,
        theirs: (u64, u64),
        limits: Limits,
        nonce: &str,
        body_length: usize,
    ) -> Result<Event<'p, 'f, T>, Violation> {
        if self.phase != Phase::Greeting {
            return Err(Violation::Phase("a second HELLO"));
        }
        if theirs.0.max(VERSIONS.0) > theirs.1.min(VERSIONS.1) {
            return Err(Violation::Version { ours: VERSIONS, theirs });
        }
        if nonce != self.nonce {
            return Err(Violation::Nonce);
        }
        if body_length > MAX_HANDSHAKE {
            return Err(Violation::Handshake("a HELLO over 1 MiB"));
        }
        if limits.window == 0 || limits.calls == 0 {
            return Err(Violation::Handshake("limits of zero"));
        }
        self.theirs = limits;
        self.phase = Phase::Starting;
        // A host has nothing to announce: for a worker the connection opens with its own READY.
        Ok(Event::Hello)
    }

    fn on_ready<'p, 'f>(
        &'p mut self,
        manifest_hash: &'f str,
        body_length: usize,
    ) -> Result<Event<'p, 'f, T>, Violation> {
        if self.role != Role::Host || self.phase != Phase::Starting {
            return Err(Violation::Phase("READY comes once, from the worker"));
        }
        if body_length > MAX_HANDSHAKE {
            return Err(Violation::Handshake("a READY over 1 MiB"));
        }
        self.phase = Phase::Open;
        Ok(Event::Ready { manifest_hash })
    }

    fn on_call<'p, 'f>(&'p mut self, call: CallHeader<'f>) -> Result<Event<'p, 'f, T>, Violation> {
        self.parity(call.id, false)?;
        if call.id <= self.last_incoming {
            return Err(Violation::Id(call.id));
        }
        if self.served.len() as u64 >= self.ours.calls {
            return Err(Violation::TooManyCalls(self.ours.calls));
        }
        self.last_incoming = call.id;
        let stream = (call.flags & call_flag::STREAM != 0)
            .then(|| Sending { window: SendWindow::new(self.theirs.window), sequence: 0 });
        self.served.insert(call.id, Serving { stream });
        Ok(Event::Call(call))
    }

    fn on_reply<'f>(&mut self, id: u64, now: Millis) -> Result<Event<'_, 'f, T>, Violation> {
        if let Some(Outgoing { stream: Some(_), .. }) = self.calls.get_mut(id) {
            return Err(Violation::UnexpectedItem(id));
        }
        Ok(match self.answered(id, now)? {
            Some(call) => Event::Reply { id, call: call.data },
            None => Event::Ignored,
        })
    }

    fn on_item<'f>(
        &mut self,
        id: u64,
        sequence: u64,
        flags: u64,
        body_length: usize,
        now: Millis,
    ) -> Result<Event<'_, 'f, T>, Violation> {
        self.parity(id, true)?;
        if self.calls.get_mut(id).is_none() {
            return self.stray(now).map(|()| Event::Ignored);
        }
        // Looked up again because the borrow of the happy path reaches into the event.
        let Some(call) = self.calls.get_mut(id) else { return Ok(Event::Ignored) };
        let Some(stream) = &mut call.stream else { return Err(Violation::UnexpectedItem(id)) };
        if sequence != stream.next_sequence {
            return Err(Violation::StreamSequence { expected: stream.next_sequence, got: sequence });
        }
        stream.window.take(id, body_length)?;
        stream.next_sequence += 1;
        if call.cancelled {
            return Ok(Event::Ignored);
        }
        Ok(Event::Item { id, call: &mut call.data, flags })
    }

    fn on_end<'f>(&mut self, id: u64, count: u64, now: Millis) -> Result<Event<'_, 'f, T>, Violation> {
        match self.calls.get_mut(id) {
            Some(Outgoing { stream: None, .. }) => return Err(Violation::UnexpectedItem(id)),
            Some(Outgoing { stream: Some(stream), .. }) if stream.next_sequence != count => {
                return Err(Violation::StreamSequence { expected: stream.next_sequence, got: count });
            }
            _ => {}
        }
        Ok(match self.answered(id, now)? {
            Some(call) => Event::End { id, call: call.data, count },
            None => Event::Ignored,
        })
    }

    fn on_credit<'f>(&mut self, id: u64, bytes: u64) -> Result<Event<'_, 'f, T>, Violation> {
        self.parity(id, false)?;
        match self.served.get_mut(id) {
            Some(Serving { stream: Some(stream) }) => {
                stream.window.grant(bytes).ok_or(Violation::Flow(id))?;
                Ok(Event::Credit { id })
            }
            // Its stream has just ended: the two frames crossed.
            None if id <= self.last_incoming => Ok(Event::Ignored),
            Some(Serving { stream: None }) | None => Err(Violation::Flow(id)),
        }
    }

    /// Takes the call that a terminal frame answers out of the table; `None` when nobody knows it.
    fn answered(&mut self, id: u64, now: Millis) -> Result<Option<Outgoing<T>>, Violation> {
        self.parity(id, true)?;
        let call = self.calls.remove(id);
        if call.is_none() {
            self.stray(now)?;
        }
        Ok(call)
    }

    /// An answer to nothing: dropped, but not for ever. An id that was never given out is no stray but a lie.
    fn stray(&mut self, now: Millis) -> Result<(), Violation> {
        if self.stray_budget.spend(now) { Ok(()) } else { Err(Violation::Flood("answers to unknown calls")) }
    }

    fn control(&mut self, now: Millis) -> Result<(), Violation> {
        if self.control_budget.spend(now) { Ok(()) } else { Err(Violation::Flood("control frames")) }
    }

    /// Whether `id` is one that we (`ours`), or the peer, could have given out.
    fn parity(&self, id: u64, ours: bool) -> Result<(), Violation> {
        let odd = (self.role == Role::Host) == ours;
        let given_out = !ours || id < self.next_id;
        if id != 0 && (id % 2 == 1) == odd && given_out { Ok(()) } else { Err(Violation::Id(id)) }
    }
}

fn only_output(stream: u64) -> Result<(), Violation> {
    if stream == 0 { Ok(()) } else { Err(Violation::Unsupported("streams as arguments")) }
}
