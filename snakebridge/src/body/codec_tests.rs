//! Types of users to bytes and back.

use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{decode, encode};
use crate::value::{ArrowIpc, BigInt, Complex, Dtype, NdArray, Opaque, Order, Timestamp, Value};

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
enum Shape {
    Nothing,
    Circle(f64),
    Line(i32, i32),
    Box { width: u8, height: u8 },
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Meters(f64);

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Record {
    name: String,
    shapes: Vec<Shape>,
    size: Option<Meters>,
    counts: BTreeMap<i64, (bool, char)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, u16>,
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Nothing),
        (-1e9..1e9).prop_map(Shape::Circle),
        any::<(i32, i32)>().prop_map(|(x, y)| Shape::Line(x, y)),
        any::<(u8, u8)>().prop_map(|(width, height)| Shape::Box { width, height }),
    ]
}

fn records() -> impl Strategy<Value = Record> {
    let counts = proptest::collection::btree_map(any::<i64>(), any::<(bool, char)>(), 0..20);
    let rest = proptest::collection::btree_map("x[a-z]{0,3}", any::<u16>(), 0..20);
    let fields = (
        ".{0,40}",
        proptest::collection::vec(shapes(), 0..5),
        proptest::option::of(-1e9..1e9),
        counts,
        proptest::option::of(".{0,5}"),
        rest,
    );
    fields.prop_map(|(name, shapes, size, counts, note, rest)| Record {
        name,
        shapes,
        size: size.map(Meters),
        counts,
        note,
        rest,
    })
}

proptest! {
    /// Another implementation of the same mapping is the reference.
    #[test]
    fn records_are_written_and_read_as_by_rmp_serde(record in records()) {
        let bytes = encode(&record).unwrap();
        prop_assert_eq!(&bytes[..], &rmp_serde::to_vec_named(&record).unwrap()[..]);
        prop_assert_eq!(decode::<Record>(&bytes).unwrap(), record);
    }

    #[test]
    fn integers_are_written_in_their_shortest_form(signed: i64, unsigned: u64, short: i16, shift in 0..64_u32) {
        for number in [signed, signed >> shift, i64::from(short)] {
            prop_assert_eq!(&encode(&number).unwrap()[..], &rmp_serde::to_vec(&number).unwrap()[..]);
        }
        let wide = i128::from(signed) * i128::from(unsigned);
        prop_assert_eq!(decode::<i128>(&encode(&wide).unwrap()).unwrap(), wide);
        prop_assert_eq!(decode::<u128>(&encode(&u128::from(unsigned)).unwrap()).unwrap(), u128::from(unsigned));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(value) = decode::<Value>(&bytes) {
            let again = encode(&value).unwrap();
            prop_assert_eq!(encode(&decode::<Value>(&again).unwrap()).unwrap(), again);
        }
        let _ = decode::<Record>(&bytes);
        let _ = decode::<Vec<Vec<f64>>>(&bytes);
        let _ = decode::<(i128, Timestamp, Complex)>(&bytes);
    }

    /// Extension values whose data are anything: that is where hostile bytes are.
    #[test]
    fn any_extension_is_read_or_refused(code in -2_i8..10, data in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = Vec::new();
        crate::wire::msgpack::put_extension(&mut bytes, code, u32::try_from(data.len()).unwrap());
        bytes.extend(data);
        if let Ok(value) = decode::<Value>(&bytes) {
            prop_assert_eq!(encode(&decode::<Value>(&encode(&value).unwrap()).unwrap()).unwrap(), encode(&value).unwrap());
        }
        let _ = decode::<Vec<Vec<f64>>>(&bytes);
        let _ = (decode::<String>(&bytes), decode::<i128>(&bytes), decode::<(f64, f64)>(&bytes));
    }
}

/// One of each type that travels as an extension.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Everything {
    when: Timestamp,
    large: BigInt,
    wide: i128,
    impedance: Complex,
    array: NdArray,
    table: ArrowIpc,
    mark: Opaque,
    any: Value,
}

fn everything() -> Everything {
    Everything {
        when: Timestamp::new(1, 500).unwrap(),
        large: "123456789012345678901234567890123456789012345".parse().unwrap(),
        wide: i128::MIN,
        impedance: Complex { re: -0.0, im: 2.5 },
        array: NdArray::from_bytes(Dtype::Float32, &[1, 2], Order::Fortran, &[0; 8]).unwrap(),
        table: ArrowIpc::new(b"ARROW"),
        mark: Opaque { type_name: "a.B".to_owned(), repr: None },
        any: Value::Array(vec![Value::Timestamp(Timestamp::new(-1, 1).unwrap()), Value::from(u128::MAX)]),
    }
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(untagged)]
enum Either {
    When(Timestamp),
    Number(f64),
    Impedance(Complex),
    Array(NdArray),
    Text(String),
    Bytes(Blob),
}

/// A newtype of bytes, as which also extension values are put aside.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Blob(bytes::Bytes);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum Tagged {
    Event(Moment),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    inner: Moment,
}

/// Without an `i128`, which is nothing that serde can put aside; a `BigInt` is.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Moment {
    when: Timestamp,
    large: BigInt,
    impedance: Complex,
    array: NdArray,
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(decode::<T>(&encode(&value).unwrap()).unwrap(), value);
}

#[test]
fn types_of_ours_work_wherever_serde_puts_them() {
    comes_back(everything());
    comes_back(vec![Some(everything()), None]);
    let Everything { when, large, impedance, array, .. } = everything();
    let moment = Moment { when, large, impedance, array };
    comes_back(Flat { id: 1, inner: moment.clone() });
    comes_back(Tagged::Event(moment));
    let array = NdArray::new(&[2], &[1.5, 2.5]).unwrap();
    for either in [
        Either::When(Timestamp::new(7, 0).unwrap()),
        Either::Number(1.5),
        Either::Bytes(Blob(bytes::Bytes::from_static(&[255, 0, 0, 0, 1]))),
        Either::Impedance(Complex { re: 1.0, im: 2.0 }),
        Either::Array(array),
        Either::Text("x".to_owned()),
    ] {
        comes_back(either);
    }
}

#[test]
fn types_of_ours_are_readable_in_json() {
    let everything = Everything { wide: 1, any: Value::Nil, ..everything() };
    let json = serde_json::to_value(&everything).unwrap();
    let expected = serde_json::json!({
        "when": "1970-01-01T00:00:01.0000005Z", "large": "123456789012345678901234567890123456789012345", "wide": 1,
        "impedance": {"re": -0.0, "im": 2.5}, "array": [[0.0, 0.0]], "table": [65, 82, 82, 79, 87],
        "mark": {"type": "a.B", "repr": null}, "any": null,
    });
    assert_eq!(json, expected);
    let again: Timestamp = serde_json::from_value(json["when"].clone()).unwrap();
    assert_eq!(again, everything.when);
    let again: BigInt = serde_json::from_value(json["large"].clone()).unwrap();
    assert_eq!(again, everything.large);
    let again: Complex = serde_json::from_value(json["impedance"].clone()).unwrap();
    assert_eq!(again, everything.impedance);
}

#[test]
fn natural_types_take_what_travels_as_an_extension() {
    let encoded = |value: Value| encode(&value).unwrap();
    assert_eq!(decode::<String>(&encoded(Timestamp::new(0, 0).unwrap().into())).unwrap(), "1970-01-01T00:00:00Z");
    assert_eq!(decode::<(f64, f64)>(&encoded(Complex { re: 1.0, im: -2.0 }.into())).unwrap(), (1.0, -2.0));
    let matrix = NdArray::new(&[2, 2], &[1_u8, 2, 3, 4]).unwrap();
    assert_eq!(decode::<Vec<Vec<u8>>>(&encode(&matrix).unwrap()).unwrap(), [[1, 2], [3, 4]]);
    assert_eq!(decode::<[(f64, f64); 2]>(&encode(&matrix).unwrap()).unwrap(), [(1.0, 2.0), (3.0, 4.0)]);
    let flags = NdArray::new(&[1], &[true]).unwrap();
    assert_eq!(decode::<Vec<bool>>(&encode(&flags).unwrap()).unwrap(), [true]);
    let turned = NdArray::from_bytes(Dtype::Int8, &[2, 2], Order::Fortran, &[1, 3, 2, 4]).unwrap();
    assert_eq!(decode::<Vec<Vec<i64>>>(&encode(&turned).unwrap()).unwrap(), [[1, 2], [3, 4]]);
    assert_eq!(decode::<Timestamp>(&encode("1970-01-01T01:00:00+01:00").unwrap()).unwrap().seconds(), 0);
    assert_eq!(decode::<BigInt>(&encode(&7).unwrap()).unwrap(), BigInt::from(7));
    assert_eq!(decode::<u64>(&[0xc7, 1, 1, 5]).unwrap(), 5, "an integer in more words than it needs");
}

#[test]
fn nothing_is_rounded_or_guessed_to_fit() {
    fn complaint<T: DeserializeOwned + Debug>(value: &impl Serialize) -> String {
        decode::<T>(&encode(value).unwrap()).unwrap_err().to_string()
    }
    let large = BigInt::from(u128::MAX);
    assert!(complaint::<f64>(&large).contains("an extension value"));
    assert!(complaint::<i128>(&large).contains("expected `i128`, got"));
    assert!(complaint::<Timestamp>(&1.5).contains("expected a timestamp, got a float"));
    assert!(complaint::<Timestamp>(&"2024-01-01T00:00:00").contains("no time zone"));
    assert!(complaint::<Vec<f64>>(&NdArray::new(&[1, 1], &[1.0]).unwrap()).contains("sequence"));
    assert!(complaint::<Vec<u8>>(&NdArray::new(&[1], &[300]).unwrap()).contains("300"));
    assert!(complaint::<NdArray>(&Complex { re: 0.0, im: 0.0 }).contains("an extension value of type 2"));
    assert!(complaint::<(u8, u8)>(&[1, 2, 3]).contains("got 3 elements"));
    assert!(decode::<Value>(&[0xd4, 99, 0]).unwrap_err().to_string().contains("type 99, which means nothing here"));
}
