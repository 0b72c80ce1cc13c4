//! What the program does.

use snakebridge::wire::credit::charge;
use snakebridge::wire::frame::{CallHeader, call_flag, check_meta};
use snakebridge::wire::limits::{is_session_id, is_target};
use snakebridge::wire::peer::{Refused, Request};
use snakebridge::wire::{Executed, Header, codec};

use super::state::{Asked, Outgoing};
use super::{Input, Session, Token};

/// A text up to this many bytes is said in full.
const SHORT_TEXT: usize = 128;

impl Session {
    pub(super) fn call(&mut self, input: &mut Input<'_>) {
        let stream = input.flag();
        let plain = input.flag();
        let inputs = input.number();
        let body = self.own_body(input);
        // Most calls are plain; the others try every element.
        let request = if plain {
            Request { target: "ping", stream, inputs, ..Request::default() }
        } else {
            Request {
                target: input.text(),
                stream,
                inputs,
                remaining: input.maybe(Input::number),
                session: input.maybe(Input::text),
                parent: input.maybe(Input::number),
                meta: input.maybe(Input::bytes),
                ..Request::default()
            }
        };
        let limit = self.model.theirs.body;
        let size = body.len() as u64;
        let valid = inputs <= 16
            && is_target(request.target)
            && request.session.is_none_or(is_session_id)
            && request.meta.is_none_or(|meta| check_meta(meta).is_ok());
        let token = self.tried;
        self.tried += 1;
        match self.peer.call(&request, &body, Token(token), &mut self.out) {
            Ok(id) => {
                assert!(size <= limit && valid && (self.model.asked.len() as u64) < self.model.theirs.calls);
                assert!(id > self.model.last_asked && self.used.insert(id), "id {id} is not new");
                assert!(!self.model.ends_early, "the other side takes no more calls");
                self.model.last_asked = id;
                assert!(self.model.is_ours(id), "id {id} has the wrong parity");
                let asked = Asked {
                    token: Token(token),
                    cancelled: false,
                    stream: stream.then(|| self.model.incoming()),
                    inputs: (0..inputs).map(|_| self.model.outgoing()).collect(),
                    coming: None,
                };
                self.model.asked.insert(id, asked);
                let large = size > self.longest_fragment();
                let header = Header::Call(CallHeader {
                    id,
                    target: request.target,
                    flags: if stream { call_flag::STREAM } else { 0 },
                    remaining: request.remaining,
                    session: request.session,
                    parent: request.parent,
                    meta: request.meta,
                    total: large.then_some(size),
                    inputs,
                    tools: request.tools,
                    window: request.window,
                });
                self.written(Some((&header, if large { &[] } else { &body[..] })));
                if large {
                    self.lay((id, 0), (size, body[0]));
                }
            }
            Err((refused, handed_back)) => {
                assert_eq!(handed_back, Token(token));
                let right = match refused {
                    Refused::TooLarge { .. } => size > limit,
                    Refused::Invalid(_) => !valid,
                    Refused::NotOpen => self.model.ends_early,
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
        if let Some(call) = self.model.asked.get_mut(&id).filter(|_| due) {
            call.inputs.iter_mut().for_each(|input| input.ended = true);
            if let Some(coming) = &mut call.coming {
                coming.discard();
            }
            self.model.lanes.retain(|(lane, _), _| *lane != id);
        }
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
        assert_eq!(self.peer.consumed(id, 0, length, &mut self.out), granted.is_some());
        self.written(granted.as_ref().map(|header| (header, &[][..])));
    }

    pub(super) fn consume_input(&mut self, input: &mut Input<'_>) {
        let id = self.owed_id(input);
        let index = input.choice(16);
        let stream = 1 + index as u64;
        let window = self.model.ours.window;
        let Some((incoming, _)) = self.model.owed.get_mut(&id).and_then(|owed| owed.inputs.get_mut(index)) else {
            assert!(!self.peer.consumed(id, stream, 1, &mut self.out));
            return;
        };
        let Some(length) = incoming.held.pop_front() else { return };
        let mut granted = None;
        if !incoming.ended {
            incoming.consumed += charge(length);
            if incoming.consumed >= window / 2 {
                let bytes = std::mem::take(&mut incoming.consumed);
                incoming.credit += i128::from(bytes);
                granted = Some(Header::Credit { id, stream, bytes });
            }
        }
        assert_eq!(self.peer.consumed(id, stream, length, &mut self.out), granted.is_some());
        self.written(granted.as_ref().map(|header| (header, &[][..])));
    }

    /// REPLY, END or ERROR to a call of the other side, whether it fits or not, and even before all of its arguments have
    /// come.
    pub(super) fn answer(&mut self, input: &mut Input<'_>) {
        let id = self.owed_id(input);
        let body = self.own_body(input);
        let fits = body.len() as u64 <= self.model.theirs.body;
        let stream = self.model.owed.get(&id).map(|owed| owed.stream.as_ref().map(|stream| stream.items));
        match input.byte() % 3 {
            0 => {
                let answered = self.peer.reply(id, &body, &mut self.out);
                if self.is_answered(answered, stream == Some(None), fits) {
                    self.model.answered(id);
                    self.sent((id, 0), |total| Header::Reply { id, total }, &body);
                }
            }
            1 => {
                let answered = self.peer.end(id, &body, &mut self.out);
                let count = stream.flatten();
                if self.is_answered(answered, count.is_some(), fits) {
                    self.model.answered(id);
                    let count = count.unwrap_or(0);
                    let header = |total| Header::End { id, stream: 0, count, total };
                    if self.model.lanes.contains_key(&(id, 0)) {
                        let large = body.len() as u64 > self.longest_fragment();
                        self.put_behind((id, 0), &header(large.then_some(body.len() as u64)), &body);
                    } else {
                        self.sent((id, 0), header, &body);
                    }
                }
            }
            _ => {
                let (code, executed) = (input.text(), input.executed());
                self.fail(id, code, executed, &body);
            }
        }
    }

    /// The other side has withdrawn a call before all of its arguments had come.
    pub(super) fn withdraw(&mut self, id: u64) {
        self.fail(id, "cancelled", Executed::Never, &[]);
    }

    fn fail(&mut self, id: u64, code: &str, executed: Executed, body: &[u8]) {
        let owed = self.model.owed.contains_key(&id);
        let answered = self.peer.error(id, code, executed, body, &mut self.out);
        assert_eq!(answered.is_ok(), owed);
        if !owed {
            self.written(None);
            return;
        }
        self.model.answered(id);
        // Better an error without its details than none.
        let body = if body.len() as u64 <= self.model.theirs.single_frame_body() { body } else { &[] };
        if let Some(lane) = self.model.lanes.get_mut(&(id, 0)) {
            let code = &code[..code.floor_char_boundary(SHORT_TEXT)];
            codec::write(&mut lane.behind, &Header::Error { id, code, executed }, body);
            self.written(None);
            return;
        }
        let code = self.said(code).to_owned();
        self.written(Some((&Header::Error { id, code: &code, executed }, body)));
    }

    /// Whether an answer was taken, which it was if it was owed and fits.
    fn is_answered(&mut self, answered: Result<(), Refused>, owed: bool, fits: bool) -> bool {
        match answered {
            Ok(()) => assert!(owed && fits),
            Err(refused) => {
                let right = match refused {
                    Refused::NotServed => !owed,
                    Refused::TooLarge { .. } => owed && !fits,
                    _ => false,
                };
                assert!(right, "an answer was refused: {refused:?}");
                self.written(None);
            }
        }
        answered.is_ok()
    }

    pub(super) fn item(&mut self, input: &mut Input<'_>) {
        let id = self.owed_id(input);
        let flags = u64::from(input.byte() % 4);
        let body = self.own_body(input);
        let sent = self.peer.item(id, flags, &body, &mut self.out);
        self.item_of((id, 0), flags, &body, sent);
    }

    /// An item of a stream among the arguments of a call of ours.
    pub(super) fn input_item(&mut self, input: &mut Input<'_>) {
        let (id, stream) = (self.asked_id(input), 1 + u64::from(input.byte() % 17));
        let body = self.own_body(input);
        let sent = self.peer.input_item(id, stream, &body, &mut self.out);
        self.item_of((id, stream), 0, &body, sent);
    }

    fn item_of(&mut self, (id, stream): (u64, u64), flags: u64, body: &[u8], sent: Result<(), Refused>) {
        let fits = body.len() as u64 <= self.model.theirs.body;
        let busy = self.model.lanes.contains_key(&(id, stream));
        let outgoing = self.outgoing_stream(id, stream).filter(|outgoing| !outgoing.ended);
        let may = !busy && outgoing.as_ref().is_some_and(|outgoing| outgoing.balance > 0);
        match sent {
            Ok(()) => {
                let outgoing = outgoing.expect("an item was sent that belongs to no stream");
                assert!(may && fits, "an item was sent without credit or beyond the limit");
                let sequence = outgoing.items;
                outgoing.items += 1;
                outgoing.balance -= i128::from(charge(body.len()));
                self.sent((id, stream), |total| Header::Item { id, stream, sequence, flags, total }, body);
            }
            Err(refused) => {
                let right = match refused {
                    Refused::NotServed => outgoing.is_none(),
                    Refused::NoCredit => outgoing.is_some() && !may,
                    Refused::TooLarge { .. } => !fits,
                    _ => false,
                };
                assert!(right, "an item was refused: {refused:?}");
                self.written(None);
            }
        }
    }

    pub(super) fn end_input(&mut self, input: &mut Input<'_>) {
        let (id, stream) = (self.asked_id(input), 1 + u64::from(input.byte() % 17));
        let ended = self.peer.end_input(id, stream, &mut self.out);
        let Some(outgoing) = self.outgoing_stream(id, stream).filter(|outgoing| !outgoing.ended) else {
            assert_eq!(ended, Err(Refused::NotServed));
            self.written(None);
            return;
        };
        assert_eq!(ended, Ok(()));
        outgoing.ended = true;
        let header = Header::End { id, stream, count: outgoing.items, total: None };
        if self.model.lanes.contains_key(&(id, stream)) {
            self.put_behind((id, stream), &header, &[]);
        } else {
            self.written(Some((&header, &[])));
        }
    }

    fn outgoing_stream(&mut self, id: u64, stream: u64) -> Option<&mut Outgoing> {
        match usize::try_from(stream).ok()?.checked_sub(1) {
            None => self.model.owed.get_mut(&id)?.stream.as_mut(),
            Some(index) => self.model.asked.get_mut(&id)?.inputs.get_mut(index),
        }
    }

    pub(super) fn go_away(&mut self, input: &mut Input<'_>) {
        let reason = input.text();
        let last = *self.model.last_accepted.get_or_insert(self.model.last_owed);
        assert_eq!(self.peer.go_away(reason, &mut self.out), last);
        let reason = self.said(reason).to_owned();
        self.written(Some((&Header::GoAway { last, reason: &reason }, &[])));
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
        let late = self.peer.call(&Request { target: "ping", ..Request::default() }, &[0; 0], Token(0), &mut self.out);
        assert_eq!(late, Err((Refused::NotOpen, Token(0))));
        assert!(!self.peer.cancel(last, "", &mut self.out) && !self.peer.consumed(last, 0, 1, &mut self.out));
        let owed = self.model.last_owed;
        assert!(
            self.peer.reply(owed, &[0; 0], &mut self.out).is_err()
                && self.peer.end(owed, &[0; 0], &mut self.out).is_err()
        );
        assert!(self.peer.item(owed, 0, &[0; 0], &mut self.out).is_err());
        for header in
            [Header::Reply { id: last, total: None }, Header::Ping { nonce: 0 }, Header::Ready { manifest_hash: "" }]
        {
            let event = self.peer.receive(&header, &[], self.now);
            assert!(matches!(event, Ok(snakebridge::wire::Event::Ignored)), "{event:?} after the end");
        }
        assert!(self.peer.close().is_empty(), "calls are handed back once");
        self.written(None);
    }

    /// How much of a text the frame says that has just been written: a long one may be cut, for a header has a limit.
    fn said<'t>(&self, text: &'t str) -> &'t str {
        match codec::parse(&self.out, u64::MAX).ok().flatten().map(|parsed| parsed.header) {
            Some(
                Header::Cancel { reason: said, .. }
                | Header::GoAway { reason: said, .. }
                | Header::Error { code: said, .. },
            ) if text.len() > SHORT_TEXT && text.starts_with(said) => &text[..said.len()],
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
