//! What the protocol says about the frames of a worker, written down a second time and in the plainest way.

use std::collections::{BTreeMap, VecDeque};

use snakebridge::wire::credit::charge;
use snakebridge::wire::frame::call_flag;
use snakebridge::wire::{Header, Limits, Millis};

use super::Token;

/// The most credit that a sender lets itself be given.
const MAX_BALANCE: i128 = 1 << 40;

/// A call of ours.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) token: Token,
    pub(super) cancelled: bool,
    /// What came of the stream, when one was asked for.
    pub(super) stream: Option<Incoming>,
}

/// A stream that we receive.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) items: u64,
    /// What the worker may still send.
    pub(super) credit: i128,
    /// Consumed, and not granted again.
    pub(super) consumed: u64,
    /// The sizes of the items that the program has not consumed.
    pub(super) held: VecDeque<usize>,
}

/// A call of the worker.
#[derive(Debug)]
pub(super) struct Owed {
    /// What we sent of the stream, when one was asked for.
    pub(super) stream: Option<Outgoing>,
}

/// A stream that we send.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) items: u64,
    pub(super) balance: i128,
}

/// What a frame means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Call(u64),
    Reply(u64),
    Failed(u64),
    Item(u64),
    End(u64),
    Credit(u64),
    Cancel(u64),
    Ping,
    Pong,
    Ignored,
    /// The worker has broken the protocol.
    Broken,
}

/// At most so many in so many milliseconds.
#[derive(Debug)]
struct Budget {
    limit: u32,
    per: Millis,
    started: Millis,
    spent: u32,
}

impl Budget {
    fn spend(&mut self, now: Millis) -> bool {
        if now - self.started >= self.per {
            (self.started, self.spent) = (now, 0);
        }
        self.spent += 1;
        self.spent <= self.limit
    }
}

/// Everything that the host has to remember.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) ours: Limits,
    pub(super) theirs: Limits,
    pub(super) asked: BTreeMap<u64, Asked>,
    pub(super) owed: BTreeMap<u64, Owed>,
    /// The greatest id that we gave out, or 0.
    pub(super) last_asked: u64,
    /// The greatest id that the worker gave out, or 0.
    pub(super) last_owed: u64,
    pub(super) finished: u64,
    control: Budget,
    strays: Budget,
}

impl Model {
    pub(super) fn new(ours: Limits, theirs: Limits) -> Self {
        Self {
            ours,
            theirs,
            asked: BTreeMap::new(),
            owed: BTreeMap::new(),
            last_asked: 0,
            last_owed: 0,
            finished: 0,
            control: Budget { limit: 20_000, per: 1_000, started: 0, spent: 0 },
            strays: Budget { limit: 100, per: 60_000, started: 0, spent: 0 },
        }
    }

    /// What the frame means, and what changes by it. A call that ends is left to the caller, who has its data.
    pub(super) fn receive(&mut self, header: &Header<'_>, body_length: usize, now: Millis) -> Meaning {
        if body_length as u64 > self.ours.body {
            return Meaning::Broken;
        }
        match *header {
            Header::Ping { .. } if self.control.spend(now) => Meaning::Ping,
            Header::Pong { .. } if self.control.spend(now) => Meaning::Pong,
            Header::Unknown { .. } if self.control.spend(now) => Meaning::Ignored,
            Header::Cancel { id, .. } if is_theirs(id) && self.control.spend(now) => {
                if self.owed.contains_key(&id) {
                    Meaning::Cancel(id)
                } else {
                    Meaning::Ignored
                }
            }
            Header::Credit { id, stream: 0, bytes } if is_theirs(id) && self.control.spend(now) => {
                self.credit(id, bytes)
            }
            Header::Call(call) => {
                if !is_theirs(call.id) || call.id <= self.last_owed || self.owed.len() as u64 >= self.ours.calls {
                    return Meaning::Broken;
                }
                self.last_owed = call.id;
                let balance = i128::from(self.theirs.window).min(MAX_BALANCE);
                let stream = (call.flags & call_flag::STREAM != 0).then_some(Outgoing { items: 0, balance });
                self.owed.insert(call.id, Owed { stream });
                Meaning::Call(call.id)
            }
            Header::Reply { id } if self.is_ours(id) => match self.asked.get(&id) {
                None => self.stray(now),
                Some(Asked { stream: Some(_), .. }) => Meaning::Broken,
                Some(_) => Meaning::Reply(id),
            },
            Header::Error { id, .. } if self.is_ours(id) => {
                if self.asked.contains_key(&id) {
                    Meaning::Failed(id)
                } else {
                    self.stray(now)
                }
            }
            Header::End { id, stream: 0, count } if self.is_ours(id) => match self.asked.get(&id) {
                None => self.stray(now),
                Some(Asked { stream: Some(stream), .. }) if stream.items == count => Meaning::End(id),
                Some(_) => Meaning::Broken,
            },
            Header::Item { id, stream: 0, sequence, .. } if self.is_ours(id) => {
                self.item(id, sequence, body_length, now)
            }
            // A HELLO or READY too many, an id of the wrong side, a stream that is reserved, a flood.
            _ => Meaning::Broken,
        }
    }

    fn item(&mut self, id: u64, sequence: u64, length: usize, now: Millis) -> Meaning {
        let Some(call) = self.asked.get_mut(&id) else { return self.stray(now) };
        let Some(stream) = &mut call.stream else { return Meaning::Broken };
        if sequence != stream.items || stream.credit <= 0 {
            return Meaning::Broken;
        }
        stream.items += 1;
        stream.credit -= i128::from(charge(length));
        if call.cancelled {
            return Meaning::Ignored;
        }
        let held: u64 = stream.held.iter().map(|&length| charge(length)).sum();
        assert!(held < self.ours.window, "{held} bytes are held and another item comes in");
        stream.held.push_back(length);
        Meaning::Item(id)
    }

    fn credit(&mut self, id: u64, bytes: u64) -> Meaning {
        match self.owed.get_mut(&id) {
            Some(Owed { stream: Some(stream) }) if stream.balance + i128::from(bytes) <= MAX_BALANCE => {
                stream.balance += i128::from(bytes);
                Meaning::Credit(id)
            }
            None if id <= self.last_owed => Meaning::Ignored,
            _ => Meaning::Broken,
        }
    }

    /// An answer to a call that is not in flight any more.
    fn stray(&mut self, now: Millis) -> Meaning {
        if self.strays.spend(now) { Meaning::Ignored } else { Meaning::Broken }
    }

    /// Whether we have given this id out.
    fn is_ours(&self, id: u64) -> bool {
        id % 2 == 1 && id <= self.last_asked
    }
}

/// Whether the worker could have given this id out.
fn is_theirs(id: u64) -> bool {
    id != 0 && id.is_multiple_of(2)
}
