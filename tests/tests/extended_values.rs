//! Values without a natural form in MessagePack (moments, large integers, complex numbers, arrays, tables) in every position
//! that a value may have: E20, F8 and F14 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::value::{ArrowIpc, BigInt, Complex, Dtype, NdArray, Opaque, Order, Timestamp};
use snakebridge_tests::python_folder;

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Sample {
    when: Timestamp,
    count: i128,
    impedance: Complex,
    values: NdArray,
    anything: Value,
}

#[python_tool(adapter = "extended_tools:ExtendedAdapter")]
trait Extended {
    async fn sample(&self, sample: &Sample) -> Result<Sample>;

    async fn later(&self, when: Option<Timestamp>, seconds: f64) -> Result<Timestamp>;

    async fn power(&self, base: i128, exponent: Option<u32>) -> Result<BigInt>;

    async fn conjugate(&self, value: Option<Complex>) -> Result<Complex>;

    async fn double(&self, values: Option<NdArray>) -> Result<NdArray>;

    async fn total(&self, values: &NdArray) -> Result<f64>;

    async fn zeros(&self, shape: &[usize], dtype: &str, order: Option<&str>) -> Result<NdArray>;

    fn each(&self, values: impl Stream<Item = Value>) -> impl Stream<Item = Result<Value>>;
}

/// Gives back what comes, and says of what kind it is.
#[tool]
fn passes(value: Value) -> Value {
    value
}

/// Takes a moment and gives the next second.
#[tool]
fn next_second(value: Timestamp) -> Timestamp {
    Timestamp::new(value.seconds() + 1, value.nanoseconds()).unwrap()
}

/// Counts the elements of an array.
#[tool]
fn count(value: Vec<Vec<f64>>) -> usize {
    value.iter().map(Vec::len).sum()
}

async fn extended() -> Result<(Bridge, ExtendedClient)> {
    let builder = Bridge::builder().client::<ExtendedClient>().python_path(python_folder()).workers(1);
    let bridge = builder.tools(tools![passes, next_second, count]).start().await?;
    let client = bridge.client::<ExtendedClient>()?;
    Ok((bridge, client))
}

fn when() -> Timestamp {
    Timestamp::new(1_709_209_800, 500_000).unwrap()
}

fn matrix() -> NdArray {
    NdArray::new(&[2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap()
}

fn everything() -> Vec<Value> {
    vec![
        when().into(),
        Timestamp::new(-1, 0).unwrap().into(),
        Timestamp::new(1 << 33, 1_000).unwrap().into(),
        Value::from(u128::MAX),
        Value::from(i128::MIN),
        Value::from(BigInt::from_bytes(&[0x55; 4096]).unwrap()),
        Complex { re: -0.0, im: f64::INFINITY }.into(),
        matrix().into(),
        NdArray::from_bytes(Dtype::Int16, &[3, 2], Order::Fortran, &[7; 12]).unwrap().into(),
        NdArray::new(&[], &[true]).unwrap().into(),
        NdArray::new::<f32>(&[0, 4], &[]).unwrap().into(),
        ArrowIpc::new(b"no stream that anybody looks into").into(),
        Opaque { type_name: "threading.Thread".to_owned(), repr: Some("<Thread>".to_owned()) }.into(),
    ]
}

#[tokio::test]
async fn each_of_them_comes_back_as_it_was_as_argument_result_item_and_argument_of_a_host_tool() -> Result<()> {
    let (bridge, tools) = extended().await?;
    for value in everything() {
        assert_eq!(bridge.execute("echo", args! { value: &value }).await?, value);
        assert_eq!(bridge.execute("echo", args![&value]).await?, value, "by position");
        let inside = Value::Map(vec![("a".into(), Value::Array(vec![value.clone(), Value::Nil]))]);
        assert_eq!(bridge.execute("echo", args! { value: &inside }).await?, inside);
        assert_eq!(bridge.execute("ask", args! { name: "passes", value: &inside }).await?, inside);
        let error = bridge.execute("raise_with", args! { value: &value }).await.unwrap_err();
        assert_eq!(error.exception().unwrap().data, Some(value));
    }
    let items: Vec<Value> = tools.each(futures::stream::iter(everything())).map(Result::unwrap).collect().await;
    assert_eq!(items, everything());
    bridge.shutdown().await
}

#[tokio::test]
async fn python_has_them_as_its_own_types() -> Result<()> {
    let (bridge, _) = extended().await?;
    for (value, kind) in everything().into_iter().zip([
        "datetime.datetime",
        "datetime.datetime",
        "datetime.datetime",
        "builtins.int",
        "builtins.int",
        "builtins.int",
        "builtins.complex",
        "numpy.ndarray",
        "numpy.ndarray",
        "numpy.ndarray",
        "numpy.ndarray",
        "snakebridge.ArrowStream",
        "snakebridge.Opaque",
    ]) {
        assert_eq!(bridge.call::<String>("kind", args! { value: &value }).await?, kind, "{value}");
    }
    let text: String = bridge.call("text", args! { value: u128::MAX }).await?;
    assert_eq!(text, u128::MAX.to_string());
    bridge.shutdown().await
}

// F8
#[tokio::test]
async fn typed_clients_send_and_get_them_also_in_structs_and_as_defaults() -> Result<()> {
    let (bridge, tools) = extended().await?;
    let sample = Sample {
        when: when(),
        count: i128::MAX,
        impedance: Complex { re: 1.0, im: 2.0 },
        values: matrix(),
        anything: Value::Array(vec![when().into()]),
    };
    assert_eq!(tools.sample(&sample).await?, sample);
    assert_eq!(tools.later(None, 1.0).await?, Timestamp::new(1_709_209_801, 500_000).unwrap());
    let second = Timestamp::new(0, 0).unwrap();
    assert_eq!(SystemTime::try_from(tools.later(Some(second), 0.0).await?).unwrap(), SystemTime::UNIX_EPOCH);
    assert_eq!(tools.power(10, None).await?.to_string(), format!("1{}", "0".repeat(100)));
    assert_eq!(tools.power(i128::MAX, Some(1)).await?, BigInt::from(i128::MAX));
    assert_eq!(tools.conjugate(None).await?, Complex { re: 1.0, im: 2.0 });
    assert_eq!(tools.conjugate(Some(Complex { re: 0.0, im: -1.0 })).await?, Complex { re: 0.0, im: 1.0 });
    assert_eq!(tools.double(None).await?.to_vec::<f64>().unwrap(), [2.0, 4.0, 6.0, 8.0]);
    assert_eq!(tools.double(Some(matrix())).await?.to_vec::<f64>().unwrap(), [2.0, 4.0, 6.0, 8.0]);
    bridge.shutdown().await
}

#[tokio::test]
async fn tools_of_the_host_take_them_by_their_types() -> Result<()> {
    let (bridge, _) = extended().await?;
    let next: Timestamp = bridge.call("ask", args! { name: "next_second", value: when() }).await?;
    assert_eq!(next.seconds(), when().seconds() + 1);
    assert_eq!(bridge.call::<usize>("ask", args! { name: "count", value: matrix() }).await?, 4);
    let error = bridge.execute("ask", args! { name: "next_second", value: matrix() }).await.unwrap_err();
    assert!(error.to_string().contains("timestamp"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn lists_and_arrays_stand_for_each_other_where_the_type_says_so() -> Result<()> {
    let (bridge, tools) = extended().await?;
    assert_eq!(tools.total(&matrix()).await?, 10.0);
    let doubled: Vec<Vec<f64>> = bridge.call("double", args! { values: vec![vec![1, 2], vec![3, 4]] }).await?;
    assert_eq!(doubled, [[2.0, 4.0], [6.0, 8.0]]);
    let pair: (f64, f64) = bridge.call("conjugate", args! { value: (1, 1) }).await?;
    assert_eq!(pair, (1.0, -1.0));
    let text: String = bridge.call("later", args! { when: "2024-02-29T12:30:00+01:00" }).await?;
    assert_eq!(text, "2024-02-29T11:30:00Z");
    let error = bridge.call::<Vec<f64>>("double", args! { values: vec![vec![1.0]] }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_large_array_is_one_value_and_none_of_its_elements_is_looked_at() -> Result<()> {
    let (bridge, tools) = extended().await?;
    let zeros = tools.zeros(&[3, 1_000_000], "uint8", None).await?;
    assert_eq!((zeros.shape(), zeros.len(), zeros.order()), (&[3, 1_000_000][..], 3_000_000, Order::C));
    let turned = tools.zeros(&[2, 3], ">f4", Some("F")).await?;
    assert_eq!((turned.dtype(), turned.order()), (Dtype::Float32, Order::Fortran), "little-endian on the wire");
    for (dtype, size) in [("bool", 1), ("int8", 1), ("uint64", 8), ("float16", 2), ("complex64", 8), ("complex128", 16)]
    {
        let zeros = tools.zeros(&[1, 0, 2], dtype, None).await?;
        assert_eq!((zeros.dtype().name(), zeros.dtype().size(), zeros.is_empty()), (dtype, size, true));
    }
    let error = bridge.execute("records", args! {}).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes));
    assert!(error.to_string().contains("records") && error.to_string().contains("$.rows[0]"), "{error}");
    bridge.shutdown().await
}

// F8
#[tokio::test]
async fn what_does_not_fit_a_type_is_refused_and_never_rounded() -> Result<()> {
    let (bridge, _) = extended().await?;
    let error = bridge.call::<i64>("power", args! { base: 2, exponent: 64 }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes), "{error}");
    let error = bridge.call::<f64>("power", args! { base: 2, exponent: 64 }).await.unwrap_err();
    assert_eq!(error.code(), "unserializable", "{error}");
    let error = bridge.execute("power", args! { base: 2, exponent: 40_000 }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes));
    assert!(error.to_string().contains("40001 bits"), "{error}");
    for (arguments, part) in [(args! { base: matrix() }, "`base`"), (args! { base: 1, exponent: when() }, "`exponent`")]
    {
        let error = bridge.execute("power", arguments).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(bridge.workers()[0].number, 1, "no worker was lost");
    bridge.shutdown().await
}

// E20
#[tokio::test]
async fn moments_that_python_cannot_say_are_refused_before_anything_runs() -> Result<()> {
    let (bridge, _) = extended().await?;
    for seconds in [i64::MIN, 253_402_300_800, i64::MAX] {
        let moment = Timestamp::new(seconds, 0).unwrap();
        let error = bridge.execute("echo", args! { value: moment }).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{seconds}: {error}");
        assert!(error.to_string().contains("out of range"), "{error}");
    }
    bridge.shutdown().await
}
