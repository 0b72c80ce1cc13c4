//! What a Python tool asks of the host by its session context: tools as proxies, and the session's state.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::{Deserialize, Serialize};
use snakebridge::prelude::*;
use snakebridge::{Builder, body};
use snakebridge_tests::{join_all, python_folder};

/// Repeat a text.
#[tool]
fn repeat(
    /// What to repeat.
    text: String,
    #[py(default = 2)] times: usize,
) -> Result<String, String> {
    if times == 0 { Err("no times at all".to_owned()) } else { Ok(text.repeat(times)) }
}

/// Give a value back.
#[tool]
fn mirror(value: Value) -> Value {
    value
}

#[tool]
fn panics() -> i32 {
    panic!("on purpose")
}

/// What is a dataclass in Python.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    name: String,
    height: f64,
}

/// Tell in Rust's words what came.
#[tool]
#[expect(clippy::too_many_arguments, reason = "one of every type")]
fn describe(
    text: String,
    signed: i64,
    unsigned: u64,
    number: f64,
    flag: bool,
    absent: Option<i64>,
    present: Option<i64>,
    values: Vec<f64>,
    counts: BTreeMap<String, i64>,
    data: Bytes,
    place: Place,
) -> String {
    let simple = (text, signed, unsigned, number, flag);
    format!("{simple:?} {absent:?} {present:?} {values:?} {counts:?} {data:?} {place:?}")
}

/// Tell in Rust's words which numbers came.
#[tool]
fn numbers(values: Vec<f64>) -> String {
    format!("{values:?}")
}

fn context() -> Builder {
    Bridge::builder()
        .adapter("context_tools:ContextAdapter")
        .python_path(python_folder())
        .workers(2)
        .tools(tools![repeat, mirror, panics])
}

#[tokio::test]
async fn a_proxy_says_what_the_rust_function_says() -> Result<()> {
    let bridge = context().start().await?;
    let (signature, documentation): (String, String) = bridge.call("signature", args! { name: "repeat" }).await?;
    assert!(signature.starts_with("(text: str, times: int = 2)"), "{signature}");
    assert!(
        documentation.starts_with("Repeat a text.\n\nArgs:\n    text (String): What to repeat."),
        "{documentation}"
    );
    let names: Vec<String> = bridge.call("names", args! {}).await?;
    assert_eq!(names, ["mirror", "panics", "repeat"]);
    bridge.shutdown().await
}

#[tokio::test]
async fn every_kind_of_value_goes_through_python_to_a_rust_tool_and_back() -> Result<()> {
    let bridge = context().start().await?;
    let map = Value::Map(vec![(1.into(), Value::Nil), ("a".into(), Value::from(vec![Value::from(0.1), true.into()]))]);
    let values = [
        Value::Nil,
        true.into(),
        i64::MIN.into(),
        u64::MAX.into(),
        f64::MIN_POSITIVE.into(),
        "text é".into(),
        Bytes::from_static(b"\0\xff").into(),
        Value::Array(vec![]),
        map,
    ];
    for value in values {
        for tool in ["through", "through_later"] {
            assert_eq!(bridge.execute(tool, args! { name: "mirror", value: &value }).await?, value, "{tool}");
        }
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn an_argument_of_every_type_arrives_in_a_rust_tool_as_that_type() -> Result<()> {
    let bridge = context().tools(tools![describe]).start().await?;
    let described: String = bridge.call("with_every_type", args! {}).await?;
    let place = Place { name: "K2".to_owned(), height: 8611.0 };
    let expected = format!(
        r#"("tea é", {}, {}, 0.1, true) None Some(7) [1.5, 2.0, -inf] {{"a": 1, "b": 2}} b"\0\xff" {place:?}"#,
        i64::MIN,
        u64::MAX
    );
    assert_eq!(described, expected);
    bridge.shutdown().await
}

#[tokio::test]
async fn arrays_of_the_standard_library_and_of_numpy_arrive_as_lists_of_numbers() -> Result<()> {
    let bridge = context().tools(tools![numbers]).start().await?;
    let told: BTreeMap<String, String> = bridge.call("with_every_array", args! {}).await?;
    assert!(told.len() >= 6 && told.values().all(|told| told == "[1.0, 2.0, 4.0]"), "{told:?}");
    bridge.shutdown().await
}

/// Any value, nested. Python has one key for 1, 1.0 and true, so the keys of a map are of kinds that are never equal.
fn any_value() -> impl Strategy<Value = Value> {
    let key = || prop_oneof![".{0,8}".prop_map(Value::from), any::<i64>().prop_map(Value::from)];
    let scalar = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<u64>().prop_map(|bits| Value::from(f64::from_bits(bits))),
        ".{0,16}".prop_map(Value::from),
        vec(any::<u8>(), 0..300).prop_map(|bytes| Value::from(Bytes::from(bytes))),
    ];
    scalar.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::Array),
            vec((key(), inner), 0..8).prop_map(|entries| {
                let mut distinct: Vec<(Value, Value)> = Vec::new();
                for (key, value) in entries {
                    if distinct.iter().all(|(other, _)| *other != key) {
                        distinct.push((key, value));
                    }
                }
                Value::Map(distinct)
            }),
        ]
    })
}

#[tokio::test]
async fn any_value_comes_back_bit_by_bit_through_python_and_a_rust_tool() -> Result<()> {
    let bridge = context().start().await?;
    // Its seed is fixed; what once failed is kept among the values above.
    let mut runner = TestRunner::deterministic();
    for _ in 0..300 {
        let value = any_value().new_tree(&mut runner).unwrap().current();
        let back = bridge.execute("through", args! { name: "mirror", value: &value }).await?;
        // Not compared as values: NaN is not equal to itself.
        assert_eq!(body::encode(&back)?, body::encode(&value)?, "{value}");
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn the_errors_of_a_tool_itself_are_values_of_a_tagged_call_and_others_are_raised() -> Result<()> {
    let bridge = context().start().await?;
    let none = || Value::Map(vec![]);
    let repeat = |times: i32| Value::Map(vec![("text".into(), "ab".into()), ("times".into(), times.into())]);
    for (tool, arguments, answer) in [
        ("repeat", repeat(2), r#"["ok", "abab"]"#),
        ("repeat", repeat(0), r#"["error", "no times at all"]"#),
        ("repeat", repeat(-1), r#"["raised", "invalid_argument", "never"]"#),
        ("panics", none(), r#"["raised", "panic", "yes"]"#),
    ] {
        let said = bridge.execute("tagged", args! { name: tool, arguments: arguments }).await?;
        assert_eq!(said.to_string(), answer);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn the_state_is_the_sessions_whichever_worker_and_loop_asks() -> Result<()> {
    let bridge = context().start().await?;
    let session = bridge.session("s").await?;
    let appends = (0..20).map(|item| session.call::<Vec<i32>>("append", args! { key: "list", item: item }));
    for list in join_all(appends).await {
        list?;
    }
    let mut list: Vec<i32> = session.state().get("list").await?.unwrap();
    list.sort_unstable();
    assert_eq!(list, (0..20).collect::<Vec<_>>(), "no append is lost");
    let said = session.execute("keep_later", args! { key: "k", value: "v" }).await?;
    assert_eq!(said.to_string(), r#"[1, [1, "v"], ["k", "list"], true, "gone"]"#);
    bridge.shutdown().await
}

#[tokio::test]
async fn what_the_host_refuses_has_an_exception_of_its_own() -> Result<()> {
    let bridge = context().start().await?;
    let session = bridge.session("s").await?;
    session.state().set("k", &BTreeMap::from([("a", 1)])).await?;
    let refused = async |arguments| session.execute("refused", arguments).await.map(|said| said.to_string());
    assert_eq!(refused(args! { key: "k", expected: 7 }).await?, r#"["Conflict", "never", 1]"#);
    assert_eq!(refused(args! { key: "other", expected: 7 }).await?, r#"["Conflict", "never", 0]"#);
    assert_eq!(refused(args! { key: "k", size: 2_000_000 }).await?, r#"["SessionQuota", "never", null]"#);
    assert_eq!(refused(args! { key: "a\nb" }).await?, r#"["invalid_argument", "never", null]"#);
    assert_eq!(refused(args! { key: "k", size: 1 }).await?, r#"["nothing", "", null]"#);
    let outside = bridge.execute("refused", args! { key: "k" }).await?;
    assert_eq!(outside.to_string(), r#"["SessionNotFound", "never", null]"#);
    bridge.shutdown().await
}

/// Only of a session.
#[tool]
fn own() -> &'static str {
    "own"
}

#[tokio::test]
async fn python_sees_the_tools_of_its_session_as_they_come_and_go() -> Result<()> {
    // One worker, which keeps the lists that it was given.
    let bridge = context().workers(1).start().await?;
    let (session, other) = (bridge.session("s").await?, bridge.session("other").await?);
    let names = async |session: &Session| session.call::<Vec<String>>("names", args! {}).await;
    let global = ["mirror", "panics", "repeat"];
    assert_eq!(
        (names(&session).await?, names(&other).await?),
        (global.map(String::from).to_vec(), global.map(String::from).to_vec())
    );

    session.register(tools![own])?;
    assert_eq!(names(&session).await?, ["mirror", "own", "panics", "repeat"]);
    assert_eq!(names(&other).await?, global);
    let own = || args! { name: "own", arguments: Value::Map(vec![]) };
    assert_eq!(session.execute("tagged", own()).await?.to_string(), r#"["ok", "own"]"#);
    let error = other.execute("tagged", own()).await.unwrap_err();
    assert!(error.to_string().contains("the host has no tool `own`"), "{error}");

    assert!(session.unregister("own"));
    assert_eq!(names(&session).await?, global);
    bridge.shutdown().await
}
