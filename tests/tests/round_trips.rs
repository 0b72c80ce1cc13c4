//! Values of every kind, nested at random: from Rust to Python and back they are what they were. `SNAKEBRIDGE_SEED` repeats a run;
//! the other direction is in `snakebridge-py/tests/test_round_trips.py`. F8, F10, F13 and F14 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use snakebridge::prelude::*;
use snakebridge::value::{ArrowIpc, BigInt, Complex, NdArray, Opaque, Timestamp};
use snakebridge_tests::python_folder;

const VALUES: usize = 300;
const DEPTH: u32 = 6;
const ITEMS: u32 = 60;

/// Gives back what comes.
#[tool]
fn passes(value: Value) -> Value {
    value
}

/// What is equal only to itself, in Python as well: no NaN, and moments of whole microseconds that a `datetime` can say.
fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i128>().prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 17..200).prop_map(|bytes| BigInt::from_bytes(&bytes).unwrap().into()),
        (proptest::num::f64::NORMAL | proptest::num::f64::INFINITE | proptest::num::f64::ZERO).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::from(Bytes::from(bytes))),
        (-62_135_596_800..253_402_300_799_i64, 0..1_000_000_u32).prop_map(|(seconds, micros)| Timestamp::new(
            seconds,
            micros * 1000
        )
        .unwrap()
        .into()),
    ]
}

fn leaves() -> impl Strategy<Value = Value> {
    let array = (0..4_usize, 0..4_usize).prop_flat_map(|(rows, columns)| {
        let elements = proptest::collection::vec(any::<i32>(), rows * columns);
        elements.prop_map(move |elements| NdArray::new(&[rows, columns], &elements).unwrap().into())
    });
    prop_oneof![
        6 => scalars(),
        1 => (-1e9..1e9, -1e9..1e9).prop_map(|(re, im)| Complex { re, im }.into()),
        1 => array,
        1 => proptest::collection::vec(any::<u8>(), 0..20).prop_map(|stream| ArrowIpc::new(&stream).into()),
        1 => (".{0,9}", proptest::option::of(".{0,9}"))
            .prop_map(|(type_name, repr)| Opaque { type_name, repr }.into()),
    ]
}

/// Maps whose keys are texts: of others some are equal in Python that are not in Rust, such as 1 and `true`.
fn values() -> impl Strategy<Value = Value> {
    leaves().prop_recursive(DEPTH, ITEMS, 8, |inner| {
        let entries = proptest::collection::btree_map(".{0,6}", inner.clone(), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..8).prop_map(Value::Array),
            entries.prop_map(|map| Value::Map(map.into_iter().map(|(key, value)| (key.into(), value)).collect())),
        ]
    })
}

#[tokio::test]
async fn any_value_comes_back_from_python_as_it_was_alone_among_others_and_through_a_tool_of_the_host() -> Result<()> {
    let seed = std::env::var("SNAKEBRIDGE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("SNAKEBRIDGE_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let values: Vec<Value> = (0..VALUES).map(|_| values().new_tree(&mut runner).unwrap().current()).collect();

    let builder = Bridge::builder().adapter("extended_tools:ExtendedAdapter").python_path(python_folder()).workers(1);
    let bridge = builder.tools(tools![passes]).start().await?;
    for value in &values {
        assert_eq!(&bridge.execute("echo", args! { value: value }).await?, value, "seed {seed}");
        assert_eq!(&bridge.execute("ask", args! { name: "passes", value: value }).await?, value, "seed {seed}");
    }
    let whole = Value::Array(values.clone());
    assert_eq!(bridge.execute("echo", args! { value: &whole }).await?, whole, "seed {seed}");
    let input = Input::new(futures::stream::iter(values.clone()));
    let items: Vec<Value> = bridge.stream("each", args! { values: input }).map(Result::unwrap).collect().await;
    assert_eq!(items, values, "seed {seed}");
    assert_eq!(bridge.workers()[0].number, 1, "no worker was lost");
    bridge.shutdown().await
}
