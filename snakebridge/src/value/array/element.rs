//! The types of numbers that an array may be of.

use super::super::Complex;

macro_rules! dtypes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $size:literal;)*) => {
        /// The type of an array's elements, by numpy's names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Dtype {
            $($(#[$doc])* $variant,)*
        }

        impl Dtype {
            /// Its name in numpy.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Bytes of one element.
            pub const fn size(self) -> usize {
                match self {
                    $(Self::$variant => $size,)*
                }
            }

            pub(super) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}
dtypes! {
    /// A byte that is 0 or 1.
    Bool "bool" 1;
    /// `i8`.
    Int8 "int8" 1;
    /// `i16`.
    Int16 "int16" 2;
    /// `i32`.
    Int32 "int32" 4;
    /// `i64`.
    Int64 "int64" 8;
    /// `u8`.
    UInt8 "uint8" 1;
    /// `u16`.
    UInt16 "uint16" 2;
    /// `u32`.
    UInt32 "uint32" 4;
    /// `u64`.
    UInt64 "uint64" 8;
    /// A float of 16 bits.
    Float16 "float16" 2;
    /// `f32`.
    Float32 "float32" 4;
    /// `f64`.
    Float64 "float64" 8;
    /// Two `f32`.
    Complex64 "complex64" 8;
    /// Two `f64`, a [`Complex`].
    Complex128 "complex128" 16;
}

/// A type of Rust that arrays may be of: `bool`, integers up to 64 bits, `f32`, `f64` and [`Complex`].
pub trait Element: Copy + sealed::Element {
    /// Its name in numpy.
    const DTYPE: Dtype;

    /// Appends it, little-endian.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads one from as many bytes as its type has; from fewer it is zero.
    fn read(bytes: &[u8]) -> Self;
}

mod sealed {
    pub trait Element {}
}

macro_rules! elements {
    ($($type:ty => $variant:ident;)*) => {
        $(impl sealed::Element for $type {}
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$variant;

            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn read(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().unwrap_or_default())
            }
        })*
    };
}
elements! {
    i8 => Int8; i16 => Int16; i32 => Int32; i64 => Int64; u8 => UInt8; u16 => UInt16; u32 => UInt32; u64 => UInt64;
    f32 => Float32; f64 => Float64;
}

impl sealed::Element for bool {}

impl Element for bool {
    const DTYPE: Dtype = Dtype::Bool;

    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(bytes: &[u8]) -> Self {
        bytes.iter().any(|byte| *byte != 0)
    }
}

impl sealed::Element for Complex {}

impl Element for Complex {
    const DTYPE: Dtype = Dtype::Complex128;

    fn put(&self, out: &mut Vec<u8>) {
        self.re.put(out);
        self.im.put(out);
    }

    fn read(bytes: &[u8]) -> Self {
        let (re, im) = bytes.split_at(bytes.len() / 2);
        Self { re: f64::read(re), im: f64::read(im) }
    }
}

/// A float of 16 bits, as which Rust has no type yet.
pub(super) fn half(bytes: &[u8]) -> f32 {
    let bits = u16::read(bytes);
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f32::from(bits & 0x3ff);
    sign * match bits >> 10 & 0x1f {
        0 => fraction * 2_f32.powi(-24),
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2_f32.powi(i32::from(exponent) - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_of_16_bits_are_what_they_are_elsewhere() {
        for (bits, value) in
            [(0x3c00_u16, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (1, 5.960_464_5e-8), (0x3555, 0.333_251_95)]
        {
            assert_eq!(half(&bits.to_le_bytes()).to_bits(), f32::to_bits(value), "{bits:04x}");
        }
        assert!(half(&0x7e00_u16.to_le_bytes()).is_nan());
        assert_eq!(half(&0xfc00_u16.to_le_bytes()), f32::NEG_INFINITY);
    }
}
