//! How the bytes of an input become choices.
//!
//! Everything is read from the front and written down in this file, so that [`seeds`](crate::seeds) can write what the
//! targets read, and an input means the same after an update of `arbitrary`. At the end of the input every choice
//! is zero, and everything of a length is empty.

use arbitrary::Unstructured;
use snakebridge::wire::frame::{CallHeader, kind};
use snakebridge::wire::{Executed, Header, Limits};

/// The marks behind which a number of 2, 4 or 8 bytes follows, little end first; smaller bytes are numbers themselves.
pub const WIDE_NUMBERS: [u8; 3] = [0xfd, 0xfe, 0xff];

/// An input that is being read.
#[derive(Debug)]
pub struct Input<'a> {
    choices: Unstructured<'a>,
}

impl<'a> Input<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { choices: Unstructured::new(bytes) }
    }

    /// Whether all of it is read.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.choices.arbitrary().unwrap_or(0)
    }

    /// One of two.
    pub fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// One of `count` things, by its place.
    ///
    /// # Panics
    /// When there is nothing to choose from.
    pub fn choice(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// A number that is small as a rule and may be any.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            0xfd => u64::from(self.choices.arbitrary::<u16>().unwrap_or(0)),
            0xfe => u64::from(self.choices.arbitrary::<u32>().unwrap_or(0)),
            0xff => self.choices.arbitrary().unwrap_or(0),
            small => u64::from(small),
        }
    }

    /// A length of something that is made up, up to 64 KiB.
    pub fn length(&mut self) -> usize {
        usize::try_from(self.number() % (1 << 16)).unwrap_or(0)
    }

    /// A length of a body that is made up: small as a rule, and up to four of the largest fragments.
    pub fn size(&mut self) -> usize {
        usize::try_from(self.number() % (1 << 18)).unwrap_or(0)
    }

    /// Bytes behind their length.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = self.length().min(self.choices.len());
        self.choices.bytes(length).unwrap_or(&[])
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.choices.bytes(self.choices.len()).unwrap_or(&[])
    }

    /// Text behind its length, up to its first byte that is none.
    pub fn text(&mut self) -> &'a str {
        let bytes = self.bytes();
        let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        std::str::from_utf8(&bytes[..valid]).unwrap_or("")
    }

    /// Something, or nothing.
    pub fn maybe<V>(&mut self, read: impl FnOnce(&mut Self) -> V) -> Option<V> {
        self.flag().then(|| read(self))
    }

    /// What a side announces; what is chosen as zero keeps its default.
    pub fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        for limit in [&mut limits.frame, &mut limits.body, &mut limits.items, &mut limits.window, &mut limits.calls] {
            match self.number() {
                0 => {}
                // The mark for "as little as there is", because zero is taken.
                0xfc => *limit = 0,
                chosen => *limit = chosen,
            }
        }
        limits
    }

    /// A well-formed header with any content. `id` chooses the ids, for it knows which ones mean something.
    pub fn header(&mut self, mut id: impl FnMut(&mut Self) -> u64) -> Header<'a> {
        match u64::from(self.byte()) % 16 {
            kind::HELLO => {
                Header::Hello { versions: (self.number(), self.number()), limits: self.limits(), nonce: self.text() }
            }
            kind::READY => Header::Ready { manifest_hash: self.text() },
            kind::CALL => Header::Call(CallHeader {
                id: id(self),
                target: self.text(),
                flags: self.number(),
                remaining: self.maybe(Self::number),
                session: self.maybe(Self::text),
                parent: self.maybe(Self::number),
                // An empty one would leave its place in the array empty.
                meta: self.maybe(Self::bytes).filter(|meta| !meta.is_empty()),
                total: self.maybe(Self::number),
                inputs: self.number(),
                // Always the same: a number of its own would change what the corpus means.
                tools: 0,
                window: None,
            }),
            kind::REPLY => Header::Reply { id: id(self), total: self.maybe(Self::number) },
            kind::ERROR => Header::Error { id: id(self), code: self.text(), executed: self.executed() },
            kind::ITEM => Header::Item {
                id: id(self),
                stream: self.number(),
                sequence: self.number(),
                flags: self.number(),
                total: self.maybe(Self::number),
            },
            kind::END => Header::End {
                id: id(self),
                stream: self.number(),
                count: self.number(),
                total: self.maybe(Self::number),
            },
            kind::PART => Header::Part { id: id(self), stream: self.number() },
            kind::CREDIT => Header::Credit { id: id(self), stream: self.number(), bytes: self.number() },
            kind::CANCEL => Header::Cancel { id: id(self), reason: self.text() },
            kind::PING => Header::Ping { nonce: self.number() },
            kind::PONG => Header::Pong {
                nonce: self.number(),
                finished: self.number(),
                running: self.number(),
                running_for: self.number(),
            },
            kind::EVENT => Header::Event { class: self.number(), id: id(self), dropped: self.number() },
            kind::GOAWAY => Header::GoAway { last: id(self), reason: self.text() },
            // The remaining ones: a kind that may be ignored, and one that may not.
            choice => Header::Unknown {
                kind: if choice % 2 == 1 { kind::FIRST_OPTIONAL } else { kind::GOAWAY + 1 } + self.number() % 64,
            },
        }
    }

    /// Whether a call ran.
    pub fn executed(&mut self) -> Executed {
        [Executed::Never, Executed::Maybe, Executed::Yes][self.choice(3)]
    }
}
