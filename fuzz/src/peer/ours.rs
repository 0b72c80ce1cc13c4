//! What the program does.

use std::collections::VecDeque;

use snakebridge::wire::credit::charge;
use snakebridge::wire::frame::{CallHeader, call_flag, check_meta};
use snakebridge::wire::limits::{is_session_id, is_target};
use snakebridge::wire::peer::{Refused, Request};
use snakebridge::wire::{Header, codec};

use super::model::{Asked, Incoming};
use super::{Input, Session, Token};

/// A text up to this many bytes is said in full.
const SHORT_TEXT: usize = 128;

impl Session {
    pub(super) fn call(&mut self, input: &mut Input<'_>) {
        let stream = input.flag();
        let plain = input.flag();
        let body = vec![0xc0; input.length()];
        // Most calls are plain; the others try every element.
        let request = if plain {
            Request { target: "ping", stream, body: &body, ..Request::default() }
        } else {
            Request {
                target: input.text(),
                stream,
                remaining: input.maybe(Input::number),
                session: input.maybe(Input::text),
                parent: input.maybe(Input::number),
                meta: input.maybe(Input::bytes),
                body: &body,
            }
        };
        let limit = self.model.theirs.single_frame_body();
        let size = body.len() as u64;
        let valid = is_target(request.target)
            && request.session.is_none_or(is_session_id)
            && request.meta.is_none_or(|meta| check_meta(meta).is_ok());
        let token = self.tried;
        self.tried += 1;
        match self.peer.call(&request, Token(token), &mut self.out) {
            Ok(id) => {
                assert!(size <= limit && valid && (self.model.asked.len() as u64) < self.model.theirs.calls);
                assert!(id % 2 == 1 && id > self.model.last_asked && self.used.insert(id), "id {id} is not new");
                self.model.last_asked = id;
                let credit = i128::from(self.model.ours.window);
                let incoming = || Incoming { items: 0, credit, consumed: 0, held: VecDeque::new() };
                let asked = Asked { token: Token(token), cancelled: false, stream: stream.then(incoming) };
                self.model.asked.insert(id, asked);
                let header = Header::Call(CallHeader {
                    id,
                    target: request.target,
                    flags: if stream { call_flag::STREAM } else { 0 },
                    remaining: request.remaining,
                    session: request.session,
                    parent: request.parent,
                    meta: request.meta,
                });
                self.written(Some((&header, &body)));
            }
            Err((refused, handed_back)) => {
                assert_eq!(handed_back, Token(token));
                let right = match refused {
                    Refused::TooLarge { .. } => size > limit,
                    Refused::Invalid(_) => !valid,
                    Refused::TooMany => self.model.asked.len() as u64 >= self.model.theirs.calls,
                    _ => false,
                };
                assert!(right, "{request:?} was refused: {refused:?}");
                self.written(None);
            }
        }
    }

    pub(super) fn cancel(&mut self, input: &mut Input<'_>) {
        let id = self.asked_id(input);
        let reason = input.text();
        let due = self.model.asked.get_mut(&id).is_some_and(|call| !std::mem::replace(&mut call.cancelled, true));
        assert_eq!(self.peer.cancel(id, reason, &mut self.out), due);
        let reason = self.said(reason);
        self.written(due.then_some((&Header::Cancel { id, reason }, &[])));
    }

    pub(super) fn consume(&mut self, input: &mut Input<'_>) {
        let id = self.asked_id(input);
        let Some(call) = self.model.asked.get_mut(&id) else { return };
        let Some(stream) = &mut call.stream else { return };
        let Some(length) = stream.held.pop_front() else { return };
        let mut granted = None;
        if !call.cancelled {
            stream.consumed += charge(length);
            if stream.consumed >= self.model.ours.window / 2 {
                let bytes = std::mem::take(&mut stream.consumed);
                stream.credit += i128::from(bytes);
                granted = Some(Header::Credit { id, stream: 0, bytes });
            }
            let all_consumed = stream.held.is_empty();
            assert!(
                !all_consumed || stream.credit > 0,
                "a consumer that has caught up leaves the worker without credit"
            );
        }
        assert_eq!(self.peer.consumed(id, length, &mut self.out), granted.is_some());
        self.written(granted.as_ref().map(|header| (header, &[][..])));
    }

    /// REPLY, END or ERROR to a call of the worker, whether it fits or not.
    pub(super) fn answer(&mut self, input: &mut Input<'_>) {
        let id = self.owed_id(input);
        let body = vec![0xc0; input.length()];
        let fits = body.len() as u64 <= self.model.theirs.single_frame_body();
        let stream = self.model.owed.get(&id).map(|owed| owed.stream.as_ref().map(|stream| stream.items));
        let (header, answered, owed) = match input.byte() % 3 {
            0 => (Header::Reply { id }, self.peer.reply(id, &body, &mut self.out), stream == Some(None)),
            1 => {
                let count = stream.flatten();
                let header = Header::End { id, stream: 0, count: count.unwrap_or(0) };
                (header, self.peer.end(id, &body, &mut self.out), count.is_some())
            }
            _ => {
                let (code, executed) = (input.text(), input.executed());
                let answered = self.peer.error(id, code, executed, &body, &mut self.out);
                assert_eq!(answered.is_ok(), stream.is_some());
                if stream.is_some() {
                    self.answered(id);
                }
                let code = self.said(code);
                let header = Header::Error { id, code, executed };
                // Better an error without its details than none.
                let body = if fits { &body[..] } else { &[] };
                self.written(stream.map(|_| (&header, body)));
                return;
            }
        };
        match answered {
            Ok(()) => {
                assert!(owed && fits);
                self.answered(id);
                self.written(Some((&header, &body)));
            }
            Err(refused) => {
                let right = match refused {
                    Refused::NotServed => !owed,
                    Refused::TooLarge { .. } => owed && !fits,
                    _ => false,
                };
                assert!(right, "{header:?} was refused: {refused:?}");
                self.written(None);
            }
        }
    }

    fn answered(&mut self, id: u64) {
        self.model.owed.remove(&id);
        self.model.finished += 1;
    }

    pub(super) fn item(&mut self, input: &mut Input<'_>) {
        let id = self.owed_id(input);
        let flags = u64::from(input.byte() % 4);
        let body = vec![0xc0; input.length()];
        let fits = body.len() as u64 <= self.model.theirs.single_frame_body();
        let stream = self.model.owed.get_mut(&id).and_then(|owed| owed.stream.as_mut());
        let may = stream.as_ref().is_some_and(|stream| stream.balance > 0);
        match self.peer.item(id, flags, &body, &mut self.out) {
            Ok(()) => {
                let stream = stream.expect("an item was sent that belongs to no stream");
                assert!(may && fits, "an item was sent without credit or beyond the limit");
                let header = Header::Item { id, stream: 0, sequence: stream.items, flags };
                stream.items += 1;
                stream.balance -= i128::from(charge(body.len()));
                self.written(Some((&header, &body)));
            }
            Err(refused) => {
                let right = match refused {
                    Refused::NotServed => stream.is_none(),
                    Refused::NoCredit => stream.is_some() && !may,
                    Refused::TooLarge { .. } => !fits,
                    _ => false,
                };
                assert!(right, "an item was refused: {refused:?}");
                self.written(None);
            }
        }
    }

    pub(super) fn ping(&mut self, input: &mut Input<'_>) {
        let nonce = input.number();
        self.peer.ping(nonce, &mut self.out);
        self.written(Some((&Header::Ping { nonce }, &[])));
    }

    pub(super) fn pong(&mut self, nonce: u64) {
        self.peer.pong(nonce, (0, 0), &mut self.out);
        let finished = self.model.finished;
        self.written(Some((&Header::Pong { nonce, finished, running: 0, running_for: 0 }, &[])));
    }

    /// After the end nothing is sent and nothing is heard.
    pub(super) fn after_the_end(&mut self) {
        assert!(!self.peer.is_open());
        assert_eq!((self.peer.in_flight(), self.peer.serving()), (0, 0));
        let last = self.model.last_asked;
        let late = self.peer.call(&Request { target: "ping", ..Request::default() }, Token(0), &mut self.out);
        assert_eq!(late, Err((Refused::NotOpen, Token(0))));
        assert!(!self.peer.cancel(last, "", &mut self.out) && !self.peer.consumed(last, 1, &mut self.out));
        let owed = self.model.last_owed;
        assert!(self.peer.reply(owed, &[], &mut self.out).is_err() && self.peer.end(owed, &[], &mut self.out).is_err());
        assert!(self.peer.item(owed, 0, &[], &mut self.out).is_err());
        for header in [Header::Reply { id: last }, Header::Ping { nonce: 0 }, Header::Ready { manifest_hash: "" }] {
            let event = self.peer.receive(&header, 0, self.now);
            assert!(matches!(event, Ok(snakebridge::wire::Event::Ignored)), "{event:?} after the end");
        }
        assert!(self.peer.close().is_empty(), "calls are handed back once");
        self.written(None);
    }

    /// How much of a text the frame says that has just been written: a long one may be cut, for a header has a limit.
    fn said<'t>(&self, text: &'t str) -> &'t str {
        match codec::parse(&self.out, u64::MAX).ok().flatten().map(|parsed| parsed.header) {
            Some(Header::Cancel { reason: said, .. } | Header::Error { code: said, .. })
                if text.len() > SHORT_TEXT && text.starts_with(said) =>
            {
                &text[..said.len()]
            }
            _ => text,
        }
    }

    /// One of our calls that are in flight, or the last that was made.
    fn asked_id(&self, input: &mut Input<'_>) -> u64 {
        let place = input.choice(256) % (self.model.asked.len() + 1);
        self.model.asked.keys().nth(place).copied().unwrap_or(self.model.last_asked)
    }

    /// One of the worker's calls that we have not answered, or the last that came.
    fn owed_id(&self, input: &mut Input<'_>) -> u64 {
        let place = input.choice(256) % (self.model.owed.len() + 1);
        self.model.owed.keys().nth(place).copied().unwrap_or(self.model.last_owed)
    }
}
