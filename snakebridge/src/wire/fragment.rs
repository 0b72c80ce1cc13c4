//! Large bodies: split into fragments on their way out, put together again on their way in.
//!
//! A body that is larger than [`FRAGMENT`] travels as a header frame, which says how long it is, and PART frames behind
//! it. Between two fragments everything small goes first, so that a large body holds nothing up for longer than one
//! fragment takes; several large bodies take turns.
//!
//! Both sides keep a budget: the bodies that are under way in one direction are together no longer than the longest
//! single body the receiver accepts. A body for which there is no room waits until others are finished; it has announced
//! itself, so ids stay in order.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Header, Violation, codec};

/// The longest fragment in bytes, and the longest body that travels in one frame.
pub const FRAGMENT: usize = 64 * 1024;

/// A body that can be written now, or kept until its turn comes.
pub trait Body {
    /// The bytes.
    fn bytes(&self) -> &[u8];

    /// The bytes, for as long as sending them takes.
    fn keep(&self) -> Bytes;
}

impl Body for [u8] {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn keep(&self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl<const N: usize> Body for [u8; N] {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn keep(&self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl Body for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn keep(&self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl Body for Bytes {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn keep(&self) -> Bytes {
        self.clone()
    }
}

/// One fragment that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The call its body belongs to.
    pub id: u64,
    /// Which stream of the call.
    pub stream: u64,
    /// Whether the body is complete now.
    pub last: bool,
}

/// A large body on its way out.
#[derive(Debug)]
struct Lane {
    id: u64,
    stream: u64,
    /// What is not written yet.
    rest: Bytes,
    total: u64,
    /// Whether a fragment of it was written: it is under way at the receiver.
    begun: bool,
    /// Whole frames that have to come behind it.
    behind: Vec<u8>,
    /// The body that the last of those frames announces.
    next: Option<Bytes>,
}

/// Large bodies on their way out, the next in turn first.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    lanes: VecDeque<Lane>,
    /// Bytes of all bodies that have begun.
    under_way: u64,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Bytes that are not written, of the calls that `which` picks.
    pub(super) fn unsent(&self, which: impl Fn(u64) -> bool) -> u64 {
        let lanes = self.lanes.iter().filter(|lane| which(lane.id));
        lanes.map(|lane| lane.rest.len() as u64 + lane.next.as_ref().map_or(0, Bytes::len) as u64).sum()
    }

    /// A body whose header frame was just written.
    pub(super) fn push(&mut self, id: u64, stream: u64, body: Bytes) {
        let total = body.len() as u64;
        self.lanes.push_back(Lane { id, stream, rest: body, total, begun: false, behind: Vec::new(), next: None });
    }

    /// Where frames go that must not overtake the body under way in this stream, if there is one.
    pub(super) fn behind(&mut self, id: u64, stream: u64) -> Option<&mut Vec<u8>> {
        let mut lanes = self.lanes.iter_mut();
        lanes.find(|lane| (lane.id, lane.stream) == (id, stream)).map(|lane| &mut lane.behind)
    }

    /// A body whose header frame was written [`behind`](Self::behind) the one under way in stream 0 of call `id`.
    pub(super) fn push_behind(&mut self, id: u64, body: Bytes) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| (lane.id, lane.stream) == (id, 0)) {
            lane.next = Some(body);
        }
    }

    /// Nobody wants the bodies of call `id` any more.
    pub(super) fn remove(&mut self, id: u64) {
        let Self { lanes, under_way } = self;
        lanes.retain(|lane| {
            let stays = lane.id != id;
            if !stays && lane.begun {
                *under_way -= lane.total;
            }
            stays
        });
    }

    /// Writes one fragment of at most `length` bytes of the body whose turn it is. `None` when there is nothing to send:
    /// as one body always fits `budget`, that is when there is no body.
    pub(super) fn write(&mut self, length: usize, budget: u64, out: &mut Vec<u8>) -> Option<Fragment> {
        let mut oldest_waits = false;
        let place = self.lanes.iter().position(|lane| {
            // Those that wait begin in the order in which they came, so that a long one is not passed by for ever.
            let fits = lane.begun || (!oldest_waits && self.under_way.saturating_add(lane.total) <= budget);
            oldest_waits |= !fits;
            fits
        })?;
        let mut lane = self.lanes.remove(place)?;
        if !lane.begun {
            lane.begun = true;
            self.under_way += lane.total;
        }
        let fragment = lane.rest.split_to(lane.rest.len().min(length));
        let Lane { id, stream, .. } = lane;
        codec::write(out, &Header::Part { id, stream }, &fragment);
        let last = lane.rest.is_empty();
        if last {
            self.under_way -= lane.total;
            out.extend_from_slice(&lane.behind);
            if let Some(next) = lane.next {
                self.push(id, stream, next);
            }
        } else {
            self.lanes.push_back(lane);
        }
        Some(Fragment { id, stream, last })
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The header of a body that came in fragments.
#[derive(Debug)]
pub struct WholeHeader(Vec<u8>);

impl WholeHeader {
    /// The frame header that announced the body.
    pub(super) fn decode(&self) -> Result<Header<'_>, Violation> {
        Header::decode(&self.0).map(|(header, _)| header)
    }
}

/// A body that came in fragments, and is complete.
#[derive(Debug)]
pub struct Whole {
    /// What it is the body of; to be given to [`Peer::complete`](super::Peer::complete).
    pub header: WholeHeader,
    /// The body. Empty when nobody wants it.
    pub body: Vec<u8>,
}

/// A body on its way in.
#[derive(Debug)]
pub(super) struct Assembly {
    header: WholeHeader,
    body: Vec<u8>,
    total: u64,
    received: u64,
    /// Whether somebody wants it; otherwise it is counted and dropped.
    wanted: bool,
}

/// The storage of a body grows from here, doubling: never by what was announced, always by what has come.
const FIRST_ROOM: usize = 4 * FRAGMENT;

impl Assembly {
    /// A body of `total` bytes that `header` announced.
    pub(super) fn new(header: &Header<'_>, total: u64, wanted: bool) -> Self {
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        Self { header: WholeHeader(encoded), body: Vec::new(), total, received: 0, wanted }
    }

    /// What it takes from the budget: all of it as soon as the first fragment has come.
    pub(super) fn charge(&self) -> u64 {
        if self.wanted && self.received > 0 { self.total } else { 0 }
    }

    /// Nobody wants it any more.
    pub(super) fn discard(&mut self) {
        self.wanted = false;
        self.body = Vec::new();
    }

    /// A fragment has come. False when there is more in it than was announced.
    pub(super) fn add(&mut self, fragment: &[u8]) -> bool {
        self.received = self.received.saturating_add(fragment.len() as u64);
        if self.received > self.total {
            return false;
        }
        if self.wanted {
            let room = self.body.capacity() - self.body.len();
            if room < fragment.len() {
                let total = usize::try_from(self.total).unwrap_or(usize::MAX);
                let grown = (self.body.len() * 2).max(FIRST_ROOM).max(self.body.len() + fragment.len()).min(total);
                self.body.reserve_exact(grown - self.body.len());
            }
            self.body.extend_from_slice(fragment);
        }
        true
    }

    /// How much of it has come.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How much of it is missing.
    pub(super) fn rest(&self) -> u64 {
        self.total.saturating_sub(self.received)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.received == self.total
    }

    pub(super) fn finish(self) -> Whole {
        Whole { header: self.header, body: self.body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(length: usize) -> Bytes {
        Bytes::from(vec![7; length])
    }

    fn order(outbox: &mut Outbox, budget: u64) -> Vec<u64> {
        std::iter::from_fn(|| outbox.write(100, budget, &mut Vec::new())).map(|fragment| fragment.id).collect()
    }

    #[test]
    fn bodies_take_turns_fragment_by_fragment() {
        let mut outbox = Outbox::default();
        outbox.push(1, 0, body(250));
        outbox.push(3, 0, body(150));
        assert_eq!(order(&mut outbox, 1_000), [1, 3, 1, 3, 1]);
    }

    #[test]
    fn a_body_without_room_waits_and_is_not_passed_by() {
        let mut outbox = Outbox::default();
        outbox.push(1, 0, body(200));
        outbox.push(3, 0, body(200));
        outbox.push(5, 0, body(50));
        assert_eq!(order(&mut outbox, 300), [1, 1, 3, 5, 3]);
    }

    #[test]
    fn what_must_not_overtake_a_body_is_written_right_behind_it() {
        let mut outbox = Outbox::default();
        outbox.push(1, 2, body(150));
        outbox.behind(1, 2).unwrap().extend(b"end");
        assert!(outbox.behind(1, 1).is_none());
        let mut out = Vec::new();
        assert!(!outbox.write(100, 1_000, &mut out).unwrap().last && !out.ends_with(b"end"));
        assert!(outbox.write(100, 1_000, &mut out).unwrap().last && out.ends_with(b"end"));
    }

    #[test]
    fn a_body_that_nobody_wants_gives_its_room_back() {
        let mut outbox = Outbox::default();
        outbox.push(1, 0, body(300));
        outbox.push(3, 0, body(300));
        outbox.write(100, 300, &mut Vec::new());
        outbox.remove(1);
        assert_eq!(order(&mut outbox, 300), [3, 3, 3]);
    }

    #[test]
    fn memory_follows_what_has_come_and_not_what_was_announced() {
        let mut assembly = Assembly::new(&Header::Reply { id: 1, total: Some(1 << 40) }, 1 << 40, true);
        assert_eq!(assembly.charge(), 0);
        assert!(assembly.add(&[1; 1000]) && !assembly.is_complete());
        assert!(assembly.body.capacity() <= FIRST_ROOM);
        assert_eq!(assembly.charge(), 1 << 40);
        assembly.discard();
        assert_eq!((assembly.charge(), assembly.body.capacity()), (0, 0));
    }

    #[test]
    fn a_body_is_complete_with_its_last_byte_and_takes_no_other() {
        let mut assembly = Assembly::new(&Header::Reply { id: 1, total: Some(300_000) }, 300_000, true);
        for _ in 0..3 {
            assert!(assembly.add(&vec![9; 100_000]));
        }
        assert!(assembly.is_complete() && assembly.body.capacity() == 300_000);
        assert!(!assembly.add(&[9]));
    }
}
