//! A side in the middle of its work, and another that may send anything.
//!
//! An input is our role, our limits and the other side's, and then steps to the end: what the program does (call, cancel,
//! consume, answer) and what comes from the other side (honest frames, headers with any content, any bytes), in pieces of
//! any size. Beside the peer runs a [`model`] of what the protocol says; the two may never differ in what a frame means
//! or in who is at fault.

mod model;
mod ours;
mod outgoing;
mod state;
mod theirs;

use std::collections::BTreeSet;

use snakebridge::wire::codec;
use snakebridge::wire::{Header, Limits, Millis, Peer, Role};

use self::model::Model;
use crate::input::Input;

/// What the worker was launched with; getting here with another one is the handshake's subject.
const NONCE: &str = "n";

/// What the program keeps with a call: which of its calls it is. It can neither be copied nor made up, so whoever has it
/// got it from the peer.
#[derive(Debug, PartialEq, Eq)]
struct Token(u64);

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Call,
    Cancel,
    Consume,
    Answer,
    Item,
    Ping,
    Wait,
    /// A frame that an honest worker might send now.
    Honest,
    /// A well-formed header with any content, once or many times over.
    Header,
    /// Any content behind a right length.
    Frame,
    /// Any bytes.
    Bytes,
    /// More control frames than anybody needs.
    Flood,
    Close,
    Fragment,
    InputItem,
    EndInput,
    ConsumeInput,
    GoAway,
    /// In what pieces bytes come from now on.
    Pieces,
}

/// In the order of their numbers, which are part of the format of inputs; what matters most has several.
const STEPS: [Step; 25] = [
    Step::Call,
    Step::Cancel,
    Step::Consume,
    Step::Answer,
    Step::Item,
    Step::Ping,
    Step::Wait,
    Step::Honest,
    Step::Header,
    Step::Frame,
    Step::Bytes,
    Step::Flood,
    Step::Close,
    Step::Call,
    Step::Honest,
    Step::Header,
    Step::Fragment,
    Step::InputItem,
    Step::EndInput,
    Step::ConsumeInput,
    Step::GoAway,
    Step::Fragment,
    Step::InputItem,
    Step::Honest,
    Step::Pieces,
];

impl Step {
    /// The number by which an input names it.
    pub(crate) fn number(self) -> u8 {
        let place = STEPS.iter().position(|&step| step == self).expect("every step has a number");
        u8::try_from(place).expect("there are few steps")
    }
}

/// A longer body comes once, and is not repeated.
const LONG: usize = 1024;
/// The large bodies that an input sends are together no longer.
const MAX_OWN: usize = 8 << 20;
/// Into how many pieces chosen by the input a delivery is cut; the rest of it comes at once.
const MAX_PIECES: usize = 16;

/// Runs one input.
///
/// # Panics
/// When the peer breaks a promise.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let role = if input.flag() { Role::Worker } else { Role::Host };
    let (ours, theirs) = (input.limits(), input.limits());
    let Some(mut session) = Session::open(role, ours, theirs) else { return };
    while !input.is_empty() && !session.closed {
        session.step(&mut input);
        session.check();
    }
    session.close();
}

/// The peer, the model, and what happened so far.
struct Session {
    peer: Peer<Token>,
    model: Model,
    /// What the peer wrote last.
    out: Vec<u8>,
    now: Millis,
    /// How many calls were tried; the next token.
    tried: u64,
    /// Ids that were given out, to notice one that is given out twice.
    used: BTreeSet<u64>,
    /// Ids that ended, to notice one that ends twice.
    ended: BTreeSet<u64>,
    /// The sizes of the pieces in which bytes come.
    pieces: Vec<u8>,
    /// Bytes of a frame that is incomplete.
    unread: Vec<u8>,
    /// How many bodies were made up; no two that follow one another look alike.
    bodies: u8,
    /// How many bytes of large bodies we may still send.
    room: usize,
    flooded: bool,
    closed: bool,
}

impl Session {
    /// A side that has shaken hands; nothing when the limits leave no room for any call.
    fn open(role: Role, ours: Limits, theirs: Limits) -> Option<Self> {
        let mut peer = Peer::new(role, ours, NONCE);
        let mut out = Vec::new();
        peer.hello(b"\x80", &mut out);
        let hello = Header::Hello { versions: (1, 1), limits: theirs, nonce: NONCE };
        peer.receive(&hello, &[], 0).ok()?;
        if role == Role::Host {
            peer.receive(&Header::Ready { manifest_hash: "" }, &[], 0).expect("READY follows HELLO");
        } else {
            peer.ready("", &[], &mut out).expect("READY follows HELLO");
        }
        assert!(peer.is_open());
        let model = Model::new(role, ours, theirs);
        Some(Self {
            peer,
            model,
            out: Vec::new(),
            now: 0,
            tried: 0,
            used: BTreeSet::new(),
            ended: BTreeSet::new(),
            pieces: Vec::new(),
            unread: Vec::new(),
            bodies: 0,
            room: MAX_OWN,
            flooded: false,
            closed: false,
        })
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match STEPS[input.choice(STEPS.len())] {
            Step::Call => self.call(input),
            Step::Cancel => self.cancel(input),
            Step::Consume => self.consume(input),
            Step::Answer => self.answer(input),
            Step::Item => self.item(input),
            Step::Ping => self.ping(input),
            Step::Wait => self.now = self.now.saturating_add(input.number()),
            Step::Honest => self.honest(input),
            Step::Header => self.any_header(input),
            Step::Frame => self.any_frame(input),
            Step::Bytes => self.any_bytes(input),
            Step::Flood => self.flood(),
            Step::Close => self.close(),
            Step::Fragment => self.fragment(),
            Step::InputItem => self.input_item(input),
            Step::EndInput => self.end_input(input),
            Step::ConsumeInput => self.consume_input(input),
            Step::GoAway => self.go_away(input),
            Step::Pieces => {
                let sizes = input.bytes();
                self.pieces = sizes[..sizes.len().min(MAX_PIECES)].to_vec();
            }
        }
    }

    /// A body of this length that is made up.
    fn body(&mut self, length: usize) -> Vec<u8> {
        self.bodies = self.bodies.wrapping_add(1);
        content(self.bodies, length)
    }

    /// A body that we send; small ones only, once they are together as long as an input needs them.
    fn own_body(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let length = input.size();
        if length > LONG {
            self.room = self.room.saturating_sub(length);
        }
        self.body(if self.room == 0 { length.min(LONG) } else { length })
    }

    /// The one frame that the peer has just written, if it should have; nothing else may be there.
    fn written(&mut self, expected: Option<(&Header<'_>, &[u8])>) {
        let Some((header, body)) = expected else {
            assert!(self.out.is_empty(), "something was written: {:02x?}", self.out);
            return;
        };
        let parsed =
            codec::parse(&self.out, self.model.theirs.frame.max(1 << 20)).expect("what is written can be parsed");
        let parsed = parsed.expect("a frame is written whole");
        assert_eq!(&parsed.header, header);
        assert_eq!(parsed.length, self.out.len(), "one frame is written");
        assert_eq!(&self.out[parsed.body.clone()], body);
        self.out.clear();
    }

    /// One more call has ended, by an event or by being handed back.
    fn end(&mut self, id: u64, token: &Token) {
        let call = self.model.asked.remove(&id).expect("a call that ends was in flight");
        assert_eq!(*token, call.token, "another call's data");
        assert!(self.ended.insert(id), "call {id} ended twice");
        // Nobody needs what was still to be sent for it.
        self.model.lanes.retain(|(lane, _), _| *lane != id);
    }

    /// Whether the peer's own figures are those of the model.
    fn check(&mut self) {
        if self.closed {
            return;
        }
        assert_eq!(self.peer.is_open(), !self.model.ends_early);
        assert_eq!(self.peer.in_flight(), self.model.asked.len());
        assert_eq!(self.peer.serving(), self.model.owed.len());
        assert_eq!(self.peer.finished(), self.model.finished);
        assert!(
            self.peer.calls().all(|(id, token)| self.model.asked.get(&id).is_some_and(|call| call.token == *token))
        );
        for (id, token, received) in self.peer.calls_mut() {
            let asked = &self.model.asked[&id];
            assert_eq!(*token, asked.token);
            assert_eq!(received.items, asked.stream.as_ref().map_or(0, |stream| stream.items));
            assert_eq!(received.bytes, asked.coming.map_or(0, |coming| coming.received));
        }
        for (&id, owed) in &self.model.owed {
            assert!(self.peer.serves(id));
            let may = owed.stream.as_ref().is_some_and(|stream| self.model.may_send(id, 0, stream));
            assert_eq!(self.peer.may_send(id), may);
        }
        for (&id, asked) in &self.model.asked {
            for (stream, input) in (1..).zip(&asked.inputs) {
                assert_eq!(self.peer.may_send_input(id, stream), self.model.may_send(id, stream, input));
            }
        }
        assert_eq!(self.peer.has_fragments(), !self.model.lanes.is_empty());
        assert_eq!(self.peer.unsent_answers(), self.unsent_answers());
        assert!(self.out.is_empty(), "nothing is written that nobody asked for");
    }

    /// The end of the connection: what is unanswered comes back, oldest first, and then nothing happens any more.
    fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            let unanswered: Vec<u64> = self.model.asked.keys().copied().collect();
            let returned = self.peer.close();
            assert_eq!(returned.iter().map(|&(id, _)| id).collect::<Vec<_>>(), unanswered);
            for (id, token) in &returned {
                self.end(*id, token);
            }
        }
        assert_eq!(self.used, self.ended, "every call ends exactly once");
        self.after_the_end();
    }
}

/// Bytes that count up from the first one, and do not repeat from one fragment to the next.
fn content(first: u8, length: usize) -> Vec<u8> {
    let turn: Vec<u8> = (0..=250).collect();
    let start = usize::from(first) % turn.len();
    let mut bytes = turn[start..].to_vec();
    while bytes.len() < length {
        bytes.extend_from_slice(&turn);
    }
    bytes.truncate(length);
    bytes
}
