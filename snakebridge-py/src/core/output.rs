//! Bytes that are to be written. Pure.

/// Storage beyond this is given back once everything is written: a large reply does not stay for ever.
const KEPT: usize = 1024 * 1024;
/// From here on, bytes that are written make room for bytes that are not.
const WORTH_MOVING: usize = 64 * 1024;

/// Whole frames, oldest first, the first of them perhaps written in part.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    written: usize,
    /// How many bytes were ever written.
    gone: u64,
}

impl Output {
    /// Where frames are appended.
    pub(super) fn frames(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What is not written.
    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// How many bytes were ever written.
    pub(super) fn position(&self) -> u64 {
        self.gone
    }

    /// What the position will be when everything that is here now is written.
    pub(super) fn end(&self) -> u64 {
        self.gone + self.pending().len() as u64
    }

    /// So many bytes were written.
    pub(super) fn advance(&mut self, length: usize) {
        self.written += length;
        self.gone += length as u64;
        if self.written == self.bytes.len() {
            self.written = 0;
            if self.bytes.capacity() > KEPT { self.bytes = Vec::new() } else { self.bytes.clear() }
        } else if self.written > WORTH_MOVING && self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_pieces_is_what_was_appended_and_memory_stays_bounded() {
        let mut output = Output::default();
        let (mut appended, mut written) = (Vec::new(), Vec::new());
        for round in 0..1_000u32 {
            let frame = round.to_be_bytes().repeat(250);
            output.frames().extend_from_slice(&frame);
            appended.extend(frame);
            let piece = output.pending().len().min(990);
            written.extend_from_slice(&output.pending()[..piece]);
            output.advance(piece);
            assert_eq!(output.end() - output.position(), output.pending().len() as u64);
            assert!(output.bytes.len() <= 2 * (WORTH_MOVING + 20_000));
        }
        written.extend_from_slice(output.pending());
        output.advance(output.pending().len());
        assert!(output.pending().is_empty());
        assert_eq!(output.position(), appended.len() as u64);
        assert_eq!(written, appended);
    }
}
