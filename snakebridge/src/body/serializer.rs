//! Values of any type to MessagePack, by serde.
//!
//! Structs are maps with field names, an enum is the name of its variant, or a map from it to what the variant holds. Types that
//! have a readable form are written in it: dates, UUIDs and addresses are text, which is what Python's side of the table expects.

use serde::ser::{self, Serialize};

use super::misfit::Reason;
use crate::value::BigInt;
use crate::value::extension::EXTENSION;
use crate::wire::{Limits, msgpack};

/// Appends values to bytes.
pub(super) struct Serializer<'a> {
    out: &'a mut Vec<u8>,
    /// How many levels of containers may still come. No peer takes more, and without an end to the recursion a value that is
    /// nested deeply enough would end the process.
    levels: u64,
    /// Whether what comes is the type and the data of an extension value, as bytes.
    is_extension: bool,
}

impl<'a> Serializer<'a> {
    /// Appends to `out`.
    #[inline]
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, levels: Limits::default().depth, is_extension: false }
    }

    #[inline]
    fn open(self, kind: Kind, length: Option<usize>) -> Result<Container<'a>, Reason> {
        let Some(levels) = self.levels.checked_sub(1) else {
            return Err(ser::Error::custom(format!("it is nested deeper than {}", Limits::default().depth)));
        };
        let start = self.out.len();
        let claimed = length.unwrap_or(0);
        kind.put_head(self.out, claimed)?;
        Ok(Container { head: start..self.out.len(), out: self.out, levels, kind, claimed, count: 0 })
    }

    /// A map of one entry, the variant, and its value.
    #[inline]
    fn variant(self, variant: &str) -> Result<Serializer<'a>, Reason> {
        let container = self.open(Kind::Map, Some(1))?;
        msgpack::put_str(container.out, variant);
        Ok(Serializer { out: container.out, levels: container.levels, is_extension: false })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Array,
    Map,
}

impl Kind {
    #[inline]
    fn put_head(self, out: &mut Vec<u8>, length: usize) -> Result<(), Reason> {
        let length = short(length)?;
        match self {
            Self::Array => msgpack::put_array(out, length),
            Self::Map => msgpack::put_map(out, length),
        }
        Ok(())
    }
}

/// A length as MessagePack can say it.
fn short(length: usize) -> Result<u32, Reason> {
    u32::try_from(length).map_err(|_| ser::Error::custom(format!("a length of {length} is beyond 32 bits")))
}

macro_rules! numbers {
    ($($method:ident($type:ty) => $put:ident;)*) => {
        $(#[inline]
        fn $method(self, value: $type) -> Result<(), Reason> {
            msgpack::$put(self.out, value.into());
            Ok(())
        })*
    };
}

impl<'a> ser::Serializer for Serializer<'a> {
    type Ok = ();
    type Error = Reason;
    type SerializeSeq = Container<'a>;
    type SerializeTuple = Container<'a>;
    type SerializeTupleStruct = Container<'a>;
    type SerializeTupleVariant = Container<'a>;
    type SerializeMap = Container<'a>;
    type SerializeStruct = Container<'a>;
    type SerializeStructVariant = Container<'a>;

    numbers! {
        serialize_i8(i8) => put_int;
        serialize_i16(i16) => put_int;
        serialize_i32(i32) => put_int;
        serialize_i64(i64) => put_int;
        serialize_u8(u8) => put_uint;
        serialize_u16(u16) => put_uint;
        serialize_u32(u32) => put_uint;
        serialize_u64(u64) => put_uint;
    }

    #[inline]
    fn serialize_i128(self, value: i128) -> Result<(), Reason> {
        BigInt::from(value).serialize(self)
    }

    #[inline]
    fn serialize_u128(self, value: u128) -> Result<(), Reason> {
        BigInt::from(value).serialize(self)
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Reason> {
        self.out.push(if value { 0xc3 } else { 0xc2 });
        Ok(())
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<(), Reason> {
        self.out.push(0xca);
        self.out.extend(value.to_bits().to_be_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Reason> {
        self.out.push(0xcb);
        self.out.extend(value.to_bits().to_be_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), Reason> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Reason> {
        short(value.len())?;
        msgpack::put_str(self.out, value);
        Ok(())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Reason> {
        match value {
            [code, data @ ..] if self.is_extension => {
                msgpack::put_extension(self.out, i8::from_be_bytes([*code]), short(data.len())?);
                self.out.extend_from_slice(data);
            }
            _ => {
                msgpack::put_bin(self.out, short(value.len())?);
                self.out.extend_from_slice(value);
            }
        }
        Ok(())
    }

    /// Types that have a form of their own on the wire ask this inside of an extension value alone.
    #[inline]
    fn is_human_readable(&self) -> bool {
        !self.is_extension
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Reason> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Reason> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Reason> {
        msgpack::put_nil(self.out);
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Reason> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Reason> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Reason> {
        value.serialize(Self { is_extension: name == EXTENSION, ..self })
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Reason> {
        value.serialize(self.variant(variant)?)
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Container<'a>, Reason> {
        self.open(Kind::Array, length)
    }

    #[inline]
    fn serialize_tuple(self, length: usize) -> Result<Container<'a>, Reason> {
        self.open(Kind::Array, Some(length))
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Container<'a>, Reason> {
        self.open(Kind::Array, Some(length))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'a>, Reason> {
        self.variant(variant)?.open(Kind::Array, Some(length))
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Container<'a>, Reason> {
        self.open(Kind::Map, length)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Container<'a>, Reason> {
        self.open(Kind::Map, Some(length))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'a>, Reason> {
        self.variant(variant)?.open(Kind::Map, Some(length))
    }
}

/// An array or map whose values are being written.
pub(super) struct Container<'a> {
    out: &'a mut Vec<u8>,
    levels: u64,
    kind: Kind,
    /// Where its head stands.
    head: std::ops::Range<usize>,
    claimed: usize,
    count: usize,
}

impl Container<'_> {
    #[inline]
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Reason> {
        value.serialize(Serializer { out: self.out, levels: self.levels, is_extension: false })
    }

    #[inline]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Reason> {
        self.count += 1;
        self.put(value)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Reason> {
        self.count += 1;
        msgpack::put_str(self.out, name);
        self.put(value)
    }

    /// Mends the head where the length was not known when it was written.
    #[inline]
    fn close(self) -> Result<(), Reason> {
        if self.count != self.claimed {
            let mut head = Vec::new();
            self.kind.put_head(&mut head, self.count)?;
            self.out.splice(self.head, head);
        }
        Ok(())
    }
}

macro_rules! containers {
    ($($trait:ident: $method:ident)*) => {
        $(impl ser::$trait for Container<'_> {
            type Ok = ();
            type Error = Reason;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Reason> {
                self.item(value)
            }

            #[inline]
            fn end(self) -> Result<(), Reason> {
                self.close()
            }
        })*
    };
}
containers! {
    SerializeSeq: serialize_element
    SerializeTuple: serialize_element
    SerializeTupleStruct: serialize_field
    SerializeTupleVariant: serialize_field
}

macro_rules! structs {
    ($($trait:ident)*) => {
        $(impl ser::$trait for Container<'_> {
            type Ok = ();
            type Error = Reason;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Reason> {
                self.field(name, value)
            }

            #[inline]
            fn end(self) -> Result<(), Reason> {
                self.close()
            }
        })*
    };
}
structs!(SerializeStruct SerializeStructVariant);

impl ser::SerializeMap for Container<'_> {
    type Ok = ();
    type Error = Reason;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Reason> {
        self.item(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Reason> {
        self.put(value)
    }

    #[inline]
    fn end(self) -> Result<(), Reason> {
        self.close()
    }
}
