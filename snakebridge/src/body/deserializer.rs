//! MessagePack to values of any type, by serde.
//!
//! What has no natural form in MessagePack is an extension value, and becomes what is asked for: a timestamp is text to a type that
//! wants text, as those of chrono and jiff do; an array of numbers is a sequence to a type that wants one, such as `Vec<f64>`. It
//! happens here because only here both are known, the bytes and the type.

use serde::de::value::{BorrowedBytesDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::misfit::Reason;
use crate::value::array::{Axis, Layout};
use crate::value::extension::{self, EXTENSION, Extension as _};
use crate::value::{BigInt, Complex, NdArray, Timestamp};
use crate::wire::msgpack::{Reader, Token};

/// Reads values from bytes that have been checked: they are no deeper than the stack allows.
pub(super) struct Deserializer<'r, 'de> {
    reader: &'r mut Reader<'de>,
}

impl<'r, 'de> Deserializer<'r, 'de> {
    /// Reads the next value of `reader`.
    #[inline]
    pub(super) fn new(reader: &'r mut Reader<'de>) -> Self {
        Self { reader }
    }

    #[inline]
    fn token(&mut self) -> Result<Token<'de>, Reason> {
        Ok(self.reader.token()?)
    }

    /// What `token` is, and what stands in it.
    #[inline]
    fn give<V: Visitor<'de>>(self, token: Token<'de>, visitor: V) -> Result<V::Value, Reason> {
        match token {
            Token::Nil => visitor.visit_unit(),
            Token::Bool(value) => visitor.visit_bool(value),
            Token::UInt(value) => visitor.visit_u64(value),
            Token::Int(value) => visitor.visit_i64(value),
            Token::F32(value) => visitor.visit_f32(value),
            Token::F64(value) => visitor.visit_f64(value),
            Token::Str(value) => visitor.visit_borrowed_str(value),
            Token::Bin(value) => visitor.visit_borrowed_bytes(value),
            Token::Extension(content) => visitor.visit_newtype_struct(Content { content }),
            Token::Array(length) => {
                let mut elements = Elements { reader: self.reader, left: length };
                let value = visitor.visit_seq(&mut elements)?;
                if elements.left == 0 { Ok(value) } else { Err(Reason::Length(length)) }
            }
            Token::Map(length) => {
                let mut elements = Elements { reader: self.reader, left: length };
                let value = visitor.visit_map(&mut elements)?;
                if elements.left == 0 { Ok(value) } else { Err(Reason::Length(length)) }
            }
        }
    }

    /// A sequence, as which also bytes are taken, and extension values that are one in other words.
    #[inline]
    fn sequence<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Reason> {
        match self.token()? {
            Token::Bin(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
            Token::Extension([first, data @ ..]) if *first == extension::code(NdArray::CODE) => {
                let (layout, elements) = Layout::parse(data).map_err(Reason::Said)?;
                Axis::new(&layout, elements).read(visitor)
            }
            Token::Extension(content) if content.first() == Some(&extension::code(Complex::CODE)) => {
                let value: Complex = extension::decode(content).map_err(Reason::Said)?;
                visitor.visit_seq(SeqDeserializer::new([value.re, value.im].into_iter()))
            }
            token => self.give(token, visitor),
        }
    }

    /// An integer of any size.
    #[inline]
    fn integer<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Reason> {
        let token = self.token()?;
        match token {
            Token::Extension(content) if content.first() == Some(&extension::code(BigInt::CODE)) => {
                let value: BigInt = extension::decode(content).map_err(Reason::Said)?;
                match (i64::try_from(&value), i128::try_from(&value), u128::try_from(&value)) {
                    // Said in more words than it needs.
                    (Ok(value), ..) => visitor.visit_i64(value),
                    (_, Ok(value), _) => visitor.visit_i128(value),
                    (.., Ok(value)) => visitor.visit_u128(value),
                    _ => Err(de::Error::custom("an integer beyond 128 bits")),
                }
            }
            _ => self.give(token, visitor),
        }
    }

    /// Text, as which also a moment is taken.
    #[inline]
    fn text<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Reason> {
        let token = self.token()?;
        match token {
            Token::Extension(content) if content.first() == Some(&extension::code(Timestamp::CODE)) => {
                let value: Timestamp = extension::decode(content).map_err(Reason::Said)?;
                visitor.visit_string(value.to_string())
            }
            _ => self.give(token, visitor),
        }
    }
}

macro_rules! by {
    ($way:ident: $($method:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Reason> {
            self.$way(visitor)
        })*
    };
}

impl<'de> de::Deserializer<'de> for Deserializer<'_, 'de> {
    type Error = Reason;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Reason> {
        let token = self.token()?;
        self.give(token, visitor)
    }

    by!(integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    by!(integer: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    by!(text: deserialize_str deserialize_string);
    by!(sequence: deserialize_seq);

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Reason> {
        self.sequence(visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Reason> {
        self.sequence(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Reason> {
        if self.reader.nil() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Reason> {
        if name == EXTENSION
            && let Token::Extension(content) = self.reader.clone().token()?
        {
            self.reader.token()?;
            return visitor.visit_newtype_struct(Content { content });
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Reason> {
        match self.reader.clone().token()? {
            Token::Map(1) => {
                self.reader.map()?;
                visitor.visit_enum(Variant { reader: self.reader })
            }
            Token::Str(name) => {
                self.reader.str()?;
                visitor.visit_enum(name.into_deserializer())
            }
            token => self.give(token, visitor),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Reason> {
        self.reader.value(u64::MAX, u64::MAX)?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool f32 f64 char bytes byte_buf unit unit_struct map struct identifier
    }
}

/// The values of an array, or the keys and values of a map.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: u64,
}

impl<'de> Elements<'_, 'de> {
    #[inline]
    fn next<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Reason> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(Deserializer { reader: self.reader }).map(Some)
    }
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Reason;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Reason> {
        self.next(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

impl<'de> de::MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Reason;

    #[inline]
    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Reason> {
        self.next(seed)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Reason> {
        seed.deserialize(Deserializer { reader: self.reader })
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

/// A variant of an enum and what it holds.
struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Reason;
    type Variant = Self;

    #[inline]
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Reason> {
        let name = seed.deserialize(Deserializer { reader: self.reader })?;
        Ok((name, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Reason;

    #[inline]
    fn unit_variant(self) -> Result<(), Reason> {
        serde::Deserialize::deserialize(Deserializer { reader: self.reader })
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Reason> {
        seed.deserialize(Deserializer { reader: self.reader })
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Reason> {
        Deserializer { reader: self.reader }.sequence(visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Reason> {
        de::Deserializer::deserialize_any(Deserializer { reader: self.reader }, visitor)
    }
}

/// An extension value: what it is made of comes as a newtype of bytes, its type and its data, so that it is told from bytes that
/// are just bytes, also where serde puts it aside in between (see `value::extension`).
struct Content<'de> {
    content: &'de [u8],
}

impl<'de> de::Deserializer<'de> for Content<'de> {
    type Error = Reason;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Reason> {
        visitor.visit_newtype_struct(BorrowedBytesDeserializer::new(self.content))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
