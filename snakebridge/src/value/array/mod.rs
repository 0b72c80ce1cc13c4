//! Arrays of numbers, as numpy has them.

mod element;
mod nested;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

pub use self::element::{Dtype, Element};
pub(crate) use self::nested::Axis;
use super::Value;
use super::extension::{Extension, code, serde_by_extension};
use crate::wire::Limits;
use crate::wire::msgpack::{self, Reader, Token};

/// Most dimensions of an array: as many as every version of numpy has.
const MAX_DIMENSIONS: usize = 32;

/// In which order the elements of an array stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// That of C: the last index counts up first.
    C,
    /// That of Fortran: the first index counts up first.
    Fortran,
}

/// An array of numbers of one type: what Python sends for an array of numpy, and takes as one.
///
/// The elements travel as they stand in memory, little-endian, and are not looked into: a million of them cost the wire one value.
/// A result that is declared as `Vec<f64>` or `Vec<Vec<f64>>` in Rust is read from such an array, too; an argument that is a `Vec`
/// travels as a list.
///
/// ```
/// use snakebridge::value::NdArray;
///
/// let matrix = NdArray::new(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!((matrix.shape(), matrix.dtype().name()), (&[2, 3][..], "float64"));
/// assert_eq!(matrix.to_vec::<f64>()?[4], 5.0);
/// # Ok::<(), snakebridge::value::InvalidArray>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct NdArray {
    layout: Layout,
    /// The extension's type and data.
    content: Bytes,
    /// Where in `content` the elements begin.
    start: usize,
}

/// What an array says of its elements.
#[derive(Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) order: Order,
}

/// Elements that are no array.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidArray(pub(super) String);

impl NdArray {
    /// An array of `elements`, which stand in the order of C.
    ///
    /// # Errors
    /// When there are more or fewer of them than the shape says, or more than 32 dimensions.
    pub fn new<T: Element>(shape: &[usize], elements: &[T]) -> Result<Self, InvalidArray> {
        let mut bytes = Vec::with_capacity(elements.len() * T::DTYPE.size());
        for element in elements {
            element.put(&mut bytes);
        }
        Self::from_bytes(T::DTYPE, shape, Order::C, &bytes)
    }

    /// An array whose elements are `bytes`, each little-endian.
    ///
    /// # Errors
    /// When there are more or fewer of them than the shape says, or more than 32 dimensions.
    pub fn from_bytes(dtype: Dtype, shape: &[usize], order: Order, bytes: &[u8]) -> Result<Self, InvalidArray> {
        let layout = Layout { dtype, shape: shape.to_vec(), order };
        layout.check(bytes.len()).map_err(InvalidArray)?;
        let mut content = vec![code(Self::CODE)];
        content.reserve(64 + bytes.len());
        layout.put(&mut content);
        msgpack::put_bin(&mut content, u32::try_from(bytes.len()).map_err(|_| too_long(bytes.len()))?);
        let start = content.len();
        content.extend_from_slice(bytes);
        Ok(Self { layout, content: content.into(), start })
    }

    /// The type of its elements.
    pub fn dtype(&self) -> Dtype {
        self.layout.dtype
    }

    /// Its length in each dimension; none for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// In which order its elements stand.
    pub fn order(&self) -> Order {
        self.layout.order
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.bytes().len() / self.dtype().size()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its elements as they stand, each little-endian.
    pub fn bytes(&self) -> &[u8] {
        &self.content[self.start..]
    }

    /// Its elements, in the order of C whatever order they stand in.
    ///
    /// # Errors
    /// When they are of another type.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, InvalidArray> {
        if T::DTYPE != self.dtype() {
            let (own, asked) = (self.dtype().name(), T::DTYPE.name());
            return Err(InvalidArray(format!("the array is of {own}, not of {asked}")));
        }
        let size = self.dtype().size();
        if self.order() == Order::C || self.shape().len() < 2 {
            return Ok(self.bytes().chunks_exact(size).map(T::read).collect());
        }
        let mut elements = Vec::with_capacity(self.len());
        self.axis().visit_elements(&mut |bytes| elements.push(T::read(bytes)));
        Ok(elements)
    }

    fn axis(&self) -> Axis<'_> {
        Axis::new(&self.layout, self.bytes())
    }
}

fn too_long(length: usize) -> InvalidArray {
    InvalidArray(format!("an array of {length} bytes is longer than the wire can say"))
}

impl Layout {
    /// Reads the data of an extension: what it says of the elements, and they.
    pub(crate) fn parse(data: &[u8]) -> Result<(Self, &[u8]), String> {
        let wrong = |_| "an array whose type, shape, order and data are not there".to_owned();
        let mut reader = Reader::new(data);
        if reader.array().map_err(wrong)? != 4 {
            return Err("an array that is not its type, shape, order and data".to_owned());
        }
        let name = reader.str().map_err(wrong)?;
        let dtype = Dtype::from_name(name).ok_or_else(|| {
            format!("an array of {}, which means nothing here", name.escape_debug().take(32).collect::<String>())
        })?;
        let dimensions = reader.array().map_err(wrong)?;
        if dimensions > MAX_DIMENSIONS as u64 {
            return Err(format!("an array of {dimensions} dimensions: at most {MAX_DIMENSIONS} are taken"));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(usize::try_from(reader.uint().map_err(wrong)?).unwrap_or(usize::MAX));
        }
        let order = match reader.str().map_err(wrong)? {
            "C" => Order::C,
            "F" => Order::Fortran,
            _ => return Err("an array whose order is neither `C` nor `F`".to_owned()),
        };
        let Token::Bin(elements) = reader.token().map_err(wrong)? else {
            return Err("an array whose data are no bytes".to_owned());
        };
        if reader.position() < data.len() {
            return Err("an array with bytes behind it".to_owned());
        }
        let layout = Self { dtype, shape, order };
        layout.check(elements.len())?;
        Ok((layout, elements))
    }

    fn put(&self, out: &mut Vec<u8>) {
        msgpack::put_array(out, 4);
        msgpack::put_str(out, self.dtype.name());
        // Checked to be at most 32.
        msgpack::put_array(out, u32::try_from(self.shape.len()).unwrap_or(u32::MAX));
        for length in &self.shape {
            msgpack::put_uint(out, *length as u64);
        }
        msgpack::put_str(out, if self.order == Order::C { "C" } else { "F" });
    }

    /// Whether so many bytes are elements of that shape.
    fn check(&self, bytes: usize) -> Result<(), String> {
        if self.shape.len() > MAX_DIMENSIONS {
            return Err(format!("an array of {} dimensions: at most {MAX_DIMENSIONS} are taken", self.shape.len()));
        }
        let product =
            |lengths: &[usize]| lengths.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
        let present: Vec<usize> = self.shape.iter().copied().filter(|length| *length > 0).collect();
        let is_empty = present.len() < self.shape.len();
        // Of an array that has a length of zero somewhere only the other lengths could be too large to walk through.
        let most = if is_empty { Limits::default().items } else { u64::MAX };
        let elements =
            product(&present).filter(|elements| *elements as u64 <= most).map(|all| if is_empty { 0 } else { all });
        match elements.and_then(|elements| elements.checked_mul(self.dtype.size())) {
            Some(expected) if expected == bytes => Ok(()),
            _ => Err(format!(
                "an array of shape {:?} and type {} with {bytes} bytes of data",
                self.shape,
                self.dtype.name()
            )),
        }
    }
}

impl fmt::Display for NdArray {
    /// Its type and shape, without the elements.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<array of {} {:?}>", self.dtype().name(), self.shape())
    }
}

impl fmt::Debug for NdArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Extension for NdArray {
    const CODE: i8 = 3;
    const NAME: &'static str = "an array of numbers";

    fn content(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.content)
    }

    fn from_data(data: &[u8]) -> Result<Self, String> {
        let (layout, elements) = Layout::parse(data)?;
        let start = 1 + data.len() - elements.len();
        Ok(Self { layout, content: [&[code(Self::CODE)], data].concat().into(), start })
    }

    fn serialize_readable<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(&self.axis(), serializer)
    }

    fn from_natural(value: Value) -> Result<Self, String> {
        nested::from_lists(&value)
    }
}

serde_by_extension!(NdArray);

impl From<NdArray> for Value {
    fn from(array: NdArray) -> Self {
        Self::NdArray(array)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_array_is_refused_whatever_it_claims() {
        let data = |shape: &[u64], bytes: &[u8]| {
            let mut data = Vec::new();
            msgpack::put_array(&mut data, 4);
            msgpack::put_str(&mut data, "int8");
            msgpack::put_array(&mut data, u32::try_from(shape.len()).unwrap());
            for length in shape {
                msgpack::put_uint(&mut data, *length);
            }
            msgpack::put_str(&mut data, "C");
            msgpack::put_bin(&mut data, u32::try_from(bytes.len()).unwrap());
            [data, bytes.to_vec()].concat()
        };
        assert!(NdArray::from_data(&data(&[2], &[1, 2])).is_ok());
        assert!(NdArray::from_data(&data(&[], &[1])).is_ok());
        assert!(NdArray::from_data(&data(&[0, 1_000_000], &[])).is_ok());
        let lies: [(&[u64], &[u8]); 5] =
            [(&[3], &[1, 2]), (&[1 << 63, 2], &[]), (&[1 << 40, 0], &[]), (&[1; 33], &[1]), (&[0, u64::MAX], &[])];
        for (shape, bytes) in lies {
            let why = NdArray::from_data(&data(shape, bytes)).unwrap_err();
            assert!(why.starts_with("an array of"), "{why}");
        }
        for length in 0..data(&[2], &[1, 2]).len() {
            assert!(NdArray::from_data(&data(&[2], &[1, 2])[..length]).is_err(), "cut at {length}");
        }
        assert!(NdArray::from_data(&[data(&[1], &[1]), vec![0]].concat()).is_err());
    }

    #[test]
    fn elements_are_asked_for_by_their_type_and_come_in_the_order_of_c() {
        let array = NdArray::from_bytes(Dtype::UInt8, &[2, 3], Order::Fortran, &[1, 4, 2, 5, 3, 6]).unwrap();
        assert_eq!(array.to_vec::<u8>().unwrap(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(array.to_vec::<i8>().unwrap_err().to_string(), "the array is of uint8, not of int8");
        assert_eq!(serde_json::to_string(&array).unwrap(), "[[1,2,3],[4,5,6]]");
        let again: NdArray = serde_json::from_str("[[1,2,3],[4,5,6]]").unwrap();
        assert_eq!((again.dtype(), again.shape()), (Dtype::Int64, &[2, 3][..]));
        assert!(serde_json::from_str::<NdArray>("[[1,2],[3]]").is_err());
        assert!(serde_json::from_str::<NdArray>(r#"["a"]"#).is_err());
    }

    proptest! {
        #[test]
        fn an_array_is_the_same_after_it_was_written(rows in 0_usize..5, columns in 0_usize..5, seed: i64) {
            let elements: Vec<i64> = (0..rows * columns).map(|index| seed.wrapping_mul(index as i64 + 1)).collect();
            let array = NdArray::new(&[rows, columns], &elements).unwrap();
            prop_assert_eq!(NdArray::from_data(&array.content()[1..]), Ok(array.clone()));
            prop_assert_eq!(array.to_vec::<i64>(), Ok(elements));
        }
    }
}
