//! Values that are made up, of whatever type is asked for.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::{Entries, Wanting};

/// How deep a value is made up to find out its type; types may contain themselves.
const DEPTH: usize = 4;

/// A value of whatever type is asked for, which is noted.
pub(super) struct MadeUp<'a> {
    noted: &'a mut String,
    depth: usize,
}

impl<'a> MadeUp<'a> {
    /// A value whose type becomes known in `noted`.
    pub(super) fn new(noted: &'a mut String) -> Self {
        Self { noted, depth: 0 }
    }

    fn note(&mut self, type_name: &str) {
        type_name.clone_into(self.noted);
    }

    /// What `make` makes of the values inside, whose type `wrap` names ours by.
    fn inside<T>(
        self,
        wrap: impl Fn(&str) -> String,
        make: impl FnOnce(MadeUp<'_>) -> Result<T, Wanting>,
    ) -> Result<T, Wanting> {
        let mut inner = "any".to_owned();
        let made = make(MadeUp { noted: &mut inner, depth: self.depth + 1 });
        *self.noted = wrap(&inner);
        made
    }
}

macro_rules! made_up {
    ($($ask:ident => $name:literal, $visit:ident($($value:expr)?);)*) => {
        $(fn $ask<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Wanting> {
            self.note($name);
            visitor.$visit($($value)?)
        })*
    };
}

impl<'de> Deserializer<'de> for MadeUp<'_> {
    type Error = Wanting;

    made_up! {
        deserialize_any => "any", visit_unit();
        deserialize_ignored_any => "any", visit_unit();
        deserialize_bool => "bool", visit_bool(false);
        deserialize_i8 => "i8", visit_i8(0);
        deserialize_i16 => "i16", visit_i16(0);
        deserialize_i32 => "i32", visit_i32(0);
        deserialize_i64 => "i64", visit_i64(0);
        deserialize_i128 => "i128", visit_i128(0);
        deserialize_u8 => "u8", visit_u8(1);
        deserialize_u16 => "u16", visit_u16(1);
        deserialize_u32 => "u32", visit_u32(1);
        deserialize_u64 => "u64", visit_u64(1);
        deserialize_u128 => "u128", visit_u128(1);
        deserialize_f32 => "f32", visit_f32(0.0);
        deserialize_f64 => "f64", visit_f64(0.0);
        deserialize_char => "char", visit_char(' ');
        deserialize_str => "String", visit_str("");
        deserialize_string => "String", visit_str("");
        deserialize_identifier => "String", visit_str("");
        deserialize_bytes => "Bytes", visit_bytes(&[]);
        deserialize_byte_buf => "Bytes", visit_bytes(&[]);
        deserialize_unit => "()", visit_unit();
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wanting> {
        if self.depth + 1 >= DEPTH {
            return visitor.visit_none();
        }
        self.inside(|inner| format!("Option<{inner}>"), |inner| visitor.visit_some(inner))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wanting> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wanting> {
        let length = usize::from(self.depth + 1 < DEPTH);
        self.inside(|inner| format!("Vec<{inner}>"), |inner| visitor.visit_seq(Alike { inner, left: length }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(mut self, length: usize, visitor: V) -> Result<V::Value, Wanting> {
        self.note("list");
        let (mut ignored, depth) = (String::new(), self.depth);
        visitor.visit_seq(Alike { inner: MadeUp { noted: &mut ignored, depth }, left: length })
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Wanting> {
        self.note("map");
        visitor.visit_map(Entries::new(std::iter::empty()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wanting> {
        self.note(name);
        if self.depth == DEPTH {
            return Err(Wanting::Other);
        }
        visitor.visit_map(AllFields { fields: fields.iter(), depth: self.depth + 1 })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wanting> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Wanting> {
        self.deserialize_tuple(length, visitor)
    }

    /// The name of a variant is the value itself where the variant holds nothing.
    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wanting> {
        self.note(name);
        let first: StrDeserializer<'_, Wanting> = variants.first().ok_or(Wanting::Other)?.into_deserializer();
        visitor.visit_enum(first)
    }
}

/// Some elements of one type.
struct Alike<'a> {
    inner: MadeUp<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Alike<'_> {
    type Error = Wanting;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wanting> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(MadeUp { noted: self.inner.noted, depth: self.inner.depth }).map(Some)
    }
}

/// Every field of a struct that is inside of another.
struct AllFields {
    fields: std::slice::Iter<'static, &'static str>,
    depth: usize,
}

impl<'de> MapAccess<'de> for AllFields {
    type Error = Wanting;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wanting> {
        let Some(name) = self.fields.next() else { return Ok(None) };
        let key: StrDeserializer<'_, Wanting> = name.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wanting> {
        seed.deserialize(MadeUp { noted: &mut String::new(), depth: self.depth })
    }
}
