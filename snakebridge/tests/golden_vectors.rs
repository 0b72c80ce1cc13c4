//! The golden vectors under `tests/vectors`: what every implementation of the protocol must agree on, byte for byte.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use serde_json::Value as Json;
use snakebridge::Value;
use snakebridge::body;
use snakebridge::value::Order;
use snakebridge::wire::codec;
use snakebridge::wire::{Header, Limits};

fn vectors(file: &str, list: &str) -> Vec<Json> {
    let path = format!("{}/../tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let document: Json = serde_json::from_str(&text).unwrap();
    let list = document[list].as_array().unwrap().clone();
    assert!(!list.is_empty());
    list
}

fn bytes(hex: &Json) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn every_frame_is_parsed_and_what_this_version_can_say_is_written_the_same() {
    let limit = Limits::default().frame;
    for vector in vectors("frames", "frames") {
        let (name, frame) = (&vector["name"], bytes(&vector["frame"]));
        let parsed = codec::parse(&frame, limit).unwrap_or_else(|error| panic!("{name}: {error}")).unwrap();
        assert_eq!(parsed.length, frame.len(), "{name}");
        assert_eq!(frame[parsed.body.clone()], bytes(&vector["body"]), "{name}");
        assert_kind(&parsed.header, &vector["header"]);
        // Elements and kinds of a later version are dropped, and trailing nils with them.
        let later =
            name.as_str().unwrap().contains("later version") || name.as_str().unwrap().contains("does not know");
        if later || matches!(parsed.header, Header::Unknown { .. }) {
            continue;
        }
        let mut again = Vec::new();
        codec::write(&mut again, &parsed.header, &frame[parsed.body.clone()]);
        let flagless_item = matches!(parsed.header, Header::Item { flags: 0, .. });
        if flagless_item {
            // Flags of an item may be left out; this implementation writes them.
            assert_eq!(codec::parse(&again, limit).unwrap().unwrap().header, parsed.header, "{name}");
        } else {
            assert_eq!(again, frame, "{name}");
        }
    }
}

fn assert_kind(header: &Header<'_>, described: &Json) {
    let kind = match header {
        Header::Hello { .. } => 0,
        Header::Ready { .. } => 1,
        Header::Call(_) => 2,
        Header::Reply { .. } => 3,
        Header::Error { .. } => 4,
        Header::Item { .. } => 5,
        Header::End { .. } => 6,
        Header::Part { .. } => 7,
        Header::Credit { .. } => 8,
        Header::Cancel { .. } => 9,
        Header::Ping { .. } => 10,
        Header::Pong { .. } => 11,
        Header::Event { .. } => 12,
        Header::GoAway { .. } => 14,
        Header::Unknown { kind } => *kind,
    };
    assert_eq!(Some(kind), described[0].as_u64());
}

#[test]
fn a_frame_split_anywhere_is_incomplete_until_its_last_byte() {
    for vector in vectors("frames", "frames") {
        let frame = bytes(&vector["frame"]);
        for end in 0..frame.len() {
            assert_eq!(codec::parse(&frame[..end], 1 << 20), Ok(None), "{} cut at {end}", vector["name"]);
        }
    }
}

#[test]
fn every_forbidden_frame_is_refused_for_its_own_reason() {
    for vector in vectors("invalid_frames", "invalid") {
        let (name, frame) = (&vector["name"], bytes(&vector["bytes"]));
        let violation = codec::parse(&frame, Limits::default().frame).expect_err(name.as_str().unwrap());
        assert_eq!(violation.kind(), vector["violation"], "{name}: {violation}");
    }
}

#[test]
fn every_value_round_trips_without_loss() {
    for vector in vectors("values", "values") {
        let (name, encoded) = (&vector["name"], bytes(&vector["bytes"]));
        let value: Value = body::decode(&encoded).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_is(&value, &vector["value"]);
        assert_eq!(body::encode(&value).unwrap(), encoded, "{name}");
    }
}

fn assert_is(value: &Value, described: &Json) {
    let (kind, content) = described.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("nil", Value::Nil) => {}
        ("bool", Value::Bool(value)) => assert_eq!(content, value),
        ("int", Value::Int(value)) => assert_eq!(content, &value.to_string()),
        ("int", Value::UInt(value)) => assert_eq!(content, &value.to_string()),
        ("float", Value::Float(value)) => assert_eq!(content, &format!("{:016x}", value.to_bits())),
        ("str", Value::Str(value)) => assert_eq!(content, value),
        ("bytes", Value::Bytes(value)) => assert_eq!(bytes(content), value[..]),
        ("array", Value::Array(values)) => {
            let described = content.as_array().unwrap();
            assert_eq!(values.len(), described.len());
            values.iter().zip(described).for_each(|(value, described)| assert_is(value, described));
        }
        ("map", Value::Map(entries)) => {
            let described = content.as_array().unwrap();
            assert_eq!(entries.len(), described.len());
            for ((key, value), entry) in entries.iter().zip(described) {
                assert_is(key, &entry[0]);
                assert_is(value, &entry[1]);
            }
        }
        ("timestamp", Value::Timestamp(value)) => {
            assert_eq!(content[0], value.seconds().to_string());
            assert_eq!(content[1], value.nanoseconds());
        }
        ("big", Value::BigInt(value)) => assert_eq!(content, &value.to_string()),
        ("complex", Value::Complex(value)) => {
            assert_eq!(content[0], format!("{:016x}", value.re.to_bits()));
            assert_eq!(content[1], format!("{:016x}", value.im.to_bits()));
        }
        ("ndarray", Value::NdArray(value)) => {
            assert_eq!(content[0], value.dtype().name());
            assert_eq!(content[1], Json::from(value.shape().to_vec()));
            assert_eq!(content[2], if value.order() == Order::C { "C" } else { "F" });
            assert_eq!(bytes(&content[3]), value.bytes());
        }
        ("arrow", Value::Arrow(value)) => assert_eq!(bytes(content), value.stream()),
        ("opaque", Value::Opaque(value)) => {
            assert_eq!(content[0], value.type_name);
            assert_eq!(content[1], Json::from(value.repr.clone()));
        }
        // Not written out: JSON readers have depth limits of their own.
        ("nested_arrays", value) => {
            let (mut depth, mut value) = (0, value);
            while let Value::Array(values) = value {
                depth += 1;
                let Some(inner) = values.first() else { break };
                value = inner;
            }
            assert_eq!(content, depth);
        }
        (kind, value) => panic!("expected {kind} {content}, got {value}"),
    }
}

#[test]
fn every_extension_that_means_nothing_is_an_error_of_its_value_alone() {
    for vector in vectors("values", "meaningless") {
        let (name, encoded) = (&vector["name"], bytes(&vector["bytes"]));
        body::check(&encoded, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let error = body::decode::<Value>(&encoded).expect_err(name.as_str().unwrap());
        assert_eq!(error.code(), "unserializable", "{name}: {error}");
        body::decode::<serde::de::IgnoredAny>(&encoded).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_forbidden_value_is_refused_for_its_own_reason() {
    for vector in vectors("values", "invalid") {
        let (name, encoded) = (&vector["name"], bytes(&vector["bytes"]));
        let error = body::decode::<Value>(&encoded).expect_err(name.as_str().unwrap());
        let snakebridge::error::ErrorKind::Protocol(violation) = error.kind() else { panic!("{name}: {error}") };
        assert_eq!(violation.kind(), vector["violation"], "{name}");
    }
}
