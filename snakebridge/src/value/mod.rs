//! A value of any shape, for calls whose types are not known when the program is written, and the types of values that Rust has no
//! natural ones for.

pub(crate) mod array;
mod arrow;
mod complex;
pub(crate) mod extension;
mod integer;
mod opaque;
mod timestamp;

use std::fmt;

use bytes::Bytes;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::array::{Dtype, Element, InvalidArray, NdArray, Order};
pub use self::arrow::ArrowIpc;
pub use self::complex::Complex;
use self::extension::Extension;
pub use self::integer::{BigInt, InvalidInteger};
pub use self::opaque::Opaque;
pub use self::timestamp::{InvalidTimestamp, Timestamp};

/// Anything that Python can say, without loss: integers stay integers, bytes are not strings, and maps may have keys of any
/// kind.
///
/// ```
/// use snakebridge::Value;
///
/// let value = Value::from_serialize(&serde_json::json!({"name": "ada", "tags": [1, 2]}))?;
/// assert_eq!(value["name"].as_str(), Some("ada"));
/// assert_eq!(value["tags"][1].as_i64(), Some(2));
/// assert!(value["missing"].is_nil());
/// # Ok::<(), snakebridge::Error>(())
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Python's `None`.
    #[default]
    Nil,
    /// `bool`, never an integer.
    Bool(bool),
    /// An integer up to `i64::MAX`.
    Int(i64),
    /// An integer above `i64::MAX`.
    UInt(u64),
    /// An integer beyond 64 bits.
    BigInt(BigInt),
    /// A float, bit-exact.
    Float(f64),
    /// `complex`.
    Complex(Complex),
    /// `str`.
    Str(String),
    /// `bytes`.
    Bytes(Bytes),
    /// `datetime` with a time zone.
    Timestamp(Timestamp),
    /// A list, tuple or set.
    Array(Vec<Value>),
    /// A dict, in its own order.
    Map(Vec<(Value, Value)>),
    /// An array of numpy.
    NdArray(NdArray),
    /// A table of pyarrow.
    Arrow(ArrowIpc),
    /// The mark of what has no form on the wire.
    Opaque(Opaque),
}

/// What indexing something that is not there gives.
static NIL: Value = Value::Nil;

impl Value {
    /// Whether it is `None`.
    pub fn is_nil(&self) -> bool {
        *self == Self::Nil
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is one that fits.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            Self::UInt(value) => Some(*value),
            _ => None,
        }
    }

    /// The number as a float: floats, and integers that a float can hold.
    #[expect(clippy::cast_precision_loss, reason = "a caller who asks an integer for a float accepts its precision")]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Int(value) => Some(*value as f64),
            Self::UInt(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The moment, if it is one.
    pub fn as_timestamp(&self) -> Option<Timestamp> {
        if let Self::Timestamp(value) = self { Some(*value) } else { None }
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(value) = self { Some(value) } else { None }
    }

    /// The bytes, if it is bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }

    /// The array of numbers, if it is one of numpy.
    pub fn as_ndarray(&self) -> Option<&NdArray> {
        if let Self::NdArray(array) = self { Some(array) } else { None }
    }

    /// The elements, if it is a list.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Self::Array(values) = self { Some(values) } else { None }
    }

    /// The entries, if it is a map.
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        if let Self::Map(entries) = self { Some(entries) } else { None }
    }

    /// What kind of value it is, in a word with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "`None`",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::UInt(_) | Self::BigInt(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Complex(_) => Complex::NAME,
            Self::Str(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::Timestamp(_) => Timestamp::NAME,
            Self::Array(_) => "a list",
            Self::Map(_) => "a map",
            Self::NdArray(_) => NdArray::NAME,
            Self::Arrow(_) => ArrowIpc::NAME,
            Self::Opaque(_) => Opaque::NAME,
        }
    }

    /// The value of an extension, from its type and data; or why it is none.
    pub(crate) fn from_extension(content: &[u8]) -> Result<Self, String> {
        const TIMESTAMP: u8 = extension::code(Timestamp::CODE);
        const INTEGER: u8 = extension::code(BigInt::CODE);
        const COMPLEX: u8 = extension::code(Complex::CODE);
        const ARRAY: u8 = extension::code(NdArray::CODE);
        const ARROW: u8 = extension::code(ArrowIpc::CODE);
        const OPAQUE: u8 = extension::code(Opaque::CODE);
        match content.first() {
            Some(&TIMESTAMP) => extension::decode(content).map(Self::Timestamp),
            Some(&INTEGER) => extension::decode::<BigInt>(content).map(Self::from),
            Some(&COMPLEX) => extension::decode(content).map(Self::Complex),
            Some(&ARRAY) => extension::decode(content).map(Self::NdArray),
            Some(&ARROW) => extension::decode(content).map(Self::Arrow),
            Some(&OPAQUE) => extension::decode(content).map(Self::Opaque),
            _ => Err(format!("{}, which means nothing here", extension::name(content))),
        }
    }

    /// The entry of a map under a string key; the last one where a key comes twice, as in Python.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.iter().rfind(|(entry, _)| entry.as_str() == Some(key)).map(|(_, value)| value)
    }
}

impl std::ops::Index<&str> for Value {
    type Output = Value;

    /// The entry under `key`, or nil.
    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&NIL)
    }
}

impl std::ops::Index<usize> for Value {
    type Output = Value;

    /// The element at `index`, or nil.
    fn index(&self, index: usize) -> &Value {
        self.as_array().and_then(|values| values.get(index)).unwrap_or(&NIL)
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}
from!(bool => Bool, i32 => Int, i64 => Int, u32 => Int, f64 => Float, &str => Str, String => Str, Bytes => Bytes);

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::UInt(value), Self::Int)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

impl fmt::Display for Value {
    /// Readable, JSON where JSON can say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::UInt(value) => write!(f, "{value}"),
            Self::BigInt(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Complex(value) => write!(f, "{value}"),
            Self::Timestamp(value) => write!(f, "{value}"),
            Self::NdArray(value) => write!(f, "{value}"),
            Self::Arrow(value) => write!(f, "{value}"),
            Self::Opaque(value) => write!(f, "{value}"),
            Self::Str(value) => write!(f, "{value:?}"),
            Self::Bytes(value) => write!(f, "<{} bytes>", value.len()),
            Self::Array(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Nil => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::UInt(value) => serializer.serialize_u64(*value),
            Value::BigInt(value) => value.serialize(serializer),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Complex(value) => value.serialize(serializer),
            Value::Str(value) => serializer.serialize_str(value),
            Value::Bytes(value) => serializer.serialize_bytes(value),
            Value::Timestamp(value) => value.serialize(serializer),
            Value::NdArray(value) => value.serialize(serializer),
            Value::Arrow(value) => value.serialize(serializer),
            Value::Opaque(value) => value.serialize(serializer),
            Value::Array(values) => serializer.collect_seq(values),
            Value::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Str(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Str(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(Bytes::copy_from_slice(value)))
    }

    fn visit_byte_buf<E>(self, value: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(extension::AnyExtension)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        // Grown as elements come: the wire's length is a claim, not a fact.
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}
