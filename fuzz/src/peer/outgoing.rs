//! What the peer writes: frames at once, and large bodies fragment by fragment.

use snakebridge::wire::{Header, codec};

use super::{Session, content};

/// The longest fragment, unless the other side's frames are shorter.
const FRAGMENT: u64 = 64 * 1024;
/// What is kept of a frame for its header.
const HEADER_ROOM: u64 = 16 * 1024;

/// A large body on its way out.
#[derive(Debug)]
pub(super) struct Lane {
    total: u64,
    left: u64,
    /// Its next byte.
    first: u8,
    /// Frames that have to come right behind it.
    pub(super) behind: Vec<u8>,
    /// The length of the body that the last of them announces, and its first byte.
    next: Option<(u64, u8)>,
}

impl Session {
    /// The longest body that goes into one frame.
    pub(super) fn longest_fragment(&self) -> u64 {
        FRAGMENT.min(self.model.theirs.frame.saturating_sub(HEADER_ROOM).max(1))
    }

    /// A frame with a body was just written, or its announcement, if it is large.
    pub(super) fn sent(&mut self, key: (u64, u64), header: impl FnOnce(Option<u64>) -> Header<'static>, body: &[u8]) {
        let total = body.len() as u64;
        if total > self.longest_fragment() {
            self.written(Some((&header(Some(total)), &[])));
            self.lay(key, (total, body[0]));
        } else {
            self.written(Some((&header(None), body)));
        }
    }

    /// A large body was announced, which is so long and starts with this byte.
    pub(super) fn lay(&mut self, key: (u64, u64), (total, first): (u64, u8)) {
        let lane = Lane { total, left: total, first, behind: Vec::new(), next: None };
        assert!(self.model.lanes.insert(key, lane).is_none(), "two bodies of one stream at once");
    }

    /// A frame that may not overtake the body under way in its stream.
    pub(super) fn put_behind(&mut self, key: (u64, u64), header: &Header<'_>, body: &[u8]) {
        let large = body.len() as u64 > self.longest_fragment();
        self.written(None);
        let lane = self.model.lanes.get_mut(&key).expect("a body is under way");
        codec::write(&mut lane.behind, header, if large { &[] } else { body });
        lane.next = large.then(|| (body.len() as u64, body[0]));
    }

    /// Lets the peer write one fragment: of a body that is under way, no longer than it may be, and last when it is.
    pub(super) fn fragment(&mut self) {
        let Some(written) = self.peer.fragment(&mut self.out) else {
            assert!(self.model.lanes.is_empty(), "bodies wait, and none of them is sent");
            self.written(None);
            return;
        };
        let key = (written.id, written.stream);
        let fragment = {
            let parsed =
                codec::parse(&self.out, self.model.theirs.frame.max(1 << 20)).expect("what is written can be parsed");
            let parsed = parsed.expect("a frame is written whole");
            assert_eq!(parsed.header, Header::Part { id: key.0, stream: key.1 });
            let (body, length) = (parsed.body.clone(), parsed.length);
            let fragment = self.out[body].to_vec();
            self.out.drain(..length);
            fragment
        };
        let length = fragment.len() as u64;
        let longest = self.longest_fragment();
        let lane = self.model.lanes.get_mut(&key).expect("a fragment of a body that was announced");
        assert_eq!(length, lane.left.min(longest), "a fragment is as long as it may be");
        let mut expected = content(lane.first, fragment.len() + 1);
        lane.first = expected.pop().unwrap_or(0);
        assert!(fragment == expected, "another body's bytes");
        lane.left -= length;
        assert_eq!(written.last, lane.left == 0);
        if written.last {
            let lane = self.model.lanes.remove(&key).expect("it was there just now");
            assert_eq!(self.out, lane.behind, "what had to come behind the body");
            self.out.clear();
            if let Some(next) = lane.next {
                self.lay(key, next);
            }
        }
        let lanes = self.model.lanes.values();
        let under_way: u64 = lanes.filter(|lane| lane.left < lane.total).map(|lane| lane.total).sum();
        assert!(under_way <= self.model.theirs.body, "{under_way} bytes are under way");
        self.written(None);
    }

    /// Bytes of large answers that are not written.
    pub(super) fn unsent_answers(&self) -> u64 {
        let answers = self.model.lanes.iter().filter(|((id, _), _)| self.model.is_theirs(*id));
        answers.map(|(_, lane)| lane.left + lane.next.map_or(0, |(length, _)| length)).sum()
    }
}
