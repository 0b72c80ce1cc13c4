//! Arrays as nested lists: for types such as `Vec<Vec<f64>>`, and for formats that know no arrays.

use std::marker::PhantomData;

use serde::de::value::SeqDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde::ser::{self, Serialize, Serializer};

use super::element::half;
use super::{Dtype, Element, Layout, NdArray, Order};
use crate::value::{Complex, Value, ValueVisitor};

/// What is left of an array behind some indices: an array of fewer dimensions, or an element.
#[derive(Clone, Copy)]
pub(crate) struct Axis<'a> {
    layout: &'a Layout,
    data: &'a [u8],
    /// How many indices are taken.
    depth: usize,
    /// The first element of it, in elements.
    offset: usize,
}

impl<'a> Axis<'a> {
    /// The whole array.
    pub(crate) fn new(layout: &'a Layout, data: &'a [u8]) -> Self {
        Self { layout, data, depth: 0, offset: 0 }
    }

    /// What stands at each index, unless this is an element.
    #[inline]
    fn parts(self) -> Option<impl ExactSizeIterator<Item = Self> + 'a> {
        let shape = &self.layout.shape;
        let length = *shape.get(self.depth)?;
        let between = match self.layout.order {
            Order::C => &shape[self.depth + 1..],
            Order::Fortran => &shape[..self.depth],
        };
        let stride: usize = between.iter().product();
        Some((0..length).map(move |index| Self { depth: self.depth + 1, offset: self.offset + index * stride, ..self }))
    }

    #[inline]
    fn element(self) -> &'a [u8] {
        let size = self.layout.dtype.size();
        self.data.get(self.offset * size..(self.offset + 1) * size).unwrap_or_default()
    }

    /// Calls `visit` with the bytes of each element, in the order of C.
    pub(super) fn visit_elements(self, visit: &mut impl FnMut(&[u8])) {
        match self.parts() {
            Some(parts) => parts.for_each(|part| part.visit_elements(visit)),
            None => visit(self.element()),
        }
    }

    #[inline]
    fn visit_number<'de, E: de::Error, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        let bytes = self.element();
        match self.layout.dtype {
            Dtype::Bool => visitor.visit_bool(bool::read(bytes)),
            Dtype::Int8 => visitor.visit_i64(i8::read(bytes).into()),
            Dtype::Int16 => visitor.visit_i64(i16::read(bytes).into()),
            Dtype::Int32 => visitor.visit_i64(i32::read(bytes).into()),
            Dtype::Int64 => visitor.visit_i64(i64::read(bytes)),
            Dtype::UInt8 => visitor.visit_u64(u8::read(bytes).into()),
            Dtype::UInt16 => visitor.visit_u64(u16::read(bytes).into()),
            Dtype::UInt32 => visitor.visit_u64(u32::read(bytes).into()),
            Dtype::UInt64 => visitor.visit_u64(u64::read(bytes)),
            Dtype::Float16 => visitor.visit_f64(half(bytes).into()),
            Dtype::Float32 => visitor.visit_f64(f32::read(bytes).into()),
            Dtype::Float64 => visitor.visit_f64(f64::read(bytes)),
            Dtype::Complex64 | Dtype::Complex128 => {
                let Complex { re, im } = self.complex();
                visitor.visit_seq(SeqDeserializer::new([re, im].into_iter()))
            }
        }
    }

    /// The element of an array of complex numbers.
    fn complex(self) -> Complex {
        let bytes = self.element();
        let (re, im) = bytes.split_at(bytes.len() / 2);
        match self.layout.dtype {
            Dtype::Complex64 => Complex { re: f32::read(re).into(), im: f32::read(im).into() },
            _ => Complex { re: f64::read(re), im: f64::read(im) },
        }
    }

    /// Gives it to a type that wants a sequence, or an element to one that wants a number.
    #[inline]
    pub(crate) fn read<'de, E: de::Error, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.parts() {
            Some(parts) => {
                let mut elements = Parts { parts, error: PhantomData::<E> };
                let value = visitor.visit_seq(&mut elements)?;
                match elements.parts.len() {
                    0 => Ok(value),
                    _ => Err(E::invalid_length(self.layout.shape[self.depth], &"fewer elements")),
                }
            }
            None => self.visit_number(visitor),
        }
    }
}

impl Serialize for Axis<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.parts() {
            Some(parts) => serializer.collect_seq(parts),
            None if matches!(self.layout.dtype, Dtype::Complex64 | Dtype::Complex128) => {
                self.complex().serialize(serializer)
            }
            None => {
                let number: Result<Value, de::value::Error> = self.visit_number(ValueVisitor);
                number.map_err(ser::Error::custom)?.serialize(serializer)
            }
        }
    }
}

struct Parts<I, E> {
    parts: I,
    error: PhantomData<E>,
}

impl<'a, 'de, I: ExactSizeIterator<Item = Axis<'a>>, E: de::Error> de::SeqAccess<'de> for &mut Parts<I, E> {
    type Error = E;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, E> {
        self.parts.next().map(|axis| seed.deserialize(Part { axis, error: PhantomData })).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.parts.len())
    }
}

struct Part<'a, E> {
    axis: Axis<'a>,
    error: PhantomData<E>,
}

impl<'de, E: de::Error> Deserializer<'de> for Part<'_, E> {
    type Error = E;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        self.axis.read(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// The array that nested lists of numbers are.
pub(super) fn from_lists(value: &Value) -> Result<NdArray, String> {
    let mut shape = Vec::new();
    let mut outermost = value;
    while let Value::Array(values) = outermost {
        shape.push(values.len());
        let Some(first) = values.first() else { break };
        outermost = first;
    }
    let mut numbers = Vec::new();
    flatten(value, &shape, &mut numbers)?;
    let made = if numbers.iter().all(|number| matches!(number, Value::Bool(_))) && !numbers.is_empty() {
        NdArray::new(&shape, &all(&numbers, Value::as_bool)?)
    } else if numbers.iter().all(|number| matches!(number, Value::Int(_))) && !numbers.is_empty() {
        NdArray::new(&shape, &all(&numbers, Value::as_i64)?)
    } else if numbers.iter().all(|number| number.as_u64().is_some()) && !numbers.is_empty() {
        NdArray::new(&shape, &all(&numbers, Value::as_u64)?)
    } else {
        NdArray::new(&shape, &all(&numbers, Value::as_f64)?)
    };
    made.map_err(|error| error.to_string())
}

fn all<T>(numbers: &[&Value], read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, String> {
    let read =
        |number: &&Value| read(number).ok_or_else(|| format!("expected an array of numbers, got {}", number.kind()));
    numbers.iter().map(read).collect()
}

fn flatten<'a>(value: &'a Value, shape: &[usize], numbers: &mut Vec<&'a Value>) -> Result<(), String> {
    match (value, shape) {
        (Value::Array(values), [length, inner @ ..]) if values.len() == *length => {
            values.iter().try_for_each(|value| flatten(value, inner, numbers))
        }
        (Value::Array(_), _) | (_, [_, ..]) => {
            Err("expected an array of numbers, got lists of several lengths".to_owned())
        }
        (number, []) => {
            numbers.push(number);
            Ok(())
        }
    }
}
