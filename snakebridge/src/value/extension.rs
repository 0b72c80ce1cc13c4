//! What has no natural form in MessagePack: values of ours that travel as its extension types.
//!
//! To serde such a value is a newtype struct whose name is [`EXTENSION`]. Our own serializer and deserializer know the name: what
//! stands in it are then the bytes of the extension, its type first. To every other format it is the readable form of the value, so
//! that a struct which holds a [`Timestamp`](super::Timestamp) is the expected JSON as well.
//!
//! serde puts values aside where it has to look at them twice, as in untagged enums and flattened structs. A newtype is kept as one
//! there; two, one inside the other, tell an extension value from bytes that are just bytes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Value, ValueVisitor};

/// The name by which our own serializer and deserializer know extension values.
pub(crate) const EXTENSION: &str = "$snakebridge::extension";

/// A type of values that travel as a MessagePack extension.
pub(crate) trait Extension: Sized {
    /// The extension's type.
    const CODE: i8;
    /// What it is, for errors, with its article.
    const NAME: &'static str;

    /// The extension's type and data, as they stand on the wire.
    fn content(&self) -> Cow<'_, [u8]>;

    /// The value that some data stands for, or why it is none.
    fn from_data(data: &[u8]) -> Result<Self, String>;

    /// Writes the readable form, for formats that are not ours.
    fn serialize_readable<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// The value that is meant by one of another kind, such as a text; or what is wrong with it.
    fn from_natural(value: Value) -> Result<Self, String>;
}

/// An extension's type as the byte in front of its data.
pub(crate) const fn code(code: i8) -> u8 {
    code.to_be_bytes()[0]
}

/// The value of an extension, from its type and data.
pub(crate) fn decode<T: Extension>(content: &[u8]) -> Result<T, String> {
    match content {
        [first, data @ ..] if *first == code(T::CODE) => T::from_data(data),
        _ => Err(format!("expected {}, got {}", T::NAME, name(content))),
    }
}

/// What an extension value is, for errors.
pub(crate) fn name(content: &[u8]) -> String {
    match content {
        [first, ..] => format!("an extension value of type {}", i8::from_be_bytes([*first])),
        [] => "an empty extension value".to_owned(),
    }
}

pub(crate) fn serialize<T: Extension, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(EXTENSION, &Form(value))
}

struct Form<'a, T>(&'a T);

impl<T: Extension> Serialize for Form<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.0.serialize_readable(serializer)
        } else {
            serializer.serialize_bytes(&self.0.content())
        }
    }
}

pub(crate) fn deserialize<'de, T: Extension, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(EXTENSION, Outside(PhantomData))
}

/// Expects an extension value, or one in its natural form.
struct Outside<T>(PhantomData<T>);

impl<'de, T: Extension> Visitor<'de> for Outside<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(Inside(PhantomData))
    }
}

struct Inside<T>(PhantomData<T>);

impl<T: Extension> Inside<T> {
    fn natural<E: de::Error>(value: Value) -> Result<T, E> {
        T::from_natural(value).map_err(E::custom)
    }
}

macro_rules! natural {
    ($($method:ident($($type:ty)?);)*) => {
        $(fn $method<E: de::Error>(self $(, value: $type)?) -> Result<T, E> {
            Self::natural(ValueVisitor.$method($({ let value: $type = value; value })?)?)
        })*
    };
}

impl<'de, T: Extension> Visitor<'de> for Inside<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        let content = Content::deserialize(deserializer)?;
        decode(&content.0).map_err(de::Error::custom)
    }

    natural! {
        visit_unit(); visit_bool(bool); visit_i64(i64); visit_u64(u64); visit_f64(f64); visit_str(&str);
        visit_bytes(&[u8]);
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<T, A::Error> {
        Self::natural(ValueVisitor.visit_seq(sequence)?)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        Self::natural(ValueVisitor.visit_map(map)?)
    }
}

/// The type and data of an extension value.
pub(crate) struct Content<'de>(pub(crate) Cow<'de, [u8]>);

impl<'de> Deserialize<'de> for Content<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the type and data of an extension value")
    }

    fn visit_borrowed_bytes<E>(self, content: &'de [u8]) -> Result<Content<'de>, E> {
        Ok(Content(Cow::Borrowed(content)))
    }

    fn visit_bytes<E>(self, content: &[u8]) -> Result<Content<'de>, E> {
        Ok(Content(Cow::Owned(content.to_vec())))
    }

    fn visit_byte_buf<E>(self, content: Vec<u8>) -> Result<Content<'de>, E> {
        Ok(Content(Cow::Owned(content)))
    }
}

/// Any extension value: expects what stands inside of its outer newtype.
pub(super) struct AnyExtension;

impl<'de> Visitor<'de> for AnyExtension {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an extension value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let content = Content::deserialize(deserializer)?;
        Value::from_extension(&content.0).map_err(de::Error::custom)
    }
}

/// Implements serde's traits for a type that is an [`Extension`].
macro_rules! serde_by_extension {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::value::extension::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::value::extension::deserialize(deserializer)
            }
        }
    };
}
pub(super) use serde_by_extension;
