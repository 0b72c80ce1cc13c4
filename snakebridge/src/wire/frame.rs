//! The frame kinds: everything one side can say to the other.
//!
//! A frame on the wire is a header array `[kind, …]` and, for kinds that carry one, a body behind it. [`Header`] is
//! the header with its strings borrowed from the receive buffer; the body stays bytes.

#![expect(clippy::cast_possible_truncation, reason = "every cast stands behind a check of the range it needs")]

use super::limits::{Limits, MAX_META, is_session_id, is_target};
use super::msgpack::{Reader, put_array, put_nil, put_str, put_uint};
use super::{Millis, Violation};
use crate::wire::Executed;

/// Kind numbers. 0 to 127 are mandatory to understand; from 128 on a receiver that does not know a kind ignores it.
pub mod kind {
    #![allow(missing_docs, reason = "each is documented on the `Header` variant of its name")]
    pub const HELLO: u64 = 0;
    pub const READY: u64 = 1;
    pub const CALL: u64 = 2;
    pub const REPLY: u64 = 3;
    pub const ERROR: u64 = 4;
    pub const ITEM: u64 = 5;
    pub const END: u64 = 6;
    pub const PART: u64 = 7;
    pub const CREDIT: u64 = 8;
    pub const CANCEL: u64 = 9;
    pub const PING: u64 = 10;
    pub const PONG: u64 = 11;
    pub const EVENT: u64 = 12;
    pub const RELEASE: u64 = 13;
    pub const GOAWAY: u64 = 14;
    pub const FIRST_OPTIONAL: u64 = 128;
}

/// Flags of a CALL.
pub mod call_flag {
    /// The caller wants a stream: ITEM frames and an END instead of one REPLY.
    pub const STREAM: u64 = 1;
    /// Every flag that this version acts on.
    pub const KNOWN: u64 = STREAM;
}

/// Flags of an ITEM.
pub mod item_flag {
    /// The sender marked this item as its last. Only a mark: END ends a stream.
    pub const FINAL: u64 = 1;
    /// The body is an array `[data, metadata]` instead of the data alone.
    pub const METADATA: u64 = 2;
    /// Every flag that this version acts on.
    pub const KNOWN: u64 = FINAL | METADATA;
}

/// What an EVENT is about. Others may come with a later version, and are ignored.
pub mod event_class {
    /// A line of a log, or of what is printed.
    pub const LOG: u64 = 0;
    /// Something that a tool measured, under a name of its own.
    pub const TELEMETRY: u64 = 1;
    /// How far the call is.
    pub const PROGRESS: u64 = 2;
}

/// The header of a CALL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallHeader<'a> {
    /// Odd from the host, even from a worker, larger than every id before it on this connection.
    pub id: u64,
    /// The tool's name, or a system target that begins with `$`.
    pub target: &'a str,
    /// See [`call_flag`].
    pub flags: u64,
    /// Milliseconds left until the caller's deadline, when it has one.
    pub remaining: Option<Millis>,
    /// The session the call runs in, as the caller named it.
    pub session: Option<&'a str>,
    /// The call of the other direction inside which this call is made: what a worker runs while it asks the host.
    pub parent: Option<u64>,
    /// An encoded map of correlation id, trace parent and request metadata; at most 4 KiB.
    pub meta: Option<&'a [u8]>,
    /// Bytes of the arguments, when they follow in PART frames.
    pub total: Option<u64>,
    /// How many streams the caller sends as arguments, numbered from 1.
    pub inputs: u64,
    /// From the host: the generation of its tools that this call may use. Together with the session it names a
    /// catalogue, so that a worker asks for one only when it has not got it.
    pub tools: u64,
    /// The window of the stream that answers it, where that is not the one that the caller announced for all.
    pub window: Option<u64>,
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header<'a> {
    /// The first frame of both sides. The receiver agrees on a version, takes over the sender's limits and checks the
    /// nonce; the body says who the sender is and, from the host, what to load.
    Hello {
        /// Oldest and newest protocol version the sender speaks.
        versions: (u64, u64),
        /// What the sender accepts.
        limits: Limits,
        /// The nonce the worker was launched with.
        nonce: &'a str,
    },
    /// A worker is ready: its tools' names are the body. Only now may the host send calls.
    Ready {
        /// Hex SHA-256 of the `$manifest` body.
        manifest_hash: &'a str,
    },
    /// Run a tool with the arguments in the body: a map, or an array of positional ones and a map.
    Call(CallHeader<'a>),
    /// The result of a call is the body. Terminal.
    Reply {
        /// The call that is answered.
        id: u64,
        /// Bytes of the body, when it follows in PART frames.
        total: Option<u64>,
    },
    /// A call failed, and how is the body. Terminal. With id 0, from a worker before READY: it cannot start.
    Error {
        /// The call that failed.
        id: u64,
        /// A stable `snake_case` code.
        code: &'a str,
        /// Whether the tool ran.
        executed: Executed,
    },
    /// One item of a stream is the body. Delivered in order, paid for with credit.
    Item {
        /// The call the stream belongs to.
        id: u64,
        /// 0 is the tool's output; 1 and up are arguments that stream in.
        stream: u64,
        /// Counts from 0.
        sequence: u64,
        /// See [`item_flag`].
        flags: u64,
        /// Bytes of the item, when it follows in PART frames.
        total: Option<u64>,
    },
    /// A stream ended well; a generator's return value, if any, is the body. Terminal for that stream.
    End {
        /// The call the stream belongs to.
        id: u64,
        /// Which stream of the call.
        stream: u64,
        /// How many items there were.
        count: u64,
        /// Bytes of the body, when it follows in PART frames.
        total: Option<u64>,
    },
    /// The next fragment of the body that the last CALL, REPLY, ITEM or END of this stream announced by its `total`.
    Part {
        /// The call the body belongs to.
        id: u64,
        /// Which stream of the call; 0 for arguments, replies and the output.
        stream: u64,
    },
    /// The receiver of a stream has room for so much more.
    Credit {
        /// The call the stream belongs to.
        id: u64,
        /// Which stream of the call.
        stream: u64,
        /// Additional bytes the sender may send.
        bytes: u64,
    },
    /// The caller does not want the answer any more. Waiting: answer ERROR with executed = never. Running: stop it if
    /// possible; exactly one terminal frame follows, which may be REPLY. Finished or unknown: ignore.
    Cancel {
        /// The call.
        id: u64,
        /// Why, for the log.
        reason: &'a str,
    },
    /// Asks for a PONG. Answered by native code, never by Python.
    Ping {
        /// Returned in the PONG.
        nonce: u64,
    },
    /// Answers a PING.
    Pong {
        /// Of the PING.
        nonce: u64,
        /// Calls finished on this connection.
        finished: u64,
        /// The call that runs, or 0.
        running: u64,
        /// For how many milliseconds it has been running.
        running_for: Millis,
    },
    /// Something that a worker tells beside the answers to its calls: the body says what. May be lost, and holds nothing up.
    Event {
        /// See [`event_class`].
        class: u64,
        /// The call of the host inside which it is told; 0 for none.
        id: u64,
        /// So many events were dropped since the last one that was sent.
        dropped: u64,
    },
    /// The sender takes no more calls. Those of the receiver with ids above `last` never ran and never will.
    GoAway {
        /// The last call that is or will be answered; 0 for none.
        last: u64,
        /// Why, for the log.
        reason: &'a str,
    },
    /// An optional frame of a kind this version does not know; to be ignored.
    Unknown {
        /// 128 or more.
        kind: u64,
    },
}

impl<'a> Header<'a> {
    /// Reads the header that starts `frame` and returns it with its length in bytes.
    pub fn decode(frame: &'a [u8]) -> Result<(Self, usize), Violation> {
        let mut reader = Reader::new(frame);
        let elements = reader.array()?;
        let Some(fields) = elements.checked_sub(1) else { return Err(Violation::Shape("an empty header")) };
        let kind = reader.uint()?;
        let mut fields = Fields { reader, left: fields };
        let header = fields.header(kind)?;
        // Elements that a later version appended.
        for _ in 0..fields.left {
            fields.reader.value(16, 1024)?;
        }
        let length = fields.reader.position();
        if length > super::limits::MAX_HEADER {
            return Err(Violation::Shape("a header over 16 KiB"));
        }
        Ok((header, length))
    }

    /// Appends the header array.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut uints = |kind: u64, fields: &[u64]| {
            put_array(out, fields.len() as u32 + 1);
            put_uint(out, kind);
            for &field in fields {
                put_uint(out, field);
            }
        };
        match *self {
            Self::Reply { id, total: None } => uints(kind::REPLY, &[id]),
            Self::Reply { id, total: Some(total) } => uints(kind::REPLY, &[id, total]),
            Self::Item { id, stream, sequence, flags, total: None } => {
                uints(kind::ITEM, &[id, stream, sequence, flags]);
            }
            Self::Item { id, stream, sequence, flags, total: Some(total) } => {
                uints(kind::ITEM, &[id, stream, sequence, flags, total]);
            }
            Self::End { id, stream, count, total: None } => uints(kind::END, &[id, stream, count]),
            Self::End { id, stream, count, total: Some(total) } => uints(kind::END, &[id, stream, count, total]),
            Self::Part { id, stream } => uints(kind::PART, &[id, stream]),
            Self::Credit { id, stream, bytes } => uints(kind::CREDIT, &[id, stream, bytes]),
            Self::Ping { nonce } => uints(kind::PING, &[nonce]),
            Self::Pong { nonce, finished, running, running_for } => {
                uints(kind::PONG, &[nonce, finished, running, running_for]);
            }
            Self::Event { class, id: 0, dropped: 0 } => uints(kind::EVENT, &[class]),
            Self::Event { class, id, dropped: 0 } => uints(kind::EVENT, &[class, id]),
            Self::Event { class, id, dropped } => uints(kind::EVENT, &[class, id, dropped]),
            Self::Unknown { kind } => uints(kind, &[]),
            Self::Call(call) => encode_call(&call, out),
            Self::Hello { versions, limits, nonce } => {
                put_array(out, 5);
                put_uint(out, kind::HELLO);
                put_uint(out, versions.0);
                put_uint(out, versions.1);
                let announced = [limits.frame, limits.body, limits.depth, limits.items, limits.window, limits.calls];
                put_array(out, announced.len() as u32);
                for limit in announced {
                    put_uint(out, limit);
                }
                put_str(out, nonce);
            }
            Self::Ready { manifest_hash } => {
                put_array(out, 2);
                put_uint(out, kind::READY);
                put_str(out, manifest_hash);
            }
            Self::Error { id, code, executed } => {
                put_array(out, 4);
                put_uint(out, kind::ERROR);
                put_uint(out, id);
                put_str(out, code);
                put_uint(out, executed.to_wire());
            }
            Self::Cancel { id: number, reason } | Self::GoAway { last: number, reason } => {
                put_array(out, 3);
                put_uint(out, if matches!(self, Self::Cancel { .. }) { kind::CANCEL } else { kind::GOAWAY });
                put_uint(out, number);
                put_str(out, reason);
            }
        }
    }
}

fn encode_call(call: &CallHeader<'_>, out: &mut Vec<u8>) {
    // Trailing elements that are absent are left out: the common call is [2, id, target].
    let optional = [
        call.flags != 0,
        call.remaining.is_some(),
        call.session.is_some(),
        call.parent.is_some(),
        call.meta.is_some(),
        call.total.is_some(),
        call.inputs != 0,
        call.tools != 0,
        call.window.is_some(),
    ];
    let present = optional.iter().rposition(|&present| present).map_or(0, |last| last + 1);
    put_array(out, 3 + present as u32);
    put_uint(out, kind::CALL);
    put_uint(out, call.id);
    put_str(out, call.target);
    let or_nil = |out: &mut Vec<u8>, value: Option<u64>| match value {
        Some(value) => put_uint(out, value),
        None => put_nil(out),
    };
    if present > 0 {
        put_uint(out, call.flags);
    }
    if present > 1 {
        or_nil(out, call.remaining);
    }
    if present > 2 {
        match call.session {
            Some(session) => put_str(out, session),
            None => put_nil(out),
        }
    }
    if present > 3 {
        or_nil(out, call.parent);
    }
    if present > 4 {
        match call.meta {
            Some(meta) => out.extend_from_slice(meta),
            None => put_nil(out),
        }
    }
    if present > 5 {
        or_nil(out, call.total);
    }
    if present > 6 {
        put_uint(out, call.inputs);
    }
    if present > 7 {
        put_uint(out, call.tools);
    }
    if let Some(window) = call.window {
        put_uint(out, window);
    }
}

/// The deepest nesting, and the most values, of a metadata map.
const META_DEPTH: u64 = 16;
const META_ITEMS: u64 = 1024;

/// Whether `meta` may stand in a CALL: one map within the limits.
pub fn check_meta(meta: &[u8]) -> Result<(), Violation> {
    let mut reader = Reader::new(meta);
    let map = reader.value(META_DEPTH, META_ITEMS)?;
    if !matches!(map.first(), Some(0x80..=0x8f | 0xde | 0xdf)) || map.len() < meta.len() {
        return Err(Violation::Shape("meta is a map"));
    }
    if meta.len() > MAX_META {
        return Err(Violation::Shape("meta over 4 KiB"));
    }
    Ok(())
}

/// The elements behind the kind.
struct Fields<'a> {
    reader: Reader<'a>,
    left: u64,
}

impl<'a> Fields<'a> {
    fn required(&mut self) -> Result<&mut Reader<'a>, Violation> {
        self.left = self.left.checked_sub(1).ok_or(Violation::Shape("a header element is missing"))?;
        Ok(&mut self.reader)
    }

    fn uint(&mut self) -> Result<u64, Violation> {
        self.required()?.uint()
    }

    fn str(&mut self) -> Result<&'a str, Violation> {
        self.required()?.str()
    }

    /// An element that may be nil, or left out at the end.
    fn optional<V>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<V, Violation>,
    ) -> Result<Option<V>, Violation> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        if self.reader.nil() { Ok(None) } else { read(&mut self.reader).map(Some) }
    }

    fn header(&mut self, kind: u64) -> Result<Header<'a>, Violation> {
        Ok(match kind {
            kind::HELLO => self.hello()?,
            kind::READY => Header::Ready { manifest_hash: self.str()? },
            kind::CALL => Header::Call(self.call()?),
            kind::REPLY => Header::Reply { id: self.uint()?, total: self.optional(Reader::uint)? },
            kind::ERROR => Header::Error {
                id: self.uint()?,
                code: self.str()?,
                executed: Executed::from_wire(self.uint()?).ok_or(Violation::Shape("executed is 0, 1 or 2"))?,
            },
            kind::ITEM => {
                let header = Header::Item {
                    id: self.uint()?,
                    stream: self.uint()?,
                    sequence: self.uint()?,
                    flags: self.optional(Reader::uint)?.unwrap_or(0),
                    total: self.optional(Reader::uint)?,
                };
                if let Header::Item { flags, .. } = header
                    && flags & !item_flag::KNOWN != 0
                {
                    return Err(Violation::Unsupported("flags of an ITEM"));
                }
                header
            }
            kind::END => Header::End {
                id: self.uint()?,
                stream: self.uint()?,
                count: self.uint()?,
                total: self.optional(Reader::uint)?,
            },
            kind::PART => Header::Part { id: self.uint()?, stream: self.uint()? },
            kind::CREDIT => Header::Credit { id: self.uint()?, stream: self.uint()?, bytes: self.uint()? },
            kind::CANCEL => Header::Cancel { id: self.uint()?, reason: self.optional(Reader::str)?.unwrap_or("") },
            kind::PING => Header::Ping { nonce: self.uint()? },
            kind::PONG => Header::Pong {
                nonce: self.uint()?,
                finished: self.uint()?,
                running: self.uint()?,
                running_for: self.uint()?,
            },
            kind::GOAWAY => Header::GoAway { last: self.uint()?, reason: self.optional(Reader::str)?.unwrap_or("") },
            kind::EVENT => Header::Event {
                class: self.uint()?,
                id: self.optional(Reader::uint)?.unwrap_or(0),
                dropped: self.optional(Reader::uint)?.unwrap_or(0),
            },
            kind::RELEASE => {
                return Err(Violation::Unsupported("a frame kind that no feature of this connection allows"));
            }
            kind if kind >= kind::FIRST_OPTIONAL => Header::Unknown { kind },
            kind => return Err(Violation::UnknownKind(kind)),
        })
    }

    fn hello(&mut self) -> Result<Header<'a>, Violation> {
        let versions = (self.uint()?, self.uint()?);
        let mut announced = [0; 6];
        let reader = self.required()?;
        let count = reader.array()?;
        if count < announced.len() as u64 {
            return Err(Violation::Shape("HELLO announces six limits"));
        }
        for limit in &mut announced {
            *limit = reader.uint()?;
        }
        for _ in announced.len() as u64..count {
            reader.value(16, 1024)?;
        }
        let [frame, body, depth, items, window, calls] = announced;
        Ok(Header::Hello { versions, limits: Limits { frame, body, depth, items, window, calls }, nonce: self.str()? })
    }

    fn call(&mut self) -> Result<CallHeader<'a>, Violation> {
        let call = CallHeader {
            id: self.uint()?,
            target: self.str()?,
            flags: self.optional(Reader::uint)?.unwrap_or(0),
            remaining: self.optional(Reader::uint)?,
            session: self.optional(Reader::str)?,
            parent: self.optional(Reader::uint)?,
            meta: self.optional(|reader| reader.value(META_DEPTH, META_ITEMS))?,
            total: self.optional(Reader::uint)?,
            inputs: self.optional(Reader::uint)?.unwrap_or(0),
            tools: self.optional(Reader::uint)?.unwrap_or(0),
            window: self.optional(Reader::uint)?,
        };
        if call.flags & !call_flag::KNOWN != 0 {
            return Err(Violation::Unsupported("flags of a CALL"));
        }
        if !is_target(call.target) {
            return Err(Violation::Shape("a target outside the grammar of tool names"));
        }
        if call.session.is_some_and(|session| !is_session_id(session)) {
            return Err(Violation::Shape("a session id that is empty, too long or not printable"));
        }
        if call.window == Some(0) {
            return Err(Violation::Shape("a window of zero"));
        }
        call.meta.map_or(Ok(()), check_meta)?;
        Ok(call)
    }
}
