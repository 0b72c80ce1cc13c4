//! Bytes that have come and are not used up. Pure.

use std::ops::Range;

use snakebridge::wire::{Violation, codec};

use crate::system::clock::Nanoseconds;

/// How far the buffer is ever ahead of what has come: the most that one read can bring, which is what a pipe holds.
const AHEAD: usize = 64 * 1024;
/// A read into less room than this is not worth its system call; the unread rest is moved to the front first.
const MIN_ROOM: usize = 4 * 1024;

/// What the right to read protects.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) buffer: ReceiveBuffer,
    /// When the last read returned: what "now" is for every frame it brought.
    pub(super) received_at: Nanoseconds,
}

/// A window `start..end` of unread bytes in storage that is reused.
///
/// It grows with what comes and never with what a length prefix announces.
#[derive(Debug, Default)]
pub(super) struct ReceiveBuffer {
    storage: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReceiveBuffer {
    /// Room for the next read. Moves the unread bytes: ranges handed out before are void.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.storage.len() - self.end < MIN_ROOM {
            self.storage.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.storage.len() - self.end < MIN_ROOM {
            self.storage.resize(self.end + AHEAD, 0);
        }
        &mut self.storage[self.end..]
    }

    /// A read has put `length` bytes into the room.
    pub(super) fn received(&mut self, length: usize) {
        self.end += length;
        debug_assert!(self.end <= self.storage.len(), "a read brought more than there was room for");
    }

    /// What is not used up.
    pub(super) fn unread(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }

    /// Whether a whole frame is there. A length beyond the limit is for the parser to refuse, so it counts.
    pub(super) fn holds_frame(&self, frame_limit: u64) -> bool {
        match codec::frame_length(self.unread(), frame_limit) {
            Ok(None) => false,
            Ok(Some(length)) => length <= self.end - self.start,
            Err::<_, Violation>(_) => true,
        }
    }

    /// Uses up `length` bytes and returns where `part` of them stands, for [`slice`](Self::slice), until the next
    /// [`room`](Self::room).
    pub(super) fn consume(&mut self, length: usize, part: &Range<usize>) -> Range<usize> {
        let place = self.start + part.start..self.start + part.end;
        self.start += length;
        place
    }

    /// Bytes at a place that [`consume`](Self::consume) named.
    pub(super) fn slice(&self, place: Range<usize>) -> &[u8] {
        &self.storage[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1 << 20;

    /// Reads as read(2) would, at most `most` bytes at once.
    fn read(buffer: &mut ReceiveBuffer, mut bytes: &[u8], most: usize) {
        while !bytes.is_empty() {
            let room = buffer.room();
            let length = room.len().min(bytes.len()).min(most);
            room[..length].copy_from_slice(&bytes[..length]);
            buffer.received(length);
            bytes = &bytes[length..];
        }
    }

    fn frame(length: u32) -> Vec<u8> {
        let mut frame = length.to_be_bytes().to_vec();
        frame.extend((0..length).map(|index| index.to_le_bytes()[0]));
        frame
    }

    #[test]
    fn frames_come_out_whole_however_they_arrive() {
        for most in [1, 3, 1000, usize::MAX] {
            let mut buffer = ReceiveBuffer::default();
            for length in [1, 70_000, 5, 300_000, 4096, 65_536] {
                read(&mut buffer, &frame(length)[..3], most);
                assert!(!buffer.holds_frame(LIMIT));
                read(&mut buffer, &frame(length)[3..], most);
                assert!(buffer.holds_frame(LIMIT));
                let whole = frame(length).len();
                let place = buffer.consume(whole, &(4..whole));
                assert_eq!(buffer.slice(place), &frame(length)[4..]);
                assert!(buffer.unread().is_empty());
            }
        }
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut buffer = ReceiveBuffer::default();
        read(&mut buffer, &1_000_000u32.to_be_bytes(), usize::MAX);
        buffer.room();
        assert!(buffer.storage.len() <= 4 + AHEAD + MIN_ROOM, "{}", buffer.storage.len());
    }

    #[test]
    fn a_rest_at_the_end_is_moved_instead_of_growing_the_storage() {
        let mut buffer = ReceiveBuffer::default();
        for _ in 0..100 {
            read(&mut buffer, &frame(9_000), usize::MAX);
            buffer.consume(9_000, &(0..0)); // always leaves four bytes behind
        }
        assert_eq!(buffer.storage.len(), AHEAD);
    }

    #[test]
    fn a_length_beyond_the_limit_counts_as_a_frame_so_that_the_parser_sees_it() {
        let mut buffer = ReceiveBuffer::default();
        read(&mut buffer, &[0xff; 4], usize::MAX);
        assert!(buffer.holds_frame(LIMIT));
    }
}
