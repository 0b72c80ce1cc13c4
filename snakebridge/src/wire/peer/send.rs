//! The sending half of the peer: what the driver wants to say, as frames.

use super::{Input, Outgoing, Peer, Phase, Receiving, Refused, Request, Role, Sending, Serving};
use crate::seeded::{self, Bug};
use crate::wire::fragment::{Assembly, Body, Fragment};
use crate::wire::frame::{CallHeader, call_flag};
use crate::wire::limits::{MAX_EVENT, MAX_HANDSHAKE};
use crate::wire::{Executed, Header, Millis, VERSIONS, codec};

/// The longest reason of a CANCEL or GOAWAY and the longest error code, in bytes: headers are short.
const MAX_REASON: usize = 512;
const MAX_CODE: usize = 128;

/// As much of `text` as fits `limit` bytes.
fn shortened(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

impl<T> Peer<T> {
    /// Writes our HELLO; `body` says who we are. The first thing a driver does.
    pub fn hello(&mut self, body: &[u8], out: &mut Vec<u8>) {
        if !self.closed {
            let header = Header::Hello { versions: VERSIONS, limits: self.ours, nonce: &self.nonce };
            codec::write(out, &header, body);
        }
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

    /// A worker says why it cannot start. A body beyond the limit of a handshake is left out.
    pub fn start_failed(&mut self, body: &[u8], out: &mut Vec<u8>) {
        if self.closed || self.phase > Phase::Starting {
            return;
        }
        self.phase = Phase::Failed;
        let body = if body.len() > MAX_HANDSHAKE { &[] } else { body };
        codec::write(out, &Header::Error { id: 0, code: "start_failed", executed: Executed::Never }, body);
    }

    /// Sends a call with its encoded arguments and returns its id.
    pub fn call<B: Body + ?Sized>(
        &mut self,
        request: &Request<'_>,
        body: &B,
        data: T,
        out: &mut Vec<u8>,
    ) -> Result<u64, (Refused, T)> {
        if !self.is_open() {
            return Err((Refused::NotOpen, data));
        }
        if let Err(refused) = self.fits(body.bytes().len()).and_then(|()| request.check()) {
            return Err((refused, data));
        }
        if self.calls.len() as u64 >= self.theirs.calls {
            return Err((Refused::TooMany, data));
        }
        let id = self.next_id;
        if !seeded::has(Bug::IdReuse) || self.calls.len() % 4 != 3 {
            self.next_id += 2;
        }
        let header = |total| {
            Header::Call(CallHeader {
                id,
                target: request.target,
                flags: if request.stream { call_flag::STREAM } else { 0 },
                remaining: request.remaining,
                session: request.session,
                parent: request.parent,
                meta: request.meta,
                total,
                inputs: request.inputs,
                tools: request.tools,
                window: request.window,
            })
        };
        self.put(header, (id, 0), body, out);
        let stream = request.stream.then(|| Receiving::new(request.window.unwrap_or(self.ours.window)));
        let inputs = (0..request.inputs).map(|_| Sending::new(self.theirs.window)).collect();
        self.calls.insert(id, Outgoing { data, stream, incoming: None, inputs, cancelled: false });
        Ok(id)
    }

    /// Writes a frame, or, if its body is large, its header; the body then follows in fragments.
    fn put<'a, B: Body + ?Sized>(
        &mut self,
        header: impl FnOnce(Option<u64>) -> Header<'a>,
        (id, stream): (u64, u64),
        body: &B,
        out: &mut Vec<u8>,
    ) -> bool {
        let bytes = body.bytes();
        let is_large = bytes.len() > self.theirs.fragment();
        if is_large {
            codec::write(out, &header(Some(bytes.len() as u64)), &[]);
            self.outbox.push(id, stream, body.keep());
        } else {
            codec::write(out, &header(None), bytes);
        }
        is_large
    }

    fn fits(&self, length: usize) -> Result<(), Refused> {
        let (size, limit) = (length as u64, self.theirs.body);
        if size > limit { Err(Refused::TooLarge { size, limit }) } else { Ok(()) }
    }

    /// Whether large bodies are on their way out, so that [`fragment`](Self::fragment) has something to write.
    pub fn has_fragments(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Writes one fragment of the large body whose turn it is.
    ///
    /// Drivers call it when everything else is written, and after a few dozen small frames in a row, so that small
    /// frames go first and large bodies are not held up for ever. After the `last` fragment of an item its stream may
    /// have room for the next one.
    pub fn fragment(&mut self, out: &mut Vec<u8>) -> Option<Fragment> {
        if self.closed {
            return None;
        }
        let fragment = self.outbox.write(self.theirs.fragment(), self.theirs.body, out)?;
        if fragment.last
            && let Some(sending) = self.sending(fragment.id, fragment.stream)
        {
            sending.busy = false;
        }
        Some(fragment)
    }

    /// A stream that we send: the answer to call `id` of the peer (0), or an argument of call `id` of ours.
    fn sending(&mut self, id: u64, stream: u64) -> Option<&mut Sending> {
        match usize::try_from(stream).ok()?.checked_sub(1) {
            None => self.served.get_mut(id)?.stream.as_mut(),
            Some(index) => self.calls.get_mut(id)?.inputs.get_mut(index),
        }
    }

    /// Tells the peer that an answer is not wanted any more. The call stays in flight, as a tombstone, until the peer
    /// answers it. Does nothing for calls that are answered or already cancelled; returns whether it did something.
    pub fn cancel(&mut self, id: u64, reason: &str, out: &mut Vec<u8>) -> bool {
        let Some(call) = self.calls.get_mut(id).filter(|call| !call.cancelled && !self.closed) else { return false };
        call.cancelled = true;
        call.inputs.iter_mut().for_each(|input| input.ended = true);
        if let Some(incoming) = &mut call.incoming {
            self.assembling -= incoming.charge();
            incoming.discard();
        }
        self.outbox.remove(id);
        codec::write(out, &Header::Cancel { id, reason: shortened(reason, MAX_REASON) }, &[]);
        true
    }

    /// The consumer took an item of `length` bytes from the output of call `id` of ours (stream 0), or from stream
    /// `stream` among the arguments of call `id` of the peer; writes CREDIT when it is due and returns whether it did.
    pub fn consumed(&mut self, id: u64, stream: u64, length: usize, out: &mut Vec<u8>) -> bool {
        let receiving = match usize::try_from(stream).unwrap_or(usize::MAX).checked_sub(1) {
            None => match self.calls.get_mut(id) {
                Some(Outgoing { stream: Some(receiving), cancelled: false, .. }) => Some(receiving),
                _ => None,
            },
            Some(index) => match self.served.get_mut(id).and_then(|call| call.inputs.get_mut(index)) {
                Some(Input { receiving, ended: false, .. }) => Some(receiving),
                _ => None,
            },
        };
        let Some(bytes) = receiving.and_then(|receiving| receiving.window.consume(length)) else { return false };
        codec::write(out, &Header::Credit { id, stream, bytes }, &[]);
        true
    }

    /// Answers call `id` with its result. When the result is too large, nothing is written and the call is still owed.
    pub fn reply<B: Body + ?Sized>(&mut self, id: u64, body: &B, out: &mut Vec<u8>) -> Result<(), Refused> {
        match self.served.get_mut(id) {
            Some(Serving { stream: None, .. }) => {}
            _ => return Err(Refused::NotServed),
        }
        self.fits(body.bytes().len())?;
        self.answered_by_us(id);
        self.put(|total| Header::Reply { id, total }, (id, 0), body, out);
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
        if !self.answered_by_us(id) {
            return Err(Refused::NotServed);
        }
        // Better an error without its details than none.
        let body = if body.len() as u64 > self.theirs.single_frame_body() { &[] } else { body };
        let out = self.outbox.behind(id, 0).unwrap_or(out);
        codec::write(out, &Header::Error { id, code: shortened(code, MAX_CODE), executed }, body);
        Ok(())
    }

    /// Takes call `id` of the peer out of the table. What the peer still sends for it crosses our answer.
    fn answered_by_us(&mut self, id: u64) -> bool {
        let Some(call) = self.served.remove(id) else { return false };
        self.finished += 1;
        self.release(call.arguments.as_deref());
        self.expect_late(call.arguments.as_deref().map_or(0, Assembly::rest));
        for input in call.inputs.iter().filter(|input| !input.ended) {
            self.release(input.incoming.as_deref());
            self.expect_late(self.ours.late_input());
        }
        true
    }

    /// The peer may send so much more for calls that are answered, or were never accepted.
    pub(super) fn expect_late(&mut self, bytes: u64) {
        self.late = self.late.saturating_add(bytes);
    }

    /// Sends the next item of the stream that answers call `id`.
    pub fn item<B: Body + ?Sized>(&mut self, id: u64, flags: u64, body: &B, out: &mut Vec<u8>) -> Result<(), Refused> {
        self.put_item((id, 0), flags, body, out)
    }

    /// Sends the next item of stream `stream` among the arguments of call `id` of ours.
    pub fn input_item<B: Body + ?Sized>(
        &mut self,
        id: u64,
        stream: u64,
        body: &B,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        if stream == 0 {
            return Err(Refused::NotServed);
        }
        self.put_item((id, stream), 0, body, out)
    }

    fn put_item<B: Body + ?Sized>(
        &mut self,
        (id, stream): (u64, u64),
        flags: u64,
        body: &B,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let length = body.bytes().len();
        self.fits(length)?;
        let sending = self.sending(id, stream).filter(|sending| !sending.ended).ok_or(Refused::NotServed)?;
        if !sending.may_send() {
            return Err(Refused::NoCredit);
        }
        sending.window.pay(length);
        let sequence = sending.sequence;
        sending.sequence += 1;
        let is_large = self.put(|total| Header::Item { id, stream, sequence, flags, total }, (id, stream), body, out);
        if is_large && let Some(sending) = self.sending(id, stream) {
            sending.busy = true;
        }
        Ok(())
    }

    /// Whether the stream that answers call `id` may send an item now.
    pub fn may_send(&mut self, id: u64) -> bool {
        self.sending(id, 0).is_some_and(|sending| sending.may_send())
    }

    /// Whether stream `stream` among the arguments of call `id` of ours may send an item now.
    pub fn may_send_input(&mut self, id: u64, stream: u64) -> bool {
        stream > 0 && self.sending(id, stream).is_some_and(|sending| sending.may_send())
    }

    /// Ends the stream that answers call `id`; `body` is the generator's return value, or empty.
    pub fn end<B: Body + ?Sized>(&mut self, id: u64, body: &B, out: &mut Vec<u8>) -> Result<(), Refused> {
        let (count, busy) = match self.served.get_mut(id) {
            Some(Serving { stream: Some(stream), .. }) => (stream.sequence, stream.busy),
            _ => return Err(Refused::NotServed),
        };
        self.fits(body.bytes().len())?;
        self.answered_by_us(id);
        if busy {
            // It may not overtake the item, nor its body the item's: where both are large, the body waits its turn.
            self.end_behind_item(id, count, body);
        } else {
            self.put(|total| Header::End { id, stream: 0, count, total }, (id, 0), body, out);
        }
        Ok(())
    }

    fn end_behind_item<B: Body + ?Sized>(&mut self, id: u64, count: u64, body: &B) {
        let is_large = body.bytes().len() > self.theirs.fragment();
        let total = is_large.then_some(body.bytes().len() as u64);
        if let Some(out) = self.outbox.behind(id, 0) {
            codec::write(out, &Header::End { id, stream: 0, count, total }, if is_large { &[] } else { body.bytes() });
        }
        if is_large {
            self.outbox.push_behind(id, body.keep());
        }
    }

    /// Ends stream `stream` among the arguments of call `id` of ours.
    pub fn end_input(&mut self, id: u64, stream: u64, out: &mut Vec<u8>) -> Result<(), Refused> {
        if stream == 0 {
            return Err(Refused::NotServed);
        }
        let sending = self.sending(id, stream).filter(|sending| !sending.ended).ok_or(Refused::NotServed)?;
        sending.ended = true;
        let (count, busy) = (sending.sequence, sending.busy);
        let out = if busy { self.outbox.behind(id, stream).unwrap_or(out) } else { out };
        codec::write(out, &Header::End { id, stream, count, total: None }, &[]);
        Ok(())
    }

    /// Says that we take no more calls, and returns the id of the last one that we do.
    pub fn go_away(&mut self, reason: &str, out: &mut Vec<u8>) -> u64 {
        let last = *self.last_accepted.get_or_insert(self.last_incoming);
        if self.phase == Phase::Open && !self.closed {
            codec::write(out, &Header::GoAway { last, reason: shortened(reason, MAX_REASON) }, &[]);
        }
        last
    }

    /// Answers a PING: `running` is the call that runs, or 0, and for how long.
    pub fn pong(&mut self, nonce: u64, running: (u64, Millis), out: &mut Vec<u8>) {
        let (running, running_for) = running;
        if !self.closed {
            codec::write(out, &Header::Pong { nonce, finished: self.finished, running, running_for }, &[]);
        }
    }

    /// A worker tells something beside the answers to its calls, inside call `id` of the host, if that is not 0; `dropped`
    /// others were not sent before it.
    pub fn event(
        &mut self,
        class: u64,
        (id, dropped): (u64, u64),
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        if self.role != Role::Worker || self.phase == Phase::Greeting || self.closed {
            return Err(Refused::NotOpen);
        }
        let (size, limit) = (body.len() as u64, MAX_EVENT as u64);
        if size > limit {
            return Err(Refused::TooLarge { size, limit });
        }
        codec::write(out, &Header::Event { class, id, dropped }, body);
        Ok(())
    }

    /// Asks for a PONG.
    pub fn ping(&mut self, nonce: u64, out: &mut Vec<u8>) {
        if !self.closed {
            codec::write(out, &Header::Ping { nonce }, &[]);
        }
    }
}
