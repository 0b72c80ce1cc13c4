//! What the model remembers of calls, streams and bodies.

use std::collections::VecDeque;

use snakebridge::wire::Millis;
use snakebridge::wire::credit::charge;

use super::Token;

/// A call of ours.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) token: Token,
    pub(super) cancelled: bool,
    /// What came of the stream, when one was asked for.
    pub(super) stream: Option<Incoming>,
    /// The streams that we send as arguments.
    pub(super) inputs: Vec<Outgoing>,
    /// The body that comes in fragments.
    pub(super) coming: Option<Coming>,
}

/// A stream that we receive.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) items: u64,
    /// What the other side may still send.
    pub(super) credit: i128,
    /// Consumed, and not granted again.
    pub(super) consumed: u64,
    /// The sizes of the items that the program has not consumed.
    pub(super) held: VecDeque<usize>,
    /// Of an argument: nothing more comes.
    pub(super) ended: bool,
}

/// A body that comes in fragments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coming {
    /// What the frame means once all of it is there.
    pub(super) means: Meaning,
    pub(super) total: u64,
    pub(super) received: u64,
    /// The [`sum`] of what has come.
    pub(super) sum: u64,
    pub(super) wanted: bool,
}

impl Coming {
    pub(super) fn new(means: Meaning, total: u64, wanted: bool) -> Self {
        Self { means, total, received: 0, sum: 0, wanted }
    }

    /// What it takes of the limit for bodies that are under way.
    pub(super) fn room(&self) -> u64 {
        if self.wanted && self.received > 0 { self.total } else { 0 }
    }

    /// Nobody wants it any more.
    pub(super) fn discard(&mut self) {
        self.wanted = false;
    }

    /// How many bytes are still to come; at least one.
    pub(super) fn missing(&self) -> u64 {
        self.total - self.received
    }
}

/// A call of the other side.
#[derive(Debug)]
pub(super) struct Owed {
    /// What we sent of the stream, when one was asked for.
    pub(super) stream: Option<Outgoing>,
    /// The streams that come as arguments, each with the item that comes in fragments.
    pub(super) inputs: Vec<(Incoming, Option<Coming>)>,
    pub(super) arguments: Option<Coming>,
}

/// A stream that we send.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) items: u64,
    pub(super) balance: i128,
    pub(super) ended: bool,
}

/// What a frame means. Streams among the arguments are named by their call and their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Call(u64),
    Reply(u64),
    /// A large result begins to come.
    Answering(u64),
    Failed(u64),
    Item(u64),
    End(u64),
    Input(u64, u64),
    InputEnd(u64, u64),
    Credit(u64, u64),
    Cancel(u64),
    Withdrawn(u64),
    GoAway(u64),
    Ping,
    Pong,
    Told(u64),
    Ignored,
    /// The other side has broken the protocol.
    Broken,
}

/// At most so many in so many milliseconds.
#[derive(Debug)]
pub(super) struct Budget {
    limit: u32,
    per: Millis,
    started: Millis,
    spent: u32,
}

impl Budget {
    pub(super) fn new(limit: u32, per: Millis) -> Self {
        Self { limit, per, started: 0, spent: 0 }
    }

    pub(super) fn spend(&mut self, now: Millis) -> bool {
        if now - self.started >= self.per {
            (self.started, self.spent) = (now, 0);
        }
        self.spent += 1;
        self.spent <= self.limit
    }
}

impl Incoming {
    /// An item begins to come: whether it is the next one and paid for.
    pub(super) fn take(&mut self, sequence: u64, length: u64) -> bool {
        let fits = sequence == self.items && self.credit > 0;
        if fits {
            self.items += 1;
            self.credit -= i128::from(length.max(charge(0)));
        }
        fits
    }

    /// An item is whole; the program has it until it is consumed.
    pub(super) fn hold(&mut self, length: u64, window: u64) {
        let held: u64 = self.held.iter().map(|&length| charge(length)).sum();
        assert!(held < window, "{held} bytes are held and another item comes in");
        self.held.push_back(usize::try_from(length).expect("bodies are in memory"));
    }
}

/// The place of a stream among the arguments, which are numbered from 1.
pub(super) fn place(stream: u64) -> usize {
    usize::try_from(stream).unwrap_or(usize::MAX) - 1
}

/// A number for some bytes that come behind `before` others; bodies that differ hardly ever have the same.
pub(super) fn sum(before: u64, bytes: &[u8]) -> u64 {
    (before + 1..).zip(bytes).fold(0, |sum, (place, &byte)| sum.wrapping_add(place.wrapping_mul(u64::from(byte) + 1)))
}
