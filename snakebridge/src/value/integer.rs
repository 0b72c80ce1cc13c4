//! Integers of any size, as Python has them.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::Value;
use super::extension::{self, Extension, code};

/// Most bytes of an integer: 32 768 bits, more than any cryptography takes, and few enough to be printed.
pub(crate) const MAX_BYTES: usize = 4096;

/// Digits that fit a limb when an integer is made text.
const DIGITS: usize = 9;
const BASE: u64 = 1_000_000_000;

/// An integer of any size up to 4096 bytes: what Python sends for an `int` beyond 64 bits, and takes as one.
///
/// `i128` and `u128` work as arguments and results as well, where the number fits. For arithmetic hand the bytes to a library of
/// your choice: [`as_bytes`](BigInt::as_bytes) and [`from_bytes`](BigInt::from_bytes) are what, for example, `num-bigint` calls
/// `to_signed_bytes_be` and `from_signed_bytes_be`. In readable formats such as JSON it is its digits, as text.
///
/// ```
/// use snakebridge::value::BigInt;
///
/// let large: BigInt = "-340282366920938463463374607431768211456".parse().expect("digits");
/// assert_eq!(large, BigInt::from_bytes(&[[255; 1].as_slice(), &[0; 16]].concat()).expect("few bytes"));
/// assert!(i128::try_from(&large).is_err());
/// assert_eq!(i64::try_from(&BigInt::from(-7)), Ok(-7));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BigInt {
    /// The type of the extension, and behind it the integer in two's complement, most significant byte first, in as few bytes as say
    /// it: at least one.
    content: Vec<u8>,
}

/// An integer that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidInteger(String);

impl BigInt {
    /// The integer of some bytes in two's complement, most significant first. No bytes are zero.
    ///
    /// # Errors
    /// When it has more than 4096 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidInteger> {
        let bytes = if bytes.is_empty() { &[0] } else { bytes };
        let says_nothing = |pair: &[u8]| matches!(pair, [0, 0..=0x7f] | [0xff, 0x80..=0xff]);
        let start = bytes.windows(2).take_while(|pair| says_nothing(pair)).count();
        let bytes = &bytes[start..];
        if bytes.len() > MAX_BYTES {
            let length = bytes.len();
            return Err(InvalidInteger(format!("an integer of {length} bytes: at most {MAX_BYTES} are taken")));
        }
        Ok(Self { content: [&[code(Self::CODE)], bytes].concat() })
    }

    /// Its bytes in two's complement, most significant first: as few as say it, at least one.
    pub fn as_bytes(&self) -> &[u8] {
        &self.content[1..]
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.as_bytes()[0] >= 0x80
    }

    /// Its bytes with the sign put in front until there are `N`, if there are no more than that.
    fn extended<const N: usize>(&self) -> Option<[u8; N]> {
        let mut extended = [if self.is_negative() { 0xff } else { 0 }; N];
        let start = N.checked_sub(self.as_bytes().len())?;
        extended[start..].copy_from_slice(self.as_bytes());
        Some(extended)
    }

    /// The absolute value, least significant byte first.
    fn magnitude(&self) -> Vec<u8> {
        let bytes = self.as_bytes().iter().rev();
        if !self.is_negative() {
            return bytes.copied().collect();
        }
        let mut carry = true;
        let mut magnitude: Vec<u8> = bytes
            .map(|byte| {
                let (negated, overflows) = (!byte).overflowing_add(u8::from(carry));
                carry = overflows;
                negated
            })
            .collect();
        magnitude.push(u8::from(carry));
        magnitude
    }
}

macro_rules! conversions {
    ($($type:ty, $bytes:literal;)*) => {
        $(impl TryFrom<&BigInt> for $type {
            type Error = InvalidInteger;

            fn try_from(integer: &BigInt) -> Result<Self, InvalidInteger> {
                // One byte more, so that the greatest unsigned ones have room for their sign.
                let extended = integer.extended::<17>().map(|bytes| {
                    let (sign, low) = (bytes[0], &bytes[1..]);
                    let mut all = [0; 16];
                    all.copy_from_slice(low);
                    (sign, all)
                });
                let signed = |(sign, bytes): (u8, [u8; 16])| {
                    let value = i128::from_be_bytes(bytes);
                    ((sign == 0xff) == (value < 0)).then(|| <$type>::try_from(value).ok())?
                };
                let unsigned = |(sign, bytes): (u8, [u8; 16])| {
                    (sign == 0).then(|| <$type>::try_from(u128::from_be_bytes(bytes)).ok())?
                };
                extended
                    .and_then(|parts| signed(parts).or_else(|| unsigned(parts)))
                    .ok_or_else(|| InvalidInteger(format!("{integer} does not fit `{}`", stringify!($type))))
            }
        }

        impl From<$type> for BigInt {
            fn from(value: $type) -> Self {
                let mut bytes = [0; $bytes + 1];
                #[allow(unused_comparisons, reason = "unsigned types are never below zero")]
                if value < 0 {
                    bytes[0] = 0xff;
                }
                bytes[1..].copy_from_slice(&value.to_be_bytes());
                Self::of(&bytes)
            }
        })*
    };
}
conversions! {
    i32, 4; i64, 8; i128, 16; u32, 4; u64, 8; u128, 16;
}

impl BigInt {
    /// An integer of so few bytes that it is one.
    fn of(bytes: &[u8]) -> Self {
        Self::from_bytes(bytes).unwrap_or_else(|_| Self { content: vec![code(Self::CODE), 0] })
    }
}

impl fmt::Display for BigInt {
    /// Its decimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Least significant limb first, to the base of a thousand millions.
        let mut limbs: Vec<u64> = vec![0];
        for byte in self.magnitude().into_iter().rev() {
            let mut carry = u64::from(byte);
            for limb in &mut limbs {
                let value = (*limb << 8) + carry;
                (*limb, carry) = (value % BASE, value / BASE);
            }
            if carry > 0 {
                limbs.push(carry);
            }
        }
        let mut digits = limbs.pop().unwrap_or_default().to_string();
        for limb in limbs.into_iter().rev() {
            // A string takes whatever is written to it.
            let _ = write!(digits, "{limb:0DIGITS$}");
        }
        f.pad_integral(!self.is_negative(), "", &digits)
    }
}

impl fmt::Debug for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BigInt {
    type Err = InvalidInteger;

    /// Reads decimal digits, behind a sign or none.
    fn from_str(text: &str) -> Result<Self, InvalidInteger> {
        let (is_negative, digits) = match text.as_bytes() {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(InvalidInteger("expected an integer in decimal digits, got another text".to_owned()));
        }
        // A digit is more than three bits.
        if digits.len() > MAX_BYTES * 8 / 3 {
            return Err(InvalidInteger(format!("an integer of {} digits is beyond {MAX_BYTES} bytes", digits.len())));
        }
        // Least significant byte first.
        let mut magnitude: Vec<u8> = vec![0];
        for digit in digits {
            let mut carry = u32::from(digit - b'0');
            for byte in &mut magnitude {
                let [low, rest @ ..] = (u32::from(*byte) * 10 + carry).to_le_bytes();
                *byte = low;
                carry = u32::from(rest[0]);
            }
            if carry > 0 {
                magnitude.push(carry.to_le_bytes()[0]);
            }
        }
        magnitude.push(0);
        if is_negative {
            let mut carry = true;
            for byte in &mut magnitude {
                (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
            }
        }
        magnitude.reverse();
        Self::from_bytes(&magnitude)
    }
}

impl Extension for BigInt {
    const CODE: i8 = 1;
    const NAME: &'static str = "an integer of any size";

    fn content(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.content)
    }

    fn from_data(data: &[u8]) -> Result<Self, String> {
        if data.is_empty() {
            return Err("an integer of no bytes".to_owned());
        }
        if data.len() > MAX_BYTES {
            return Err(format!("an integer of {} bytes: at most {MAX_BYTES} are taken", data.len()));
        }
        Self::from_bytes(data).map_err(|error| error.to_string())
    }

    fn serialize_readable<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    fn from_natural(value: Value) -> Result<Self, String> {
        match value {
            Value::Int(value) => Ok(value.into()),
            Value::UInt(value) => Ok(value.into()),
            Value::Str(digits) => digits.parse().map_err(|error: InvalidInteger| error.to_string()),
            other => Err(format!("expected an integer, got {}", other.kind())),
        }
    }
}

/// What fits 64 bits is a number everywhere.
impl Serialize for BigInt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (i64::try_from(self), u64::try_from(self)) {
            (Ok(value), _) => serializer.serialize_i64(value),
            (_, Ok(value)) => serializer.serialize_u64(value),
            _ => extension::serialize(self, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for BigInt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        extension::deserialize(deserializer)
    }
}

/// What fits 64 bits is a [`Value::Int`] or [`Value::UInt`], so that a number is one value only.
impl From<BigInt> for Value {
    fn from(integer: BigInt) -> Self {
        match (i64::try_from(&integer), u64::try_from(&integer)) {
            (Ok(value), _) => Self::Int(value),
            (_, Ok(value)) => Self::UInt(value),
            _ => Self::BigInt(integer),
        }
    }
}

impl From<i128> for Value {
    fn from(value: i128) -> Self {
        BigInt::from(value).into()
    }
}

impl From<u128> for Value {
    fn from(value: u128) -> Self {
        BigInt::from(value).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_integer_is_as_short_as_can_be_and_bounded() {
        assert_eq!(BigInt::from(0).as_bytes(), [0]);
        assert_eq!(BigInt::from(-1).as_bytes(), [255]);
        assert_eq!(BigInt::from(128).as_bytes(), [0, 128]);
        assert_eq!(BigInt::from(u128::MAX).as_bytes().len(), 17);
        assert!(BigInt::from_bytes(&[1; MAX_BYTES]).is_ok());
        assert!(BigInt::from_bytes(&[1; MAX_BYTES + 1]).is_err());
        assert!("1".repeat(100_000).parse::<BigInt>().is_err());
        for wrong in ["", "-", "1.5", "0x10", "１"] {
            assert!(wrong.parse::<BigInt>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn numbers_of_rust_come_back_and_are_written_as_rust_writes_them(signed: i128, unsigned: u128, short: i64) {
            prop_assert_eq!(i128::try_from(&BigInt::from(signed)), Ok(signed));
            prop_assert_eq!(u128::try_from(&BigInt::from(unsigned)), Ok(unsigned));
            prop_assert_eq!(i64::try_from(&BigInt::from(short)), Ok(short));
            prop_assert_eq!(BigInt::from(signed).to_string(), signed.to_string());
            prop_assert_eq!(BigInt::from(unsigned).to_string(), unsigned.to_string());
            prop_assert_eq!(u64::try_from(&BigInt::from(signed)).ok(), u64::try_from(signed).ok());
        }

        #[test]
        fn digits_and_bytes_are_the_same_number(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let integer = BigInt::from_bytes(&bytes).unwrap();
            prop_assert_eq!(integer.to_string().parse::<BigInt>().unwrap(), integer.clone());
            prop_assert_eq!(BigInt::from_data(integer.as_bytes()), Ok(integer));
        }
    }
}
