//! Values that are too deep, too large, too odd or nothing at all, in both directions: group F of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::Unserializable;
use snakebridge::body::Arguments;
use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, python_folder};

/// One worker with the odd tools.
async fn odd(ledger: &Ledger) -> Result<Bridge> {
    Bridge::builder()
        .adapter("odd_tools:OddAdapter")
        .python_path(python_folder())
        .config(&BTreeMap::from([("ledger", ledger.path())]))
        .workers(1)
        .start()
        .await
}

async fn given(bridge: &Bridge, what: &str) -> Result<Value> {
    bridge.execute("give", args! { what: what }).await
}

/// What Python says it was given.
async fn described(bridge: &Bridge, value: &Value) -> Result<String> {
    bridge.call("describe", args! { value: value }).await
}

/// Results that cannot leave are errors that say why, and their worker goes on.
async fn assert_refused(bridge: &Bridge, refused: &[(&str, &str)]) {
    for (what, why) in refused {
        let error = given(bridge, what).await.expect_err(what);
        assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes), "{what}: {error}");
        assert!(error.to_string().contains(why), "{what}: `{why}` in {error}");
    }
    assert_eq!(bridge.workers()[0].number, 1, "no worker was lost");
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(Value::Array(vec![]), |inner, _| Value::Array(vec![inner]))
}

// F3
#[tokio::test]
async fn results_that_are_nested_too_deeply_are_refused_at_the_same_depth_however_deep_they_are() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    assert_eq!(given(&bridge, "nested 64").await?, nested(64));
    let deep =
        [("nested 65", "64 levels"), ("nested 10000", "too deeply"), ("conversion without an end", "too deeply")];
    assert_refused(&bridge, &deep).await;
    bridge.shutdown().await
}

// F3
#[tokio::test]
async fn arguments_that_are_nested_too_deeply_are_refused_before_anything_runs() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    assert_eq!(bridge.execute("echo", args! { value: nested(62) }).await?, nested(62));
    for depth in [65, 1000, 4000] {
        let error = bridge.execute("echo", args! { value: nested(depth) }).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{depth}");
        assert!(error.to_string().contains("nested deeper than 64"), "{error}");
    }
    assert_eq!(bridge.workers()[0].number, 1, "no worker was lost");
    bridge.shutdown().await
}

// F7
#[tokio::test]
async fn a_list_that_contains_itself_is_refused() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    assert_refused(&bridge, &[("itself", "contains itself")]).await;
    bridge.shutdown().await
}

// F8, F9
#[tokio::test]
async fn integers_are_exact_whatever_their_size_and_too_large_ones_are_refused_with_their_place() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    assert_eq!(given(&bridge, "2^63").await?, Value::UInt(1 << 63));
    assert_eq!(given(&bridge, "2^64 - 1").await?, Value::UInt(u64::MAX));
    assert_eq!(given(&bridge, "-2^63").await?, Value::Int(i64::MIN));
    for (number, text) in [
        (Value::from(u64::MAX), "18446744073709551615"),
        (Value::from(1_u64 << 63), "9223372036854775808"),
        (Value::from(i64::MAX), "9223372036854775807"),
        (Value::from(i64::MIN), "-9223372036854775808"),
    ] {
        assert_eq!(described(&bridge, &number).await?, text);
    }
    // Nothing is rounded to fit: a type that cannot hold the number says so.
    let narrow = bridge.call::<i64>("give", args! { what: "2^63" }).await.unwrap_err();
    assert_eq!((narrow.code(), narrow.executed()), ("unserializable", Executed::Yes));
    assert_eq!(given(&bridge, "2^64").await?["n"][0], Value::from(1_u128 << 64));
    assert_eq!(given(&bridge, "-2^63 - 1").await?["n"][0], Value::from(i128::from(i64::MIN) - 1));
    assert_refused(&bridge, &[("2^40000", "40001 bits"), ("2^40000", "$.n[0]")]).await;
    bridge.shutdown().await
}

// F10
#[tokio::test]
async fn floats_keep_every_bit() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    let quiet_with_payload = f64::from_bits(0x7ff8_dead_beef_cafe);
    let smallest = f64::from_bits(1);
    for float in
        [f64::NAN, -f64::NAN, quiet_with_payload, f64::INFINITY, -f64::INFINITY, 0.0, -0.0, smallest, f64::MAX, 0.1]
    {
        let echoed: f64 = bridge.call("echo", args! { value: float }).await?;
        assert_eq!(echoed.to_bits(), float.to_bits(), "{float}");
    }
    let single: f32 = bridge.call("echo", args! { value: 0.1_f32 }).await?;
    assert_eq!(single.to_bits(), 0.1_f32.to_bits());
    bridge.shutdown().await
}

// F11
#[tokio::test]
async fn strings_that_are_no_text_are_refused_and_bytes_stay_bytes() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    let surrogates = [("lone surrogate", "$.text[0]"), ("lone surrogate as a key", "lone surrogate")];
    assert_refused(&bridge, &surrogates).await;
    let bytes = Bytes::from_static(b"\xff\xfe");
    assert_eq!(given(&bridge, "bytes that are no text").await?, Value::from(bytes.clone()));
    assert_eq!(described(&bridge, &Value::from(bytes)).await?, r"b'\xff\xfe'");
    bridge.shutdown().await
}

// F12
#[tokio::test]
async fn any_text_is_a_value_and_a_key_even_a_megabyte_of_it() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    let odd_texts = ["\0", "a\0b", "\u{202e}evil", "line\u{2028}end\u{2029}", "\u{feff}", "e\u{301} é 😀", ""];
    let texts = odd_texts.map(str::to_owned).into_iter().chain(["k".repeat(1_000_000)]);
    for text in texts {
        let value = Value::Map(vec![(Value::from(text.as_str()), Value::Nil)]);
        assert!(bridge.execute("echo", args! { value: value }).await? == value, "{:.20}", text.escape_debug());
        let value = Value::from(text.as_str());
        assert!(bridge.execute("echo", args! { value: value }).await? == value, "{:.20}", text.escape_debug());
    }
    bridge.shutdown().await
}

// F13
#[tokio::test]
async fn keys_of_every_scalar_kind_and_tuples_round_trip_and_maps_as_keys_are_refused() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    let keys = [
        Value::Nil,
        Value::from(true),
        Value::from(5),
        Value::from(-5),
        Value::from(1.5),
        Value::from("s"),
        Value::from(Bytes::from_static(b"b")),
        Value::from(u64::MAX),
    ];
    let map = Value::Map(keys.into_iter().zip(0..).map(|(key, number)| (key, Value::from(number))).collect());
    assert_eq!(given(&bridge, "keys of every kind").await?, map);
    assert_eq!(bridge.execute("echo", args! { value: map }).await?, map);
    let pair = Value::Map(vec![(Value::from(vec![1, 2]), Value::from("x"))]);
    assert_eq!(given(&bridge, "tuple as a key").await?, pair);
    assert_eq!(described(&bridge, &pair).await?, "{(1, 2): 'x'}", "an array as a key is a tuple");
    let unhashable = Value::Map(vec![(Value::Map(vec![]), Value::Nil)]);
    let error = described(&bridge, &unhashable).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    assert!(error.to_string().contains("`value`") && error.to_string().contains("key"), "{error}");
    assert_refused(&bridge, &[("object as a key", "a key of $.a")]).await;
    bridge.shutdown().await
}

// F13, E21
#[tokio::test]
async fn of_keys_that_are_equal_the_last_counts_on_both_sides() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    let twice = Value::Map(vec![("k".into(), Value::from(1)), ("k".into(), Value::from(2))]);
    assert_eq!(described(&bridge, &twice).await?, "{'k': 2}");
    assert_eq!(twice["k"], Value::from(2));
    assert_eq!(twice.to::<BTreeMap<String, i64>>()?["k"], 2);
    // To Python 1, 1.0 and True are one key.
    let equal = Value::Map(vec![(Value::from(1), Value::from("int")), (Value::from(true), Value::from("bool"))]);
    assert_eq!(described(&bridge, &equal).await?, "{1: 'bool'}");
    bridge.shutdown().await
}

// F14, F15
#[tokio::test]
async fn what_has_a_natural_form_leaves_in_it_and_the_rest_is_named_by_type_and_place() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    for (what, form) in [
        ("tuple", "[1, [2, []]]"),
        ("set", "[7]"),
        ("frozenset", "[7]"),
        ("naive datetime", r#""2024-02-29T12:00:00""#),
        ("date", r#""2024-02-29""#),
        ("timedelta", r#""P1DT1S""#),
        ("decimal", r#""1.10""#),
        ("uuid", r#""00000000-0000-0000-0000-000000000001""#),
        ("array", "[[1.0, 2.0], [3.0, 4.0]]"),
        ("complex", "[0+1j]"),
        ("aware datetime", "2024-02-29T12:00:00Z"),
    ] {
        assert_eq!(given(&bridge, what).await?.to_string(), form, "{what}");
    }
    let nameless = [
        ("object", "object has no form on the wire"),
        ("object", "$.a[3].owner"),
        ("object in a record", "$[0].cell.cell"),
    ];
    assert_refused(&bridge, &nameless).await;
    bridge.shutdown().await
}

// F14
#[tokio::test]
async fn objects_without_a_form_are_marks_where_tool_or_pool_says_so() -> Result<()> {
    let ledger = Ledger::new();
    for (policy, mark) in [
        (Unserializable::Type, "<object>"),
        (Unserializable::Repr, "<object object at 0x"),
        (Unserializable::Redacted, "<object object at …>"),
    ] {
        let builder = Bridge::builder().adapter("odd_tools:OddAdapter").python_path(python_folder()).workers(1);
        let config = BTreeMap::from([("ledger", ledger.path())]);
        let bridge = builder.config(&config).unserializable(policy).start().await?;
        let marked = given(&bridge, "object").await?;
        let Value::Opaque(object) = &marked["a"][3]["owner"] else { panic!("{marked}") };
        assert_eq!(object.type_name, "object");
        assert!(object.to_string().starts_with(mark), "{policy:?}: {object}");
        let items: Vec<_> = bridge.stream::<Value>("yield_then", args! { n: 1, what: "object" }).collect().await;
        assert!(matches!(items[1].as_ref().unwrap()["a"][3]["owner"], Value::Opaque(_)), "{items:?}");
        let raising = given(&bridge, "raising").await?;
        let Value::Opaque(mark) = &raising["rows"][0] else { panic!("{raising}") };
        assert_eq!((mark.type_name.as_str(), &mark.repr), ("odd_tools.Raising", &None), "its `repr` raises");
        assert_eq!(described(&bridge, &marked["a"][3]["owner"]).await?, object.to_string());
        assert_refused(&bridge, &[("itself", "contains itself"), ("lone surrogate", "$.text[0]")]).await;
        let strict = bridge.execute("strict", args! {}).await.unwrap_err();
        assert_eq!((strict.code(), strict.executed()), ("unserializable", Executed::Yes), "the tool's own word counts");
        bridge.shutdown().await?;
    }
    Ok(())
}

// F16
#[tokio::test]
async fn objects_that_raise_or_hang_while_they_are_encoded_cost_their_call_alone() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    let raising =
        [("raising", "Raising has no form"), ("raising", "$.rows[0]"), ("conversion that raises", "LookupError")];
    assert_refused(&bridge, &raising).await;
    let hanging = bridge.execute("give", args! { what: "conversion that hangs" }).timeout(Duration::from_millis(200));
    assert_eq!(hanging.await.unwrap_err().code(), "deadline_exceeded");
    assert!(given(&bridge, "nothing").await.is_ok());
    assert_eq!(bridge.workers()[0].number, 1, "the conversion was interrupted, the worker lives");
    bridge.shutdown().await
}

// F17
#[tokio::test]
async fn exceptions_are_told_within_limits_whatever_they_are_made_of() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    for (what, type_name, message, causes) in [
        ("no text", "odd_tools.Unspeakable", "<its text cannot be made: RuntimeError>", 0),
        ("huge", "ValueError", "xxx", 0),
        ("circle", "ValueError", "first", 1),
        ("chain", "ValueError", "99", 8),
        ("not text", "ValueError", r"(b'\xff', None, <class 'object'>)", 0),
        ("surrogate", "ValueError", r"\ud800", 0),
        ("huge note", "ValueError", "with a note", 0),
        ("StopIteration", "StopIteration", "1", 0),
        ("GeneratorExit", "GeneratorExit", "", 0),
    ] {
        let error = bridge.execute("throw", args! { what: what }).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("tool", Executed::Yes), "{what}: {error}");
        let exception = error.exception().unwrap();
        assert_eq!(exception.type_name, type_name);
        assert!(exception.message.starts_with(message) && exception.message.len() <= 64 << 10, "{what}");
        assert!(exception.traceback.as_deref().is_some_and(|text| text.len() <= 256 << 10), "{what}");
        assert_eq!(exception.causes.as_ref().map_or(0, Vec::len), causes, "{what}");
        assert!(exception.notes.iter().flatten().all(|note| note.len() <= 64 << 10), "{what}");
    }
    assert_eq!(bridge.workers()[0].number, 1, "no worker was lost");
    bridge.shutdown().await
}

// F18
#[tokio::test]
async fn a_hundred_thousand_keys_whose_low_bits_are_equal_pass_in_both_directions() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    let map = given(&bridge, "colliding keys").await?;
    assert_eq!(map.as_map().map(<[_]>::len), Some(100_000));
    // To hang here is to fail: the bound is the deadline.
    let counted = bridge.call::<u64>("keys", args! { value: map }).timeout(Duration::from_secs(20));
    assert_eq!(counted.await?, 100_000);
    bridge.shutdown().await
}

// F19
#[tokio::test]
async fn arguments_that_do_not_fit_the_signature_are_named_and_nothing_runs() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    let placed = |first: i32| Arguments::new().positional(&first);
    for (arguments, part) in [
        (args! {}, "`first`"),
        (args![1, 2, 3], "3"),
        (placed(1).positional(&2).named("second", &2), "second"),
        (placed(1).named("forth", &4), "`forth`"),
        (args!["one"], "`first`"),
        (placed(1).named("third", &1.5), "`third`"),
        (args![Value::Nil], "`first`"),
        (args![true], "`first`"),
    ] {
        let error = bridge.execute("place", arguments).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{error}");
        assert!(error.to_string().contains(part), "`{part}` in {error}");
    }
    assert_eq!(ledger.entries(), []);
    let fitting: Vec<i64> = bridge.call("place", placed(1).named("third", &5)).await?;
    assert_eq!(fitting, [1, 2, 5]);
    let by_name: Vec<i64> = bridge.call("place", args! { first: 1 }).await?;
    assert_eq!(by_name, [1, 2, 3], "whoever calls from Rust may name what Python takes by place alone");
    bridge.shutdown().await
}

// F20
#[tokio::test]
async fn nothing_is_something_in_every_form_it_has() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    bridge.call::<()>("nothing", args! {}).await?;
    bridge.call::<()>("nothing", args![]).await?;
    let forms = given(&bridge, "nothing").await?;
    let (list, map) = (Value::Array(vec![]), Value::Map(vec![]));
    let expected = [Value::Nil, Value::from(""), Value::from(Bytes::new()), list.clone(), map, list.clone(), list];
    assert_eq!(forms, Value::Array(expected.to_vec()));
    for (form, text) in expected.iter().zip(["None", "''", "b''", "[]", "{}"]) {
        assert_eq!(described(&bridge, form).await?, text);
    }
    let items: Vec<_> = bridge.stream::<Bytes>("yield_empty", args! { n: 10_000 }).collect().await;
    assert_eq!(items.len(), 10_000);
    assert!(items.iter().all(|item| item.as_ref().is_ok_and(Bytes::is_empty)));
    bridge.shutdown().await
}

// F1
#[tokio::test]
async fn arguments_over_the_limit_are_refused_before_anything_is_sent() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = odd(&ledger).await?;
    let limit = usize::try_from(snakebridge::wire::Limits::default().body).unwrap();
    // Zeroed pages that nobody touches until they are refused.
    let error = bridge.execute("echo", args! { value: Bytes::from(vec![0; limit]) }).await.unwrap_err();
    let ErrorKind::PayloadTooLarge { size, limit: named } = error.kind() else { panic!("{error}") };
    assert!(size > named && error.executed() == Executed::Never, "{error}");
    assert_eq!(bridge.workers()[0].number, 1, "no worker was touched");
    bridge.shutdown().await
}
