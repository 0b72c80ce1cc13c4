//! The few MessagePack primitives that headers and argument maps need, over plain byte slices.
//!
//! Written by hand because it is the hot path: a header is some ten bytes, is read in place, and borrows its strings.
//! Values of users' types are read and written through serde, on top of these (see [`body`](crate::body)).

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "every cast stands behind a check of the range it needs, or means the same bits"
)]

use super::Violation;

/// Appends an unsigned integer in its shortest form.
#[inline]
pub fn put_uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend([0xcc, value as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend((value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend((value as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend(value.to_be_bytes());
        }
    }
}

/// Appends a string.
///
/// # Panics
/// When `text` is 4 GiB or longer, which no limit of the protocol lets through.
#[inline]
pub fn put_str(out: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).expect("strings on the wire are below 4 GiB");
    match length {
        0..=31 => out.push(0xa0 | length as u8),
        _ => put_length(out, length, [0xd9, 0xda, 0xdb]),
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends bytes.
///
/// # Panics
/// When they are 4 GiB or more, which no limit of the protocol lets through.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("bytes on the wire are below 4 GiB");
    match length {
        0..=0xff => out.extend([0xc4, length as u8]),
        0x100..=0xffff => {
            out.push(0xc5);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(0xc6);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

/// Appends the head of an array of `length` elements.
#[inline]
pub fn put_array(out: &mut Vec<u8>, length: u32) {
    put_container(out, length, 0x90, 0xdc);
}

/// Appends the head of a map of `length` entries.
#[inline]
pub fn put_map(out: &mut Vec<u8>, length: u32) {
    put_container(out, length, 0x80, 0xde);
}

#[inline]
fn put_container(out: &mut Vec<u8>, length: u32, short: u8, long: u8) {
    match length {
        0..=15 => out.push(short | length as u8),
        16..=0xffff => {
            out.push(long);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(long + 1);
            out.extend(length.to_be_bytes());
        }
    }
}

/// Appends nil.
#[inline]
pub fn put_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

/// Appends a signed integer in its shortest form.
#[inline]
pub fn put_int(out: &mut Vec<u8>, value: i64) {
    match value {
        0.. => put_uint(out, value as u64),
        -0x20.. => out.push(value as u8),
        -0x80.. => out.extend([0xd0, value as u8]),
        -0x8000.. => {
            out.push(0xd1);
            out.extend((value as i16).to_be_bytes());
        }
        -0x8000_0000.. => {
            out.push(0xd2);
            out.extend((value as i32).to_be_bytes());
        }
        _ => {
            out.push(0xd3);
            out.extend(value.to_be_bytes());
        }
    }
}

/// Appends the head of binary data of `length` bytes.
#[inline]
pub fn put_bin(out: &mut Vec<u8>, length: u32) {
    put_length(out, length, [0xc4, 0xc5, 0xc6]);
}

/// Appends the head of an extension value of `length` bytes.
#[inline]
pub fn put_extension(out: &mut Vec<u8>, code: i8, length: u32) {
    match length {
        1 => out.push(0xd4),
        2 => out.push(0xd5),
        4 => out.push(0xd6),
        8 => out.push(0xd7),
        16 => out.push(0xd8),
        _ => put_length(out, length, [0xc7, 0xc8, 0xc9]),
    }
    out.push(code as u8);
}

/// Appends a length behind the marker for its size.
#[inline]
fn put_length(out: &mut Vec<u8>, length: u32, markers: [u8; 3]) {
    match length {
        0..=0xff => out.extend([markers[0], length as u8]),
        0x100..=0xffff => {
            out.push(markers[1]);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(markers[2]);
            out.extend(length.to_be_bytes());
        }
    }
}

/// A value, or the head of one that others stand inside of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token<'a> {
    /// Nil.
    Nil,
    /// A boolean.
    Bool(bool),
    /// An integer that was written as an unsigned one.
    UInt(u64),
    /// An integer that was written as a signed one.
    Int(i64),
    /// A float of 32 bits.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A string.
    Str(&'a str),
    /// Binary data.
    Bin(&'a [u8]),
    /// An extension value: its type, which is one byte, and its data.
    Extension(&'a [u8]),
    /// An array of so many values, which follow.
    Array(u64),
    /// A map of so many entries, which follow.
    Map(u64),
}

/// What one MessagePack marker says: bytes that follow it, and values that follow those.
struct Shape {
    /// Bytes of the marker itself with its length field.
    head: usize,
    /// Payload bytes behind the head.
    payload: usize,
    /// Values nested in it (a map entry counts two).
    children: u64,
    container: bool,
    /// The payload is a string.
    text: bool,
}

/// Reads MessagePack from a slice, in place.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

const TRUNCATED: Violation = Violation::Decode("truncated value");
const NOT_UTF8: Violation = Violation::Decode("a string is not UTF-8");

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bytes read so far.
    #[inline]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The marker of the next value, without reading it.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    #[inline]
    fn take(&mut self, count: usize) -> Result<&'a [u8], Violation> {
        let end = self.position.checked_add(count).ok_or(TRUNCATED)?;
        let taken = self.bytes.get(self.position..end).ok_or(TRUNCATED)?;
        self.position = end;
        Ok(taken)
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let bytes = *self.bytes.get(self.position..).and_then(<[u8]>::first_chunk).ok_or(TRUNCATED)?;
        self.position += N;
        Ok(bytes)
    }

    /// A big-endian number of 1, 2, 4 or 8 bytes.
    #[inline]
    fn big_endian(&mut self, count: usize) -> Result<u64, Violation> {
        Ok(match count {
            1 => u8::from_be_bytes(self.fixed()?).into(),
            2 => u16::from_be_bytes(self.fixed()?).into(),
            4 => u32::from_be_bytes(self.fixed()?).into(),
            _ => u64::from_be_bytes(self.fixed()?),
        })
    }

    /// An unsigned integer.
    #[inline]
    pub fn uint(&mut self) -> Result<u64, Violation> {
        let [marker] = self.fixed()?;
        match marker {
            small @ 0..=0x7f => Ok(u64::from(small)),
            0xcc => self.big_endian(1),
            0xcd => self.big_endian(2),
            0xce => self.big_endian(4),
            0xcf => self.big_endian(8),
            _ => Err(Violation::Shape("expected an unsigned integer")),
        }
    }

    /// The next value, or the head of an array or map.
    #[inline]
    pub fn token(&mut self) -> Result<Token<'a>, Violation> {
        let marker = self.peek().ok_or(TRUNCATED)?;
        Ok(match marker {
            0x00..=0x7f | 0xcc..=0xcf => Token::UInt(self.uint()?),
            0x80..=0x8f | 0xde | 0xdf => Token::Map(self.map()?),
            0x90..=0x9f | 0xdc | 0xdd => Token::Array(self.array()?),
            0xa0..=0xbf | 0xd9..=0xdb => Token::Str(self.str()?),
            _ => {
                self.position += 1;
                match marker {
                    0xc0 => Token::Nil,
                    0xc2 | 0xc3 => Token::Bool(marker == 0xc3),
                    0xc4..=0xc6 => {
                        let length = self.big_endian(1 << (marker - 0xc4))?;
                        Token::Bin(self.take(length as usize)?)
                    }
                    0xc7..=0xc9 => {
                        let length = self.big_endian(1 << (marker - 0xc7))?;
                        Token::Extension(self.take(length as usize + 1)?)
                    }
                    0xd4..=0xd8 => Token::Extension(self.take((1 << (marker - 0xd4)) + 1)?),
                    0xca => Token::F32(f32::from_bits(self.big_endian(4)? as u32)),
                    0xcb => Token::F64(f64::from_bits(self.big_endian(8)?)),
                    0xd0 => Token::Int(i64::from(self.big_endian(1)? as i8)),
                    0xd1 => Token::Int(i64::from(self.big_endian(2)? as i16)),
                    0xd2 => Token::Int(i64::from(self.big_endian(4)? as i32)),
                    0xd3 => Token::Int(self.big_endian(8)? as i64),
                    0xe0..=0xff => Token::Int(i64::from(marker as i8)),
                    _ => return Err(Violation::Decode("marker 0xc1 is never used")),
                }
            }
        })
    }

    /// A string.
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, Violation> {
        let length = match self.fixed::<1>()?[0] {
            short @ 0xa0..=0xbf => u64::from(short & 0x1f),
            0xd9 => self.big_endian(1)?,
            0xda => self.big_endian(2)?,
            0xdb => self.big_endian(4)?,
            _ => return Err(Violation::Shape("expected a string")),
        };
        let bytes = self.take(usize::try_from(length).map_err(|_| TRUNCATED)?)?;
        std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Violation> {
        let length = match self.take(1)?[0] {
            0xc4 => self.big_endian(1)?,
            0xc5 => self.big_endian(2)?,
            0xc6 => self.big_endian(4)?,
            _ => return Err(Violation::Shape("expected bytes")),
        };
        self.take(usize::try_from(length).map_err(|_| TRUNCATED)?)
    }

    /// The head of an array: its length.
    #[inline]
    pub fn array(&mut self) -> Result<u64, Violation> {
        match self.fixed::<1>()?[0] {
            short @ 0x90..=0x9f => Ok(u64::from(short & 0x0f)),
            0xdc => self.big_endian(2),
            0xdd => self.big_endian(4),
            _ => Err(Violation::Shape("expected an array")),
        }
    }

    /// The head of a map: its number of entries.
    #[inline]
    pub fn map(&mut self) -> Result<u64, Violation> {
        match self.fixed::<1>()?[0] {
            short @ 0x80..=0x8f => Ok(u64::from(short & 0x0f)),
            0xde => self.big_endian(2),
            0xdf => self.big_endian(4),
            _ => Err(Violation::Shape("expected a map")),
        }
    }

    /// Reads nil and says so; anything else is left alone.
    #[inline]
    pub fn nil(&mut self) -> bool {
        let nil = self.peek() == Some(0xc0);
        self.position += usize::from(nil);
        nil
    }

    /// Skips one whole value and returns its bytes. Iterative, and bounded by `depth` and `items`: no input can
    /// overflow the stack or be counted for longer than it is.
    pub fn value(&mut self, depth: u64, items: u64) -> Result<&'a [u8], Violation> {
        let start = self.position;
        // Values still owed by each open container, innermost last. Its length is the nesting depth.
        let mut open: Vec<u64> = Vec::new();
        let mut seen = 0u64;
        loop {
            seen += 1;
            if seen > items {
                return Err(Violation::Items(items));
            }
            let shape = self.shape()?;
            self.take(shape.head)?;
            let payload = self.take(shape.payload)?;
            if shape.text && std::str::from_utf8(payload).is_err() {
                // Decoders differ in what they make of it: some would turn it into bytes in silence.
                return Err(NOT_UTF8);
            }
            if shape.container {
                if open.len() as u64 >= depth {
                    return Err(Violation::Depth(depth));
                }
                // A container cannot hold more values than there are bytes left: refuse the lie before counting on it.
                if shape.children > (self.bytes.len() - self.position) as u64 {
                    return Err(TRUNCATED);
                }
                open.push(shape.children);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
            match open.last_mut() {
                None => return Ok(&self.bytes[start..self.position]),
                Some(owed) => *owed -= 1,
            }
        }
    }

    fn shape(&self) -> Result<Shape, Violation> {
        let rest = self.bytes.get(self.position..).ok_or(TRUNCATED)?;
        let marker = *rest.first().ok_or(TRUNCATED)?;
        let length = |bytes: usize| -> Result<usize, Violation> {
            let field = rest.get(1..=bytes).ok_or(TRUNCATED)?;
            Ok(field.iter().fold(0usize, |value, &byte| value << 8 | usize::from(byte)))
        };
        let scalar = |head, payload| Shape { head, payload, children: 0, container: false, text: false };
        let text = |head, payload| Shape { text: true, ..scalar(head, payload) };
        let container = |head, children: u64| Shape { children, container: true, ..scalar(head, 0) };
        Ok(match marker {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => scalar(1, 0),
            0x80..=0x8f => container(1, u64::from(marker & 0x0f) * 2),
            0x90..=0x9f => container(1, u64::from(marker & 0x0f)),
            0xa0..=0xbf => text(1, usize::from(marker & 0x1f)),
            0xc1 => return Err(Violation::Decode("marker 0xc1 is never used")),
            0xc4 => scalar(2, length(1)?),
            0xc5 => scalar(3, length(2)?),
            0xc6 => scalar(5, length(4)?),
            0xd9 => text(2, length(1)?),
            0xda => text(3, length(2)?),
            0xdb => text(5, length(4)?),
            0xc7 => scalar(3, length(1)?),
            0xc8 => scalar(4, length(2)?),
            0xc9 => scalar(6, length(4)?),
            0xcc | 0xd0 => scalar(1, 1),
            0xcd | 0xd1 => scalar(1, 2),
            0xca | 0xce | 0xd2 => scalar(1, 4),
            0xcb | 0xcf | 0xd3 => scalar(1, 8),
            0xd4..=0xd8 => scalar(2, 1 << (marker - 0xd4)),
            0xdc => container(3, length(2)? as u64),
            0xdd => container(5, length(4)? as u64),
            0xde => container(3, length(2)? as u64 * 2),
            0xdf => container(5, length(4)? as u64 * 2),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_depth_bomb_is_refused_without_recursion() {
        let bomb = vec![0x91; 1_000_000];
        assert_eq!(Reader::new(&bomb).value(64, 1_000_000), Err(Violation::Depth(64)));
    }

    #[test]
    fn a_string_that_is_no_text_is_refused_wherever_it_stands() {
        assert_eq!(Reader::new(&[0x91, 0xa1, 0xff]).value(64, 10), Err(NOT_UTF8));
        assert!(Reader::new(&[0x91, 0xc4, 1, 0xff]).value(64, 10).is_ok(), "bytes may be anything");
    }

    #[test]
    fn a_length_bomb_is_refused_before_it_is_believed() {
        let bomb = [0xdd, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Reader::new(&bomb).value(64, 1_000_000), Err(TRUNCATED));
    }

    #[test]
    fn a_wide_bomb_is_refused_by_the_item_limit() {
        let mut bomb = vec![0xdd, 0x00, 0x20, 0x00, 0x00];
        bomb.resize(5 + (1 << 21), 0xc0);
        assert_eq!(Reader::new(&bomb).value(64, 1_000_000), Err(Violation::Items(1_000_000)));
    }

    proptest! {
        #[test]
        fn unsigned_integers_round_trip_in_their_shortest_form(value: u64) {
            let mut out = Vec::new();
            put_uint(&mut out, value);
            prop_assert_eq!(&out, &rmp_serde::to_vec(&value).unwrap());
            prop_assert_eq!(Reader::new(&out).uint(), Ok(value));
        }

        #[test]
        fn strings_round_trip_as_rmp_serde_writes_them(text in ".{0,300}") {
            let mut out = Vec::new();
            put_str(&mut out, &text);
            prop_assert_eq!(&out, &rmp_serde::to_vec(&text).unwrap());
            prop_assert_eq!(Reader::new(&out).str(), Ok(text.as_str()));
        }

        #[test]
        fn bytes_round_trip_as_rmp_serde_writes_them(length in prop_oneof![0..300usize, 65_500..65_600usize]) {
            let (bytes, mut out) = (vec![7; length], Vec::new());
            put_bytes(&mut out, &bytes);
            prop_assert_eq!(&out, &rmp_serde::to_vec(&bytes::Bytes::from(bytes.clone())).unwrap());
            prop_assert_eq!(Reader::new(&out).bytes(), Ok(&bytes[..]));
        }

        #[test]
        fn skipping_never_panics_and_never_reads_past_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.value(8, 50) {
                prop_assert!(value.len() <= bytes.len());
                prop_assert_eq!(reader.position(), value.len());
            }
        }
    }
}
