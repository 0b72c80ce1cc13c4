//! Tables of Arrow.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::Value;
use super::extension::{Extension, code, serde_by_extension};

/// A table as an Arrow IPC stream: what Python sends for a `Table` or `RecordBatch` of pyarrow, and takes as one.
///
/// This crate does not look into it. The crates `arrow` and `polars` read and write such streams.
#[derive(Clone, PartialEq, Eq)]
pub struct ArrowIpc {
    /// The extension's type, and behind it the stream.
    content: Bytes,
}

impl ArrowIpc {
    /// A table, from the bytes of its IPC stream.
    pub fn new(stream: &[u8]) -> Self {
        Self { content: [&[code(Self::CODE)], stream].concat().into() }
    }

    /// The bytes of the IPC stream.
    pub fn stream(&self) -> Bytes {
        self.content.slice(1..)
    }
}

impl fmt::Display for ArrowIpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Arrow table of {} bytes>", self.content.len() - 1)
    }
}

impl fmt::Debug for ArrowIpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Extension for ArrowIpc {
    const CODE: i8 = 4;
    const NAME: &'static str = "an Arrow table";

    fn content(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.content)
    }

    fn from_data(data: &[u8]) -> Result<Self, String> {
        Ok(Self::new(data))
    }

    fn serialize_readable<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.stream())
    }

    fn from_natural(value: Value) -> Result<Self, String> {
        match value {
            Value::Bytes(stream) => Ok(Self::new(&stream)),
            other => Err(format!("expected an Arrow table, got {}", other.kind())),
        }
    }
}

serde_by_extension!(ArrowIpc);

impl From<ArrowIpc> for Value {
    fn from(table: ArrowIpc) -> Self {
        Self::Arrow(table)
    }
}
