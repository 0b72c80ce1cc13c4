//! What comes from the worker.

use snakebridge::wire::codec;
use snakebridge::wire::{Event, Header};

use super::model::Meaning;
use super::{Input, Session};

impl Session {
    /// Receives one frame and compares what it means with the model.
    fn receive(&mut self, header: &Header<'_>, body_length: usize) {
        let expected = self.model.receive(header, body_length, self.now);
        let (meaning, ended) = match self.peer.receive(header, body_length, self.now) {
            Err(_) => (Meaning::Broken, None),
            Ok(event) => match event {
                Event::Reply { id, call } => (Meaning::Reply(id), Some((id, call))),
                Event::Failed { id, call, .. } => (Meaning::Failed(id), Some((id, call))),
                Event::End { id, call, .. } => (Meaning::End(id), Some((id, call))),
                Event::Item { id, call, .. } => {
                    assert_eq!(Some(&*call), self.model.asked.get(&id).map(|asked| &asked.token));
                    (Meaning::Item(id), None)
                }
                Event::Call(call) => (Meaning::Call(call.id), None),
                Event::Credit { id } => (Meaning::Credit(id), None),
                Event::Cancel { id, .. } => (Meaning::Cancel(id), None),
                Event::Ping { .. } => (Meaning::Ping, None),
                Event::Pong { .. } => (Meaning::Pong, None),
                Event::Ignored => (Meaning::Ignored, None),
                event @ (Event::Hello | Event::Ready { .. } | Event::StartFailed) => {
                    panic!("{event:?} on an open connection")
                }
            },
        };
        assert_eq!(meaning, expected, "{header:?} with a body of {body_length} bytes");
        if let Some((id, token)) = ended {
            self.end(id, &token);
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

    /// Receives bytes as a driver does; what is left of an incomplete frame is dropped.
    fn receive_bytes(&mut self, mut bytes: &[u8]) {
        while !self.closed {
            match codec::parse(bytes, self.model.ours.frame) {
                Ok(None) => return,
                Err(_) => self.close(),
                Ok(Some(parsed)) => {
                    self.receive(&parsed.header, parsed.body.len());
                    bytes = &bytes[parsed.length..];
                }
            }
        }
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
        let body = vec![0xc0; input.length()];
        let mut bytes = Vec::new();
        codec::write(&mut bytes, &header, &body);
        // Mostly once.
        let times = input.byte().saturating_sub(0x7f).max(1);
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

    /// The next frame of a call that is in flight, as the tool might send it. Nobody may be blamed for it.
    pub(super) fn honest(&mut self, input: &mut Input<'_>) {
        if self.model.asked.is_empty() {
            return;
        }
        let place = input.choice(self.model.asked.len());
        let (&id, call) = self.model.asked.iter().nth(place).expect("the place is within the table");
        let room = usize::try_from(self.model.ours.single_frame_body()).unwrap_or(usize::MAX);
        let body = vec![0xc0; input.length().min(room)];
        let header = match (&call.stream, input.byte() % 4) {
            (_, 0) => Header::Error { id, code: "tool", executed: input.executed() },
            (None, _) => Header::Reply { id },
            (Some(stream), 1) => Header::End { id, stream: 0, count: stream.items },
            (Some(stream), _) if stream.credit > 0 => {
                Header::Item { id, stream: 0, sequence: stream.items, flags: u64::from(input.byte() % 4) }
            }
            (Some(_), _) => return,
        };
        let mut bytes = Vec::new();
        codec::write(&mut bytes, &header, &body);
        self.receive_bytes(&bytes);
        assert!(!self.closed, "an honest worker was blamed for {header:?}");
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
                self.receive(&Header::Unknown { kind: 128 }, 0);
            }
        }
        assert!(self.closed, "a flood is noticed");
    }
}
