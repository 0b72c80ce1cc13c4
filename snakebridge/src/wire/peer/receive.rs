//! The receiving half of the peer: from a frame to what it means, or to the violation it is.

use super::greeting::MAX_WINDOW;
use super::{Event, Input, Outgoing, Peer, Phase, Receiving, Role, Sending, Serving};
use crate::seeded::{self, Bug};
use crate::wire::credit::charge;
use crate::wire::fragment::{Assembly, WholeHeader};
use crate::wire::frame::{CallHeader, call_flag};
use crate::wire::limits::{MAX_EVENT, MAX_INPUTS};
use crate::wire::{Header, Millis, Violation};

impl<T> Outgoing<T> {
    /// Nothing of a call may come while a body of it is incomplete, except the error that ends it. When we have cancelled
    /// it, the peer may break a body off at any point.
    fn may_be_answered(&mut self, id: u64) -> Result<(), Violation> {
        if self.incoming.is_some() && !self.cancelled {
            return Err(Violation::Fragment(id));
        }
        self.incoming = None;
        Ok(())
    }
}

impl<T> Peer<T> {
    /// Takes one frame: its header and its body.
    ///
    /// After an error the connection is dead: the driver calls [`close`](Peer::close) and tells everybody.
    pub fn receive<'p, 'f>(
        &'p mut self,
        header: &Header<'f>,
        body: &[u8],
        now: Millis,
    ) -> Result<Event<'p, 'f, T>, Violation> {
        if self.closed {
            return Ok(Event::Ignored);
        }
        let length = body.len() as u64;
        if length > self.ours.body {
            return Err(Violation::FrameTooLarge { length, limit: self.ours.body });
        }
        match *header {
            Header::Hello { versions, limits, nonce } => self.on_hello(versions, limits, nonce, body.len()),
            _ if self.phase == Phase::Greeting => Err(Violation::Phase("the first frame is HELLO")),
            Header::Ready { manifest_hash } => self.on_ready(manifest_hash, body.len()),
            Header::Error { id: 0, .. } => self.on_start_failed(),
            Header::Ping { nonce } => self.control(now).map(|()| Event::Ping { nonce }),
            Header::Pong { nonce, finished, running, running_for } => {
                self.control(now)?;
                Ok(Event::Pong { nonce, finished, running, running_for })
            }
            Header::Event { class, id, dropped } => self.on_event((class, id, dropped), length, now),
            Header::Unknown { .. } => self.control(now).map(|()| Event::Ignored),
            _ if self.phase != Phase::Open => Err(Violation::Phase("calls travel after READY")),
            Header::Call(call) => self.on_call(header, call, length),
            Header::Reply { id, total } => self.on_reply(header, id, (total, length), now),
            Header::Error { id, code, executed } => Ok(match self.answered(id, now)? {
                Some(call) => Event::Failed { id, call: call.data, code, executed },
                None => Event::Ignored,
            }),
            Header::Item { id, stream: 0, sequence, flags, total } => {
                self.on_item(header, (id, sequence, flags), (total, length), now)
            }
            Header::Item { id, stream, sequence, total, .. } => {
                self.on_input(header, (id, stream, sequence), (total, length))
            }
            Header::End { id, stream: 0, count, total } => self.on_end(header, (id, count), (total, length), now),
            Header::End { id, stream, count, total } => self.on_input_end((id, stream, count), (total, length)),
            Header::Part { id, stream } => self.on_part(id, stream, body, now),
            Header::Credit { id, stream, bytes } => {
                self.control(now)?;
                self.on_credit(id, stream, bytes)
            }
            Header::Cancel { id, reason } => {
                // A host may give up as many calls as it makes, all of them at once if need be.
                if self.role == Role::Host {
                    self.control(now)?;
                }
                self.on_cancel(id, reason)
            }
            Header::GoAway { last, reason } => {
                self.control(now)?;
                if last != 0 {
                    self.parity(last, true)?;
                }
                self.ends_early = true;
                Ok(Event::GoAway { last, reason })
            }
        }
    }

    /// What a body that came in fragments means, now that it is complete.
    pub fn complete<'p, 'f>(&'p mut self, header: &'f WholeHeader) -> Result<Event<'p, 'f, T>, Violation> {
        Ok(match header.decode()? {
            Header::Call(call) => Event::Call(call),
            Header::Reply { id, .. } => match self.forget(id) {
                Some(call) => Event::Reply { id, call: call.data },
                None => Event::Ignored,
            },
            Header::End { id, count, .. } => match self.forget(id) {
                Some(call) => Event::End { id, call: call.data, count },
                None => Event::Ignored,
            },
            Header::Item { id, stream: 0, flags, .. } => match self.calls.get_mut(id) {
                Some(call) if !call.cancelled => Event::Item { id, call: &mut call.data, flags },
                _ => Event::Ignored,
            },
            Header::Item { id, stream, .. } => Event::Input { id, stream },
            // No other frame announces a body.
            _ => Event::Ignored,
        })
    }

    fn on_call<'p, 'f>(
        &'p mut self,
        header: &Header<'f>,
        call: CallHeader<'f>,
        length: u64,
    ) -> Result<Event<'p, 'f, T>, Violation> {
        self.parity(call.id, false)?;
        if call.id <= self.last_incoming {
            return Err(Violation::Id(call.id));
        }
        if call.inputs > MAX_INPUTS {
            return Err(Violation::Shape("more streams as arguments than a call may have"));
        }
        self.announced(call.id, (call.total, length))?;
        self.last_incoming = call.id;
        if self.last_accepted.is_some() {
            // It crossed our GOAWAY, and so may what belongs to it.
            let items = call.inputs.saturating_mul(self.ours.late_input());
            self.expect_late(call.total.unwrap_or(0).saturating_add(items));
            return Ok(Event::Ignored);
        }
        if self.served.len() as u64 >= self.ours.calls {
            return Err(Violation::TooManyCalls(self.ours.calls));
        }
        let window = call.window.map_or(self.theirs.window, |window| window.min(MAX_WINDOW));
        let stream = (call.flags & call_flag::STREAM != 0).then(|| Sending::new(window));
        let input = |_| Input { receiving: Receiving::new(self.ours.window), incoming: None, ended: false };
        let inputs = (0..call.inputs).map(input).collect();
        let arguments = call.total.map(|total| Box::new(Assembly::new(header, total, true)));
        let event = if arguments.is_some() { Event::Ignored } else { Event::Call(call) };
        self.served.insert(call.id, Serving { stream, arguments, inputs });
        Ok(event)
    }

    /// A header frame announces a body in fragments, or none: whether it may. Returns the body's length.
    fn announced(&self, id: u64, (total, length): (Option<u64>, u64)) -> Result<u64, Violation> {
        match total {
            None => Ok(length),
            Some(total) if total > self.ours.body => {
                Err(Violation::FrameTooLarge { length: total, limit: self.ours.body })
            }
            Some(total) if total == 0 || length > 0 => Err(Violation::Fragment(id)),
            Some(total) => Ok(total),
        }
    }

    fn on_reply<'f>(
        &mut self,
        header: &Header<'f>,
        id: u64,
        body: (Option<u64>, u64),
        now: Millis,
    ) -> Result<Event<'_, 'f, T>, Violation> {
        self.announced(id, body)?;
        match self.calls.get_mut(id) {
            Some(Outgoing { stream: Some(_), .. }) => return Err(Violation::UnexpectedItem(id)),
            Some(call) => call.may_be_answered(id)?,
            None => {}
        }
        if let Some(total) = body.0 {
            return self.announce_answer(header, id, total, now);
        }
        Ok(match self.answered(id, now)? {
            Some(call) => Event::Reply { id, call: call.data },
            None => Event::Ignored,
        })
    }

    fn on_item<'f>(
        &mut self,
        header: &Header<'f>,
        (id, sequence, flags): (u64, u64, u64),
        body: (Option<u64>, u64),
        now: Millis,
    ) -> Result<Event<'_, 'f, T>, Violation> {
        self.parity(id, true)?;
        let length = self.announced(id, body)?;
        let Some(call) = self.calls.get_mut(id) else {
            return self.stray(body.0, now).map(|()| Event::Ignored);
        };
        call.may_be_answered(id)?;
        let Some(stream) = &mut call.stream else { return Err(Violation::UnexpectedItem(id)) };
        stream.take(id, sequence, length)?;
        if seeded::has(Bug::LostItem) && stream.window.is_used_up() {
            return Ok(Event::Ignored);
        }
        if let Some(total) = body.0 {
            return self.announce_answer(header, id, total, now);
        }
        // Looked up again because the borrow of the happy path reaches into the event.
        match self.calls.get_mut(id) {
            Some(call) if !call.cancelled => Ok(Event::Item { id, call: &mut call.data, flags }),
            _ => Ok(Event::Ignored),
        }
    }

    fn on_end<'f>(
        &mut self,
        header: &Header<'f>,
        (id, count): (u64, u64),
        body: (Option<u64>, u64),
        now: Millis,
    ) -> Result<Event<'_, 'f, T>, Violation> {
        self.announced(id, body)?;
        match self.calls.get_mut(id) {
            Some(Outgoing { stream: None, .. }) => return Err(Violation::UnexpectedItem(id)),
            Some(Outgoing { stream: Some(stream), .. }) if stream.next_sequence != count => {
                return Err(Violation::StreamSequence { expected: stream.next_sequence, got: count });
            }
            Some(call) => call.may_be_answered(id)?,
            None => {}
        }
        if let Some(total) = body.0 {
            return self.announce_answer(header, id, total, now);
        }
        Ok(match self.answered(id, now)? {
            Some(call) => Event::End { id, call: call.data, count },
            None => Event::Ignored,
        })
    }

    /// The answer to a call of ours, or an item of it, comes in fragments from now on.
    fn announce_answer<'f>(
        &mut self,
        header: &Header<'f>,
        id: u64,
        total: u64,
        now: Millis,
    ) -> Result<Event<'_, 'f, T>, Violation> {
        self.parity(id, true)?;
        if self.calls.get_mut(id).is_none() {
            return self.stray(Some(total), now).map(|()| Event::Ignored);
        }
        // Looked up again because the borrow of the happy path reaches into the event.
        let Some(call) = self.calls.get_mut(id) else { return Ok(Event::Ignored) };
        call.incoming = Some(Box::new(Assembly::new(header, total, !call.cancelled)));
        Ok(match header {
            Header::Item { .. } => Event::Ignored,
            _ => Event::Answering { id, call: &mut call.data },
        })
    }

    fn on_input<'f>(
        &mut self,
        header: &Header<'f>,
        (id, stream, sequence): (u64, u64, u64),
        body: (Option<u64>, u64),
    ) -> Result<Event<'_, 'f, T>, Violation> {
        let length = self.announced(id, body)?;
        let Some(input) = self.input(id, stream)? else {
            let whole = usize::try_from(body.1).unwrap_or(usize::MAX);
            return self.spend_late(id, charge(whole)).map(|()| Event::Ignored);
        };
        if input.incoming.is_some() {
            return Err(Violation::Fragment(id));
        }
        input.receiving.take(id, sequence, length)?;
        Ok(match body.0 {
            Some(total) => {
                input.incoming = Some(Box::new(Assembly::new(header, total, true)));
                Event::Ignored
            }
            None => Event::Input { id, stream },
        })
    }

    fn on_input_end<'f>(
        &mut self,
        (id, stream, count): (u64, u64, u64),
        body: (Option<u64>, u64),
    ) -> Result<Event<'_, 'f, T>, Violation> {
        if body != (None, 0) {
            return Err(Violation::Fragment(id)); // a stream among the arguments has no return value
        }
        let Some(input) = self.input(id, stream)? else {
            return self.spend_late(id, charge(0)).map(|()| Event::Ignored);
        };
        if input.incoming.is_some() {
            return Err(Violation::Fragment(id));
        }
        let expected = input.receiving.next_sequence;
        if count != expected {
            return Err(Violation::StreamSequence { expected, got: count });
        }
        input.ended = true;
        Ok(Event::InputEnd { id, stream })
    }

    /// Stream `stream`, from 1, among the arguments of call `id` of the peer; `None` when we do not serve that call any
    /// more.
    fn input(&mut self, id: u64, stream: u64) -> Result<Option<&mut Input>, Violation> {
        self.parity(id, false)?;
        let known = id <= self.last_incoming;
        match self.served.get_mut(id) {
            Some(call) => {
                let index = usize::try_from(stream - 1).unwrap_or(usize::MAX);
                let open = call.inputs.get_mut(index).filter(|input| !input.ended);
                open.map(Some).ok_or(Violation::UnexpectedItem(id))
            }
            None if known => Ok(None),
            None => Err(Violation::Id(id)),
        }
    }

    fn on_part<'f>(
        &mut self,
        id: u64,
        stream: u64,
        fragment: &[u8],
        now: Millis,
    ) -> Result<Event<'_, 'f, T>, Violation> {
        if fragment.is_empty() {
            return Err(Violation::Fragment(id));
        }
        let ours = self.parity(id, true).is_ok();
        let limit = self.ours.body;
        let place = if ours {
            let call = self.calls.get_mut(id);
            if call.is_some() && stream != 0 {
                return Err(Violation::Fragment(id));
            }
            call.map(|call| (&mut call.incoming, call.cancelled))
        } else {
            let call = self.served.get_mut(id);
            call.and_then(|call| match usize::try_from(stream).unwrap_or(usize::MAX).checked_sub(1) {
                None => Some((&mut call.arguments, false)),
                Some(index) => call.inputs.get_mut(index).map(|input| (&mut input.incoming, false)),
            })
        };
        let Some((place, broken_off)) = place else {
            return self.late_part(id, ours, fragment, now).map(|()| Event::Ignored);
        };
        let Some(assembly) = place else {
            return if broken_off { Ok(Event::Ignored) } else { Err(Violation::Fragment(id)) };
        };
        let before = assembly.charge();
        if !assembly.add(fragment) {
            return Err(Violation::Fragment(id));
        }
        let after = assembly.charge();
        let whole = if assembly.is_complete() { place.take() } else { None };
        self.assembling = self.assembling - before + after;
        if self.assembling > limit {
            return Err(Violation::ReceiveBudget { limit });
        }
        Ok(match whole {
            Some(assembly) => {
                self.assembling -= after;
                Event::Assembled(assembly.finish())
            }
            None => Event::Ignored,
        })
    }

    /// A fragment for a call that is over, on one side or the other.
    fn late_part(&mut self, id: u64, ours: bool, fragment: &[u8], now: Millis) -> Result<(), Violation> {
        if ours && self.late < fragment.len() as u64 {
            return self.stray(None, now);
        }
        if !ours {
            self.parity(id, false)?;
            if id > self.last_incoming {
                return Err(Violation::Id(id));
            }
        }
        self.spend_late(id, fragment.len() as u64)
    }

    fn on_credit<'f>(&mut self, id: u64, stream: u64, bytes: u64) -> Result<Event<'_, 'f, T>, Violation> {
        let is_input = stream != 0;
        self.parity(id, is_input)?;
        let known = is_input || id <= self.last_incoming;
        let index = usize::try_from(stream).unwrap_or(usize::MAX).checked_sub(1);
        let sending = match index {
            None => self.served.get_mut(id).map(|call| call.stream.as_mut()),
            Some(index) => self.calls.get_mut(id).map(|call| call.inputs.get_mut(index)),
        };
        match sending {
            Some(Some(sending)) => {
                sending.window.grant(bytes).ok_or(Violation::Flow(id))?;
                Ok(Event::Credit { id, stream })
            }
            // Its stream, or its call, has just ended: the two frames crossed.
            None if known => Ok(Event::Ignored),
            Some(None) | None => Err(Violation::Flow(id)),
        }
    }

    fn on_cancel<'p, 'f>(&'p mut self, id: u64, reason: &'f str) -> Result<Event<'p, 'f, T>, Violation> {
        self.parity(id, false)?;
        let Some(call) = self.served.get_mut(id) else { return Ok(Event::Ignored) };
        // Its streams have ended, whatever was on its way.
        for input in &mut call.inputs {
            input.ended = true;
            self.assembling -= input.incoming.take().map_or(0, |incoming| incoming.charge());
        }
        if let Some(arguments) = call.arguments.take() {
            self.assembling -= arguments.charge();
            return Ok(Event::Withdrawn { id });
        }
        // An item that is on its way out is broken off.
        if let Some(stream) = &mut call.stream
            && stream.busy
        {
            stream.busy = false;
            self.outbox.remove(id);
        }
        Ok(Event::Cancel { id, reason })
    }

    fn on_event<'f>(
        &mut self,
        (class, id, dropped): (u64, u64, u64),
        length: u64,
        now: Millis,
    ) -> Result<Event<'_, 'f, T>, Violation> {
        if self.role == Role::Worker {
            return Err(Violation::Phase("events are the worker's to tell"));
        }
        if length > MAX_EVENT as u64 {
            return Err(Violation::FrameTooLarge { length, limit: MAX_EVENT as u64 });
        }
        if id != 0 {
            self.parity(id, true)?;
        }
        if self.event_budget.spend(now) {
            Ok(Event::Told { class, id, dropped })
        } else {
            Err(Violation::Flood("events"))
        }
    }

    /// Takes the call that a terminal frame answers out of the table; `None` when nobody knows it.
    fn answered(&mut self, id: u64, now: Millis) -> Result<Option<Outgoing<T>>, Violation> {
        self.parity(id, true)?;
        let call = self.forget(id);
        if call.is_none() {
            self.stray(None, now)?;
        }
        Ok(call)
    }

    /// An answer to nothing, perhaps with a body of `total` bytes behind it: dropped, but not for ever. An id that was
    /// never given out is no stray but a lie.
    fn stray(&mut self, total: Option<u64>, now: Millis) -> Result<(), Violation> {
        if !self.stray_budget.spend(now) {
            return Err(Violation::Flood("answers to unknown calls"));
        }
        self.expect_late(total.unwrap_or(0));
        Ok(())
    }

    /// Something came for call `id`, which we have answered, that the peer may have sent before it knew.
    fn spend_late(&mut self, id: u64, bytes: u64) -> Result<(), Violation> {
        self.late = self.late.checked_sub(bytes).ok_or(Violation::Flow(id))?;
        Ok(())
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
