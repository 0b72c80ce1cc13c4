//! What comes from the worker.

use std::collections::BTreeMap;

use snakebridge::wire::codec;
use snakebridge::wire::{Event, Header};

use super::model::Model;
use super::state::{Coming, Meaning, Owed, sum};
use super::{Input, LONG, Session};

impl Session {
    /// Receives one frame and compares what it means with the model.
    fn receive(&mut self, header: &Header<'_>, body: &[u8]) {
        let expected = self.model.receive(header, body, self.now);
        let mut whole = None;
        let mut outcome = self.peer.receive(header, body, self.now);
        if let Ok(Event::Assembled(assembled)) = outcome {
            let assembled = whole.insert(assembled);
            let body = (assembled.body.len() as u64, sum(0, &assembled.body));
            assert_eq!(Some(body), self.model.assembled.take(), "a body is what came in its fragments");
            outcome = self.peer.complete(&assembled.header);
        }
        assert_eq!(self.model.assembled, None, "a body is complete");
        let (meaning, ended) = match outcome {
            Err(_) => (Meaning::Broken, None),
            Ok(event) => match event {
                Event::Reply { id, call } => (Meaning::Reply(id), Some((id, call))),
                Event::Answering { id, call } => {
                    assert_eq!(Some(&*call), self.model.asked.get(&id).map(|asked| &asked.token));
                    (Meaning::Answering(id), None)
                }
                Event::Failed { id, call, .. } => (Meaning::Failed(id), Some((id, call))),
                Event::End { id, call, .. } => (Meaning::End(id), Some((id, call))),
                Event::Item { id, call, .. } => {
                    assert_eq!(Some(&*call), self.model.asked.get(&id).map(|asked| &asked.token));
                    (Meaning::Item(id), None)
                }
                Event::Call(call) => (Meaning::Call(call.id), None),
                Event::Credit { id, stream } => (Meaning::Credit(id, stream), None),
                Event::Input { id, stream } => (Meaning::Input(id, stream), None),
                Event::InputEnd { id, stream } => (Meaning::InputEnd(id, stream), None),
                Event::Withdrawn { id } => (Meaning::Withdrawn(id), None),
                Event::GoAway { last, .. } => (Meaning::GoAway(last), None),
                Event::Assembled(_) => panic!("a body is complete twice"),
                Event::Cancel { id, .. } => (Meaning::Cancel(id), None),
                Event::Ping { .. } => (Meaning::Ping, None),
                Event::Pong { .. } => (Meaning::Pong, None),
                Event::Told { id, .. } => (Meaning::Told(id), None),
                Event::Ignored => (Meaning::Ignored, None),
                event @ (Event::Hello | Event::Ready { .. } | Event::StartFailed) => {
                    panic!("{event:?} on an open connection")
                }
            },
        };
        assert_eq!(meaning, expected, "{header:?} with a body of {} bytes", body.len());
        if let Some((id, token)) = ended {
            self.end(id, &token);
        }
        match meaning {
            Meaning::Withdrawn(id) => self.withdraw(id),
            Meaning::GoAway(last) => {
                let never_ran: Vec<u64> = self.model.asked.keys().copied().filter(|&id| id > last).collect();
                let taken = self.peer.take_above(last);
                assert_eq!(taken.iter().map(|&(id, _)| id).collect::<Vec<_>>(), never_ran);
                for (id, token) in &taken {
                    self.end(*id, token);
                }
            }
            _ => {}
        }
        if let Header::Ping { nonce } = *header
            && meaning == Meaning::Ping
        {
            self.pong(nonce);
        }
        if meaning == Meaning::Broken {
            self.close();
        }
    }

    /// Receives bytes as a driver does, piece by piece. What is left of an incomplete frame waits for its rest.
    fn receive_bytes(&mut self, mut bytes: &[u8]) {
        let mut sizes = std::mem::take(&mut self.pieces);
        for size in sizes.iter().map(|&size| usize::from(size)).chain([usize::MAX]) {
            let (piece, rest) = bytes.split_at(size.min(bytes.len()));
            self.unread.extend_from_slice(piece);
            self.read_frames();
            bytes = rest;
        }
        std::mem::swap(&mut self.pieces, &mut sizes);
    }

    /// Takes the frames that are complete.
    fn read_frames(&mut self) {
        let mut unread = std::mem::take(&mut self.unread);
        let mut read = 0;
        while !self.closed {
            let (bytes, limit) = (&unread[read..], self.model.ours.frame);
            let length = codec::frame_length(bytes, limit);
            match codec::parse(bytes, limit) {
                Ok(None) => {
                    assert!(length.is_ok_and(|length| length.is_none_or(|length| length > bytes.len())));
                    break;
                }
                Err(_) => self.close(),
                Ok(Some(parsed)) => {
                    assert_eq!(length, Ok(Some(parsed.length)));
                    self.receive(&parsed.header, &bytes[parsed.body.clone()]);
                    read += parsed.length;
                }
            }
        }
        unread.drain(..read);
        self.unread = unread;
    }

    /// One of the ids that mean something, or any other.
    fn id(&self, input: &mut Input<'_>) -> u64 {
        let place = input.choice(256);
        let nth = |ids: &mut dyn ExactSizeIterator<Item = &u64>| {
            let count = ids.len().max(1);
            ids.nth((place / 4) % count).copied().unwrap_or(0)
        };
        match place % 4 {
            0 => nth(&mut self.model.asked.keys()),
            1 => nth(&mut self.ended.iter()),
            2 => nth(&mut self.model.owed.keys()),
            // Two behind the last is the next one.
            _ => match input.number() {
                0 => self.model.last_owed.saturating_add(2),
                number => number,
            },
        }
    }

    pub(super) fn any_header(&mut self, input: &mut Input<'_>) {
        let header = input.header(|input| self.id(input));
        let body = self.body(input.length());
        let mut bytes = Vec::new();
        codec::write(&mut bytes, &header, &body);
        // Mostly once, and what is long always, for the sake of time.
        let times = input.byte().saturating_sub(0x7f).max(1);
        let times = if body.len() > LONG { 1 } else { times };
        for _ in 0..times {
            if !self.closed {
                self.receive_bytes(&bytes);
            }
        }
    }

    pub(super) fn any_frame(&mut self, input: &mut Input<'_>) {
        let content = input.bytes();
        let mut frame = u32::try_from(content.len()).expect("below 64 KiB").to_be_bytes().to_vec();
        frame.extend_from_slice(content);
        self.receive_bytes(&frame);
    }

    pub(super) fn any_bytes(&mut self, input: &mut Input<'_>) {
        let bytes = input.bytes();
        self.receive_bytes(bytes);
    }

    /// The next frame of a call that is in flight, as an honest side might send it. Nobody may be blamed for it.
    pub(super) fn honest(&mut self, input: &mut Input<'_>) {
        // It would have sent the rest of its last frame first.
        if !self.unread.is_empty() {
            return;
        }
        let frame = match input.byte() % 4 {
            1 => Self::honest_caller(&self.model, &self.model.owed, input),
            // It does not know yet that its call is over.
            3 if !self.model.cheated => Self::honest_caller(&self.model, &self.model.over, input),
            _ => self.honest_callee(input),
        };
        let Some((header, body)) = frame else { return };
        if body > self.model.ours.body {
            return;
        }
        let body = self.body(usize::try_from(body).unwrap_or(0));
        let mut bytes = Vec::new();
        codec::write(&mut bytes, &header, &body);
        if bytes.len() as u64 > self.model.ours.frame {
            return;
        }
        self.model.crossed(&header, body.len() as u64);
        self.model.honest = true;
        self.receive_bytes(&bytes);
        self.model.honest = false;
        assert!(!self.closed, "an honest side was blamed for {header:?}");
    }

    /// Of a call that we made: an answer, an item, or the next fragment of either.
    fn honest_callee(&self, input: &mut Input<'_>) -> Option<(Header<'static>, u64)> {
        let place = input.choice(self.model.asked.len().max(1));
        let (&id, call) = self.model.asked.iter().nth(place)?;
        let (length, large) = (input.length() as u64, input.flag());
        if let Some(coming) = call.coming {
            return next_part(&self.model, (id, 0), &coming, length);
        }
        let total = (large && length > 0 && length <= self.model.ours.body).then_some(length);
        let body = if total.is_some() { 0 } else { length };
        let header = match (&call.stream, input.byte() % 4) {
            (_, 0) => return Some((Header::Error { id, code: "tool", executed: input.executed() }, length)),
            (None, _) => Header::Reply { id, total },
            (Some(stream), 1) => Header::End { id, stream: 0, count: stream.items, total },
            (Some(stream), _) if stream.credit > 0 => {
                let flags = u64::from(input.byte() % 4);
                Header::Item { id, stream: 0, sequence: stream.items, flags, total }
            }
            (Some(_), _) => return None,
        };
        Some((header, body))
    }

    /// Of a call that we serve, or have served: an item of a stream among its arguments, its end, or the next fragment of
    /// what comes.
    fn honest_caller(
        model: &Model,
        calls: &BTreeMap<u64, Owed>,
        input: &mut Input<'_>,
    ) -> Option<(Header<'static>, u64)> {
        let place = input.choice(calls.len().max(1));
        let (&id, call) = calls.iter().nth(place)?;
        let (length, large) = (input.length() as u64, input.flag());
        if let Some(arguments) = call.arguments {
            return next_part(model, (id, 0), &arguments, length);
        }
        let index = input.choice(call.inputs.len().max(1));
        let (stream, coming) = call.inputs.get(index).filter(|(stream, _)| !stream.ended)?;
        let number = index as u64 + 1;
        if let Some(coming) = coming {
            return next_part(model, (id, number), coming, length);
        }
        if input.byte().is_multiple_of(4) {
            return Some((Header::End { id, stream: number, count: stream.items, total: None }, 0));
        }
        let total = (large && length > 0 && length <= model.ours.body).then_some(length);
        let body = if total.is_some() { 0 } else { length };
        let item = Header::Item { id, stream: number, sequence: stream.items, flags: 0, total };
        (stream.credit > 0).then_some((item, body))
    }

    /// Once an input, because it takes as long as everything else together.
    pub(super) fn flood(&mut self) {
        if std::mem::replace(&mut self.flooded, true) {
            return;
        }
        // A second later the budget is whole, and one more than it holds comes in.
        self.now = self.now.saturating_add(1_000);
        for _ in 0..=20_000 {
            if !self.closed {
                self.receive(&Header::Unknown { kind: 128 }, &[]);
            }
        }
        assert!(self.closed, "a flood is noticed");
    }
}

fn next_part(model: &Model, (id, stream): (u64, u64), coming: &Coming, length: u64) -> Option<(Header<'static>, u64)> {
    let length = length.clamp(1, coming.missing());
    model.has_room(coming).then_some((Header::Part { id, stream }, length))
}
