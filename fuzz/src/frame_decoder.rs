//! Frames from bytes: however they arrive, they mean the same, and what was read can be written and read again.
//!
//! An input is a frame limit, the sizes of the chunks (as [`bytes`](crate::input::Input::bytes), each byte a size), and
//! the bytes themselves.

use snakebridge::wire::codec::{self, PREFIX};
use snakebridge::wire::msgpack::Reader;
use snakebridge::wire::{Header, Violation};

use crate::input::Input;

/// Below the room that every header has, the default, and none.
pub const FRAME_LIMITS: [u64; 3] = [1 << 20, 0, u64::MAX];

/// A frame without its borrows: its header as this version writes it, and its body.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    header: Vec<u8>,
    body: Vec<u8>,
}

/// All frames of some bytes, and what stopped the reading: a violation, or so many bytes of a frame that is incomplete.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    frames: Vec<Frame>,
    end: Result<usize, Violation>,
}

/// Runs one input.
///
/// # Panics
/// When the decoder breaks a promise.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let frame_limit = FRAME_LIMITS[input.choice(FRAME_LIMITS.len())];
    let chunk_sizes = input.bytes();
    let bytes = input.rest();
    let whole = read_chunks([bytes], frame_limit);
    assert_eq!(read_chunks(chunks(bytes, chunk_sizes), frame_limit), whole, "chunks change what is read");
}

/// `bytes` in pieces of these sizes, over and over; in one piece when there are none.
fn chunks<'a>(mut bytes: &'a [u8], sizes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        // At least one byte, or the bytes would never come to an end.
        let size = sizes.next().map_or(bytes.len(), |&size| usize::from(size).clamp(1, bytes.len()));
        let (chunk, rest) = bytes.split_at(size);
        bytes = rest;
        Some(chunk)
    })
}

/// Reads as a driver does: appends what came, takes the frames that are complete.
fn read_chunks<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, frame_limit: u64) -> Reading {
    let mut buffer = Vec::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            match codec::parse(&buffer, frame_limit) {
                Ok(None) => break,
                Err(violation) => return Reading { frames, end: Err(violation) },
                Ok(Some(parsed)) => {
                    let known = codec::frame_length(&buffer[..PREFIX], frame_limit);
                    assert_eq!(known, Ok(Some(parsed.length)), "the length is known from its four bytes");
                    assert_eq!(parsed.body.end, parsed.length, "the body reaches to the end of the frame");
                    let header_length = parsed.body.start - PREFIX;
                    let skipped = Reader::new(&buffer[PREFIX..parsed.length]).value(64, 1 << 20);
                    assert_eq!(
                        skipped.map(<[u8]>::len),
                        Ok(header_length),
                        "reading a header and skipping it end at the same byte"
                    );
                    let body = &buffer[parsed.body.clone()];
                    let header = write_and_read_again(&parsed.header, body);
                    let body = body.to_vec();
                    let length = parsed.length;
                    buffer.drain(..length);
                    frames.push(Frame { header, body });
                }
            }
        }
    }
    Reading { frames, end: Ok(buffer.len()) }
}

/// Writes a frame and reads it back; returns the header's bytes.
fn write_and_read_again(header: &Header<'_>, body: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    let length = codec::write(&mut written, header, body);
    assert_eq!(length, written.len());
    let again = codec::parse(&written, u64::MAX).expect("what was accepted is written so that it is accepted");
    let again = again.expect("a frame is written whole");
    assert_eq!((&again.header, again.length), (header, length), "a header changes when it is written and read");
    assert_eq!(&written[again.body.clone()], body, "a body changes when it is written and read");
    let mut encoded = Vec::new();
    again.header.encode(&mut encoded);
    assert_eq!(encoded, written[PREFIX..again.body.start], "a header has one way to be written");
    encoded
}
