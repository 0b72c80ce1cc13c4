//! Complex numbers.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize as _;

use super::Value;
use super::extension::{Extension, code, serde_by_extension};

/// A complex number: what Python sends for a `complex`, and takes as one. Both parts keep every bit.
///
/// In readable formats such as JSON it is a map, `{"re": 1.0, "im": 2.0}`. A pair of floats, and so `num_complex::Complex<f64>`,
/// is as good: Python takes an array of two numbers where a parameter is a `complex`, and a result that is one is read as a pair.
///
/// ```
/// use snakebridge::value::Complex;
///
/// assert_eq!((1.0, -2.0), Complex { re: 1.0, im: -2.0 }.into());
/// assert_eq!(Complex { re: 1.0, im: -2.0 }.to_string(), "1-2j");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Complex {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
}

impl From<(f64, f64)> for Complex {
    fn from((re, im): (f64, f64)) -> Self {
        Self { re, im }
    }
}

impl From<Complex> for (f64, f64) {
    fn from(value: Complex) -> Self {
        (value.re, value.im)
    }
}

impl fmt::Display for Complex {
    /// As Python writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:+}j", self.re, self.im)
    }
}

impl Extension for Complex {
    const CODE: i8 = 2;
    const NAME: &'static str = "a complex number";

    fn content(&self) -> Cow<'_, [u8]> {
        [&[code(Self::CODE)][..], &self.re.to_be_bytes(), &self.im.to_be_bytes()].concat().into()
    }

    fn from_data(data: &[u8]) -> Result<Self, String> {
        let wrong = || format!("a complex number of {} bytes: they have 16", data.len());
        let (re, im) = data.split_at_checked(8).ok_or_else(wrong)?;
        let part = |bytes: &[u8]| bytes.try_into().map(f64::from_be_bytes).map_err(|_| wrong());
        Ok(Self { re: part(re)?, im: part(im)? })
    }

    fn serialize_readable<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        std::collections::BTreeMap::from([("re", self.re), ("im", self.im)]).serialize(serializer)
    }

    fn from_natural(value: Value) -> Result<Self, String> {
        let parts = match &value {
            Value::Map(_) => (value["re"].as_f64(), value["im"].as_f64()),
            Value::Array(parts) if parts.len() == 2 => (parts[0].as_f64(), parts[1].as_f64()),
            number => (number.as_f64(), Some(0.0)),
        };
        match parts {
            (Some(re), Some(im)) => Ok(Self { re, im }),
            _ => Err(format!("expected a complex number, got {}", value.kind())),
        }
    }
}

serde_by_extension!(Complex);

impl From<Complex> for Value {
    fn from(value: Complex) -> Self {
        Self::Complex(value)
    }
}
