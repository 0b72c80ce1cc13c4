//! User values to MessagePack bodies and back: plain values, the arguments of calls, and errors.
//!
//! The wire carries bodies without looking into them; here is where types meet bytes.

mod arguments;
#[cfg(feature = "host")]
mod batch;
#[cfg(test)]
mod codec_tests;
mod deserializer;
mod exception;
#[cfg(feature = "host")]
mod input;
mod misfit;
mod serializer;
mod tuples;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::arguments::{Argument, Arguments, Encoded, Received};
#[cfg(feature = "host")]
pub(crate) use self::batch::{BatchArguments, read_batch};
#[cfg(feature = "host")]
pub(crate) use self::input::{Attached, Function, PassedObject, attach, serialize_extension};
#[cfg(feature = "host")]
pub use self::input::{Input, InputStream};
use crate::error::{Error, ErrorKind, Result};
use crate::value::Value;
use crate::wire::msgpack::Reader;
use crate::wire::{Executed, Limits};

/// Encodes a value: structs as maps with field names, `Bytes` as binary, everything else in its natural form.
///
/// Date, UUID and address types write their readable form, which is what Python's side of the table expects.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    let mut out = Vec::with_capacity(64);
    encode_into(&mut out, value)?;
    Ok(out.into())
}

fn encode_into<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<()> {
    value
        .serialize(serializer::Serializer::new(out))
        .map_err(|error| unserializable(format!("cannot encode the value: {error}")))
}

/// Decodes a body of a peer into a type of ours, within the default depth and item limits.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    check(body, &Limits::default())?;
    T::deserialize(deserializer::Deserializer::new(&mut Reader::new(body))).map_err(|_| misfit::explain::<T>(body))
}

/// Whether `body` is exactly one MessagePack document within the depth and item limits. Iterative, so that what comes
/// after it may recurse.
pub fn check(body: &[u8], limits: &Limits) -> Result<()> {
    let mut reader = Reader::new(body);
    let outcome = reader.value(limits.depth, limits.items);
    match outcome {
        Err(violation) => Err(Error::new(ErrorKind::Protocol(violation), Executed::Maybe)),
        Ok(_) if reader.position() < body.len() => {
            Err(unserializable(format!("{} bytes behind the value", body.len() - reader.position())))
        }
        Ok(_) => Ok(()),
    }
}

fn unserializable(message: String) -> Error {
    Error::new(ErrorKind::Unserializable { message }, Executed::Never)
}

impl Value {
    /// Turns anything serialisable into a value.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        decode(&encode(value)?)
    }

    /// Turns the value into a type of yours.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        decode(&encode(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_lossless() {
        let numbers = [Value::from(9_007_199_254_740_993_i64), Value::from(u64::MAX), Value::from(i64::MIN)];
        for value in numbers {
            assert_eq!(decode::<Value>(&encode(&value).unwrap()).unwrap(), value);
        }
        let exact = |float: f64| decode::<f64>(&encode(&float).unwrap()).unwrap().to_bits();
        for float in [-0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE / 2.0] {
            assert_eq!(exact(float), float.to_bits());
        }
        assert!(decode::<i64>(&encode(&true).unwrap()).is_err(), "a bool is not an integer");
    }

    #[test]
    fn a_value_that_no_peer_would_take_is_refused_before_it_is_too_deep_for_the_stack() {
        let nested = |depth| (1..depth).fold(Value::Array(vec![]), |inner, _| Value::Array(vec![inner]));
        assert_eq!(encode(&nested(64)).unwrap().len(), 64);
        for depth in [65, 4000] {
            let error = encode(&nested(depth)).unwrap_err().to_string();
            assert!(error.contains("nested deeper than 64"), "{error}");
        }
    }

    #[test]
    fn bytes_behind_a_value_are_refused() {
        let error = decode::<i64>(&[1, 2]).unwrap_err();
        assert_eq!(error.to_string(), "1 bytes behind the value");
    }
}
