//! Frames to bytes and back: the length prefix, the magic, and the checks that come before any allocation.

#![expect(clippy::cast_possible_truncation, reason = "every cast stands behind a check of the range it needs")]

use std::ops::Range;

use super::limits::HEADER_ROOM;
use super::{Header, MAGIC, MAX_NOISE, Violation};

/// Bytes of the length prefix.
pub const PREFIX: usize = 4;

/// One frame found in a receive buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// Its header, borrowed from the buffer.
    pub header: Header<'a>,
    /// Where in the buffer the body stands.
    pub body: Range<usize>,
    /// Bytes of the whole frame, prefix included: what to consume.
    pub length: usize,
}

/// The length of the frame that starts `buffer`, prefix included, as soon as the prefix is there.
///
/// An oversized length is refused here, before anybody makes room for it.
pub fn frame_length(buffer: &[u8], frame_limit: u64) -> Result<Option<usize>, Violation> {
    let Some(prefix) = buffer.first_chunk::<PREFIX>() else { return Ok(None) };
    let length = u64::from(u32::from_be_bytes(*prefix));
    // Every side accepts a full header, however small its frame limit is.
    let limit = frame_limit.max(HEADER_ROOM as u64);
    match length {
        0 => Err(Violation::EmptyFrame),
        length if length > limit => Err(Violation::FrameTooLarge { length, limit }),
        length => Ok(Some(PREFIX + length as usize)),
    }
}

/// Parses the frame that starts `buffer`; `None` until all of it is there.
pub fn parse(buffer: &[u8], frame_limit: u64) -> Result<Option<Parsed<'_>>, Violation> {
    let Some(length) = frame_length(buffer, frame_limit)? else { return Ok(None) };
    let Some(frame) = buffer.get(PREFIX..length) else { return Ok(None) };
    let (header, header_length) = Header::decode(frame)?;
    Ok(Some(Parsed { header, body: PREFIX + header_length..length, length }))
}

/// Appends one whole frame and returns how many bytes it took.
///
/// # Panics
/// When the frame is 4 GiB or longer. Callers check the peer's limits first, which are far below.
pub fn write(out: &mut Vec<u8>, header: &Header<'_>, body: &[u8]) -> usize {
    let start = out.len();
    out.reserve(PREFIX + 32 + body.len());
    out.extend([0; PREFIX]);
    header.encode(out);
    out.extend_from_slice(body);
    let length = u32::try_from(out.len() - start - PREFIX).expect("limits keep a frame below 4 GiB");
    out[start..start + PREFIX].copy_from_slice(&length.to_be_bytes());
    out.len() - start
}

/// What stands before the first frame of a worker.
#[derive(Debug, PartialEq, Eq)]
pub enum Preamble {
    /// The magic is complete: `noise` bytes came before it, frames start at `end`.
    Found {
        /// Bytes to log and drop.
        noise: usize,
        /// Where the first frame starts.
        end: usize,
    },
    /// Not there yet.
    Incomplete,
}

/// Looks for the magic in everything received so far.
pub fn find_magic(buffer: &[u8]) -> Result<Preamble, Violation> {
    match buffer.windows(MAGIC.len()).position(|window| window == MAGIC) {
        Some(noise) if noise <= MAX_NOISE => Ok(Preamble::Found { noise, end: noise + MAGIC.len() }),
        None if buffer.len() < MAX_NOISE + MAGIC.len() => Ok(Preamble::Incomplete),
        _ => Err(Violation::NoMagic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_magic_is_found_behind_noise_and_noise_is_bounded() {
        let mut bytes = b"hello from sitecustomize\nSNK".to_vec();
        assert_eq!(find_magic(&bytes), Ok(Preamble::Incomplete));
        let noise = bytes.len();
        bytes.extend(MAGIC);
        bytes.push(7);
        assert_eq!(find_magic(&bytes), Ok(Preamble::Found { noise, end: noise + 8 }));
        assert_eq!(find_magic(&vec![b'x'; MAX_NOISE + 8]), Err(Violation::NoMagic));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_from_its_four_bytes() {
        let limit = 1 << 20;
        assert_eq!(
            frame_length(&[0xff; 4], limit),
            Err(Violation::FrameTooLarge { length: u64::from(u32::MAX), limit })
        );
        assert_eq!(frame_length(&[0; 4], limit), Err(Violation::EmptyFrame));
        assert_eq!(frame_length(&[0, 0, 0], limit), Ok(None));
    }
}
