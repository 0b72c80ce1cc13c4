//! From the first byte to the first call: a host and a worker that have said nothing, and a peer that may say anything.
//!
//! An input is a role, a nonce, our limits, noise in front of the magic, and then steps to the end.

use snakebridge::wire::codec::{self, Preamble};
use snakebridge::wire::limits::{MAX_EVENT, MAX_HANDSHAKE};
use snakebridge::wire::peer::{Refused, Request};
use snakebridge::wire::{Event, Header, Limits, MAGIC, MAX_NOISE, Peer, Role, VERSIONS};

use crate::input::Input;

/// What the worker may have been launched with. The first two are in the vectors.
pub const NONCES: [&str; 3] = ["n", "0123456789abcdef", ""];

/// Runs one input.
///
/// # Panics
/// When a peer breaks a promise.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let role = if input.flag() { Role::Worker } else { Role::Host };
    let nonce = NONCES[input.choice(NONCES.len())];
    let ours = input.limits();
    magic(&mut input);
    honest(ours, nonce);
    let mut side =
        Side { peer: Peer::new(role, ours, nonce), role, nonce, heard: None, ready: false, away: false, closed: false };
    while !input.is_empty() && !side.closed {
        side.step(&mut input);
        assert_eq!(side.peer.is_open(), side.heard.is_some() && side.ready && !side.away && !side.closed);
        assert_eq!(*side.peer.peer_limits(), side.heard.unwrap_or_default(), "limits are those of HELLO");
    }
}

/// The magic is found at its first place, however the bytes come in, and noise is bounded.
fn magic(input: &mut Input<'_>) {
    let pattern = input.bytes();
    let repeated = input.length() + input.length();
    let tail = input.bytes();
    let mut bytes: Vec<u8> = pattern.iter().copied().cycle().take(repeated.min(2 * MAX_NOISE)).collect();
    if input.flag() {
        bytes.extend(MAGIC);
    }
    bytes.extend_from_slice(tail);
    let first = (0..bytes.len()).find(|&start| bytes[start..].starts_with(&MAGIC));
    let (mut came, step) = (0, input.length().max(bytes.len() / 3).max(1));
    while came < bytes.len() {
        came = (came + step).min(bytes.len());
        let outcome = codec::find_magic(&bytes[..came]);
        match first.filter(|first| first + MAGIC.len() <= came) {
            Some(noise) if noise <= MAX_NOISE => {
                assert_eq!(outcome, Ok(Preamble::Found { noise, end: noise + MAGIC.len() }));
            }
            None if came < MAX_NOISE + MAGIC.len() => assert_eq!(outcome, Ok(Preamble::Incomplete)),
            _ => assert!(outcome.is_err(), "{came} bytes without a magic in its place are waited on"),
        }
    }
}

/// Two sides that were told the same nonce come to an open connection, if their limits let anything through.
fn honest(limits: Limits, nonce: &str) {
    let (mut host, mut worker) = (Peer::new(Role::Host, limits, nonce), Peer::new(Role::Worker, limits, nonce));
    let (mut there, mut back) = (Vec::new(), Vec::new());
    host.hello(b"\x80", &mut there);
    worker.hello(b"\x80", &mut back);
    let agreed = deliver(&mut worker, &there);
    assert_eq!(agreed, limits.window > 0 && limits.calls > 0 && limits.body > 0, "{limits:?}");
    if agreed {
        worker.ready("hash", b"\x90", &mut back).expect("both have said HELLO");
        assert!(deliver(&mut host, &back) && host.is_open() && worker.is_open());
    }
}

/// Whether the peer takes all the frames.
fn deliver(peer: &mut Peer<()>, mut bytes: &[u8]) -> bool {
    while let Some(parsed) = codec::parse(bytes, peer.limits().frame).expect("frames of ours can be parsed") {
        if peer.receive(&parsed.header, &bytes[parsed.body.clone()], 0).is_err() {
            return false;
        }
        bytes = &bytes[parsed.length..];
    }
    assert!(bytes.is_empty(), "a peer writes whole frames");
    true
}

/// What a step does; the order is part of the format of inputs.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Receive a frame's bytes behind a right length.
    Frame,
    /// Receive a well-formed header with any content.
    Header,
    /// Receive the HELLO that is right.
    Hello,
    /// Say READY.
    Ready,
    /// Try to call.
    Call,
}

const STEPS: [Step; 5] = [Step::Frame, Step::Header, Step::Hello, Step::Ready, Step::Call];

/// One side, and what is known of it from outside.
struct Side {
    peer: Peer<()>,
    role: Role,
    nonce: &'static str,
    /// The limits of the HELLO that came.
    heard: Option<Limits>,
    ready: bool,
    /// The other side takes no calls.
    away: bool,
    closed: bool,
}

impl Side {
    fn step(&mut self, input: &mut Input<'_>) {
        let mut out = Vec::new();
        match STEPS[input.choice(STEPS.len())] {
            Step::Frame => {
                let content = input.bytes();
                let mut frame = u32::try_from(content.len()).expect("below 64 KiB").to_be_bytes().to_vec();
                frame.extend_from_slice(content);
                match codec::parse(&frame, self.peer.limits().frame) {
                    Ok(parsed) => {
                        let parsed = parsed.expect("the frame is whole");
                        self.receive(&parsed.header, &frame[parsed.body.clone()]);
                    }
                    Err(_) => self.close(),
                }
            }
            Step::Header => {
                let header = input.header(Input::number);
                // Twice the most that a HELLO may have, so that both sides of the limit are tried.
                let body = vec![0xc0; input.length() * 32];
                self.receive(&header, &body);
            }
            Step::Hello => {
                let header = Header::Hello { versions: VERSIONS, limits: input.limits(), nonce: self.nonce };
                self.receive(&header, &[0x80]);
            }
            Step::Ready => {
                let due = self.role == Role::Worker && self.heard.is_some() && !self.ready;
                let said = self.peer.ready(input.text(), b"\x90", &mut out);
                assert_eq!(said.is_ok(), due, "READY is said once, by the worker, after HELLO");
                assert_eq!(out.is_empty(), !due);
                self.ready |= due;
            }
            Step::Call => {
                let early = self.peer.call(&Request { target: "ping", ..Request::default() }, &[0x80], (), &mut out);
                if !self.peer.is_open() {
                    assert_eq!(early, Err((Refused::NotOpen, ())));
                    assert!(out.is_empty());
                }
            }
        }
    }

    fn receive(&mut self, header: &Header<'_>, body: &[u8]) {
        let body_length = body.len();
        let fits = body_length as u64 <= self.peer.limits().body;
        let starting = self.heard.is_some() && !self.ready;
        let outcome = self.peer.receive(header, body, 0);
        match *header {
            Header::Hello { versions, limits, nonce } => {
                let right = fits
                    && self.heard.is_none()
                    && versions.0 <= VERSIONS.1
                    && versions.1 >= VERSIONS.0
                    && versions.0 <= versions.1
                    && nonce == self.nonce
                    && body_length <= MAX_HANDSHAKE
                    && limits.window > 0
                    && limits.calls > 0;
                assert_eq!(matches!(outcome, Ok(Event::Hello)), right, "{header:?}: {outcome:?}");
                if right {
                    // A window beyond that is as good as none.
                    self.heard = Some(Limits { window: limits.window.min(1 << 39), ..limits });
                }
            }
            Header::Ready { .. } => {
                let right = fits && starting && self.role == Role::Host && body_length <= MAX_HANDSHAKE;
                assert_eq!(matches!(outcome, Ok(Event::Ready { .. })), right, "{header:?}: {outcome:?}");
                self.ready |= right;
            }
            Header::Error { id: 0, .. } => {
                let right = fits && starting && self.role == Role::Host;
                assert_eq!(matches!(outcome, Ok(Event::StartFailed)), right, "{header:?}: {outcome:?}");
            }
            _ if self.heard.is_none() => assert!(outcome.is_err(), "{header:?} before HELLO: {outcome:?}"),
            Header::Ping { .. } => assert_eq!(matches!(outcome, Ok(Event::Ping { .. })), fits),
            Header::Pong { .. } => assert_eq!(matches!(outcome, Ok(Event::Pong { .. })), fits),
            Header::Unknown { .. } => assert_eq!(matches!(outcome, Ok(Event::Ignored)), fits),
            Header::Event { id, .. } => {
                let right = fits && self.role == Role::Host && body_length <= MAX_EVENT;
                let told = matches!(outcome, Ok(Event::Told { .. }));
                // Whether an id was given out is the other target's subject.
                assert!(told == right || (right && id != 0), "{header:?}: {outcome:?}");
            }
            _ if !self.ready => assert!(outcome.is_err(), "{header:?} before READY: {outcome:?}"),
            Header::GoAway { .. } => self.away |= outcome.is_ok(),
            // An open connection is the other target's subject.
            _ => {}
        }
        if outcome.is_err() {
            self.close();
        }
    }

    fn close(&mut self) {
        self.peer.close();
        self.closed = true;
        let late = Header::Hello { versions: VERSIONS, limits: Limits::default(), nonce: self.nonce };
        assert!(matches!(self.peer.receive(&late, &[0x80], 0), Ok(Event::Ignored)), "a closed peer hears nothing");
    }
}
