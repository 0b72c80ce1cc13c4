//! What a peer can do wrong.

use std::fmt;

/// A breach of the protocol by the other side. The connection it happened on is dead at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// More than [`MAX_NOISE`](super::MAX_NOISE) bytes came and none of them were the magic.
    NoMagic,
    /// A frame announced more bytes than the limit.
    FrameTooLarge {
        /// Announced length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A frame of no bytes.
    EmptyFrame,
    /// Bytes that are no MessagePack, or no header array.
    Decode(&'static str),
    /// A header of the wrong shape: an element is missing or of the wrong type.
    Shape(&'static str),
    /// A frame kind below 128 that this version does not know.
    UnknownKind(u64),
    /// Flags, or a frame kind, that are reserved in this version.
    Unsupported(&'static str),
    /// No protocol version in common.
    Version {
        /// Oldest and newest version we speak.
        ours: (u64, u64),
        /// Oldest and newest version the peer speaks.
        theirs: (u64, u64),
    },
    /// HELLO did not carry the nonce that the worker was launched with.
    Nonce,
    /// A frame that may not come in this phase of the connection.
    Phase(&'static str),
    /// An id of the wrong parity, zero, or one that was used before.
    Id(u64),
    /// ITEM or END for a call that did not ask for a stream, or REPLY to one that did.
    UnexpectedItem(u64),
    /// Items out of order, or an END whose count is not the number of items.
    StreamSequence {
        /// What should have come next.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// A fragment that belongs to no body, or a body that is not as long as it was announced.
    Fragment(u64),
    /// More bytes of large bodies under way than the receiver takes at once.
    ReceiveBudget {
        /// The limit in bytes.
        limit: u64,
    },
    /// An item without credit, or credit beyond every bound.
    Flow(u64),
    /// More unanswered calls than the limit.
    TooManyCalls(u64),
    /// More control frames, or more answers to unknown calls, in a second than anyone needs.
    Flood(&'static str),
    /// A body nested deeper than the limit.
    Depth(u64),
    /// A body with more values than the limit.
    Items(u64),
    /// A HELLO, READY or manifest beyond its limits.
    Handshake(&'static str),
}

impl Violation {
    /// A stable `snake_case` name, for logs, metrics and golden vectors.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoMagic => "no_magic",
            Self::FrameTooLarge { .. } => "frame_too_large",
            Self::EmptyFrame => "empty",
            Self::Decode(_) => "decode",
            Self::Shape(_) => "shape",
            Self::UnknownKind(_) => "unknown_kind",
            Self::Unsupported(_) => "unsupported",
            Self::Version { .. } => "version",
            Self::Nonce => "nonce",
            Self::Phase(_) => "phase",
            Self::Id(_) => "id",
            Self::UnexpectedItem(_) => "unexpected_chunk",
            Self::StreamSequence { .. } => "stream_seq",
            Self::Fragment(_) => "fragment",
            Self::ReceiveBudget { .. } => "receive_budget",
            Self::Flow(_) => "flow",
            Self::TooManyCalls(_) => "too_many_calls",
            Self::Flood(_) => "flood",
            Self::Depth(_) => "depth",
            Self::Items(_) => "items",
            Self::Handshake(_) => "handshake",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMagic => write!(f, "the first {} bytes hold no protocol magic", super::MAX_NOISE),
            Self::FrameTooLarge { length, limit } => write!(f, "a frame of {length} bytes, the limit is {limit}"),
            Self::EmptyFrame => f.write_str("a frame of no bytes"),
            Self::Decode(what) => write!(f, "undecodable bytes: {what}"),
            Self::Shape(what) => write!(f, "a header of the wrong shape: {what}"),
            Self::UnknownKind(kind) => write!(f, "unknown frame kind {kind}"),
            Self::Unsupported(what) => write!(f, "reserved in this version: {what}"),
            Self::Version { ours, theirs } => write!(
                f,
                "no common protocol version: this side speaks {} to {}, the peer {} to {}",
                ours.0, ours.1, theirs.0, theirs.1
            ),
            Self::Nonce => f.write_str("HELLO carries another launch nonce"),
            Self::Phase(what) => write!(f, "out of turn: {what}"),
            Self::Id(id) => write!(f, "id {id} is of the wrong parity or was used before"),
            Self::UnexpectedItem(id) => {
                write!(f, "call {id} was answered in the wrong manner (stream or single reply)")
            }
            Self::StreamSequence { expected, got } => write!(f, "stream item {got} came where {expected} was due"),
            Self::Fragment(id) => write!(f, "a fragment for call {id} that no body of it announced"),
            Self::ReceiveBudget { limit } => {
                write!(f, "more than {limit} bytes of large bodies under way at once")
            }
            Self::Flow(id) => write!(f, "flow control broken on stream {id}"),
            Self::TooManyCalls(limit) => write!(f, "more than {limit} unanswered calls"),
            Self::Flood(what) => write!(f, "too many {what}"),
            Self::Depth(limit) => write!(f, "a value nested deeper than {limit}"),
            Self::Items(limit) => write!(f, "a body of more than {limit} values"),
            Self::Handshake(what) => write!(f, "handshake: {what}"),
        }
    }
}

impl std::error::Error for Violation {}
