//! Objects of Python that have no form on the wire.

use serde::Serialize;

/// What becomes of an object of Python that has no form on the wire, such as a lock or an open file, where neither its tool nor its
/// adapter says it.
///
/// A mark is a [`Value::Opaque`](crate::Value::Opaque), or an [`Opaque`](crate::value::Opaque) where a type asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unserializable {
    /// Its call fails with an error that names its type and its place.
    #[default]
    Refuse,
    /// A mark with its type stands for it. None of its code runs.
    Type,
    /// A mark with its type and the first 256 characters of its `repr`.
    Repr,
    /// The same, without quoted texts, and without words that have a digit in them.
    Redacted,
}
