//! Bodies: what is accepted is exactly what the limits allow, means what another decoder says, and survives being
//! written again.
//!
//! An input is a depth, a number of items, and a body.

use rmpv::Value as Reference;
use snakebridge::body::{self, Arguments, Received};
use snakebridge::error::ErrorKind;
use snakebridge::value::{BigInt, Complex, NdArray, Opaque, Timestamp};
use snakebridge::wire::{Executed, Limits, Violation};
use snakebridge::{Bytes, Error, Value};

use crate::input::Input;

/// Names of parameters that arguments are bound to.
const PARAMETERS: [&str; 4] = ["a", "b", "steps", "schema"];

/// Deeper than any limit that is tried, and shallow enough for the reference, which recurses.
const REFERENCE_DEPTH: usize = 300;

/// Runs one input.
///
/// # Panics
/// When decoding breaks a promise.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let limits = Limits { depth: u64::from(input.byte()), items: input.number(), ..Limits::default() };
    let body = input.rest();
    let reference = reference(body);
    check_limits(body, &limits, reference.as_ref());
    check_limits(body, &Limits::default(), reference.as_ref());
    decode(body, reference.as_ref());
    arguments(body, &limits);
    arguments(body, &Limits::default());
    error(body);
}

/// The body as the reference understands it, when it is one whole document to it.
fn reference(body: &[u8]) -> Option<Reference> {
    let mut rest = body;
    let value = rmpv::decode::read_value_with_max_depth(&mut rest, REFERENCE_DEPTH).ok()?;
    rest.is_empty().then_some(value)
}

/// A document is accepted exactly when it is one, and within the limits.
fn check_limits(body: &[u8], limits: &Limits, reference: Option<&Reference>) {
    let outcome = body::check(body, limits);
    let Some(reference) = reference else {
        // Too deep for the reference is too deep for every limit tried.
        assert!(outcome.is_err(), "accepted, but no document: {body:02x?}");
        return;
    };
    let (items, depth) = size(reference);
    match outcome {
        Ok(()) => assert!(
            items <= limits.items && depth <= limits.depth,
            "accepted {items} items, {depth} deep, beyond {limits:?}"
        ),
        Err(error) => match error.kind() {
            ErrorKind::Protocol(Violation::Depth(_)) => {
                assert!(depth > limits.depth, "{depth} deep is within {limits:?}");
            }
            ErrorKind::Protocol(Violation::Items(_)) => {
                assert!(items > limits.items, "{items} items are within {limits:?}");
            }
            // The reference takes the one byte that is no marker for nil, and strings that are not UTF-8.
            kind => assert!(
                matches!(kind, ErrorKind::Protocol(Violation::Decode(_)))
                    && (body.contains(&0xc1) || has_no_form(reference)),
                "refused, but a document: {error}"
            ),
        },
    }
}

/// How many values there are, and how deep containers stand in one another.
fn size(value: &Reference) -> (u64, u64) {
    let inner: Vec<&Reference> = match value {
        Reference::Array(values) => values.iter().collect(),
        Reference::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
        _ => return (1, 0),
    };
    let (items, depth) =
        inner.into_iter().map(size).fold((1, 0), |(items, depth), (more, deep)| (items + more, depth.max(deep)));
    (items, depth + 1)
}

fn decode(body: &[u8], reference: Option<&Reference>) {
    let accepted = body::check(body, &Limits::default()).is_ok();
    match (body::decode::<Value>(body), reference) {
        (Ok(value), Some(reference)) if accepted => {
            assert!(same(&value, reference), "{value} is {reference} to another decoder");
            let written = body::encode(&value).expect("what was decoded can be encoded");
            let again: Value = body::decode(&written).expect("what we encode is accepted");
            // Compared as bytes, because a NaN is not equal to itself.
            assert_eq!(body::encode(&again).ok(), Some(written), "{value} changes when it is written and read");
        }
        (Ok(value), _) => panic!("{value} was decoded from what is refused"),
        (Err(error), Some(reference)) if accepted => {
            assert!(has_no_form(reference), "a document within the limits is refused: {error}");
        }
        (Err(_), _) => {}
    }
    // Other types than the one that takes everything; what they make of it is theirs to say.
    let _ = body::decode::<(u8, String)>(body);
    let _ = body::decode::<std::collections::BTreeMap<String, i64>>(body);
    let _ = body::decode::<Option<Bytes>>(body);
    // Those that take extension values for what they mean.
    let _ = body::decode::<(i128, Timestamp, Complex, Opaque)>(body);
    let _ = body::decode::<Vec<Vec<f32>>>(body);
    let _ = body::decode::<NdArray>(body);
}

/// Whether it holds something that a value may be unable to say: an extension, or a string that is not UTF-8.
fn has_no_form(value: &Reference) -> bool {
    match value {
        Reference::Ext(..) => true,
        Reference::String(text) => text.as_str().is_none(),
        Reference::Array(values) => values.iter().any(has_no_form),
        Reference::Map(entries) => entries.iter().any(|(key, value)| has_no_form(key) || has_no_form(value)),
        _ => false,
    }
}

fn same(value: &Value, reference: &Reference) -> bool {
    match (value, reference) {
        (Value::Nil, Reference::Nil) => true,
        (Value::Bool(value), Reference::Boolean(reference)) => value == reference,
        (Value::Int(value), Reference::Integer(reference)) => reference.as_i64() == Some(*value),
        (Value::UInt(value), Reference::Integer(reference)) => {
            reference.as_i64().is_none() && reference.as_u64() == Some(*value)
        }
        (Value::Float(value), Reference::F64(reference)) => value.to_bits() == reference.to_bits(),
        (Value::Float(value), Reference::F32(reference)) => {
            value.to_bits() == f64::from(*reference).to_bits() || (value.is_nan() && reference.is_nan())
        }
        (Value::Str(value), Reference::String(reference)) => reference.as_str() == Some(value),
        (Value::Bytes(value), Reference::Binary(reference)) => value == reference,
        (Value::Array(values), Reference::Array(references)) => {
            values.len() == references.len() && values.iter().zip(references).all(|(value, other)| same(value, other))
        }
        (Value::Map(entries), Reference::Map(references)) => {
            entries.len() == references.len()
                && entries
                    .iter()
                    .zip(references)
                    .all(|((key, value), (other_key, other))| same(key, other_key) && same(value, other))
        }
        // A number is one value, in however many words it was said.
        (value, Reference::Ext(1, data)) => {
            BigInt::from_bytes(data).is_ok_and(|integer| Value::from(integer) == *value)
        }
        (Value::Timestamp(_), Reference::Ext(code, _)) => *code == -1,
        (Value::Complex(_), Reference::Ext(code, _)) => *code == 2,
        (Value::NdArray(_), Reference::Ext(code, _)) => *code == 3,
        (Value::Arrow(table), Reference::Ext(4, data)) => table.stream() == data[..],
        (Value::Opaque(_), Reference::Ext(code, _)) => *code == 7,
        _ => false,
    }
}

/// Arguments are bound to parameters without being changed, and can be sent again.
fn arguments(body: &[u8], limits: &Limits) {
    let Ok(bound) = Received::parse(body, limits).and_then(|received| received.bind(&PARAMETERS)) else { return };
    assert_eq!(bound.len(), PARAMETERS.len());
    let mut sent = Arguments::new();
    let mut values = Vec::new();
    for (name, argument) in PARAMETERS.into_iter().zip(bound) {
        let value = argument.map(|argument| {
            body::check(argument, limits).expect("an argument is a document within the limits");
            body::decode::<Value>(argument).ok()
        });
        let Some(value) = value.unwrap_or_default() else {
            values.push(None);
            continue;
        };
        sent = sent.named(name, &value);
        values.push(Some(body::encode(&value).expect("what was decoded can be encoded")));
    }
    let sent = sent.finish().expect("what was bound can be sent").body;
    let again = Received::parse(&sent, &Limits::default()).and_then(|received| received.bind(&PARAMETERS));
    let again: Vec<Option<Bytes>> = again
        .expect("what was sent is accepted")
        .into_iter()
        .map(|argument| argument.map(Bytes::copy_from_slice))
        .collect();
    assert_eq!(again, values, "arguments change when they are sent again");
}

/// Whatever an ERROR carries, it becomes an error that can be told to the next peer.
fn error(body: &[u8]) {
    for code in ["tool", "payload_too_large", "host_tool", "unheard_of"] {
        let error = Error::from_wire(code, Executed::Maybe, body);
        assert_eq!(error.executed(), Executed::Maybe);
        let told = error.to_wire();
        body::check(&told, &Limits::default()).expect("the body of an error is within the limits");
    }
}
