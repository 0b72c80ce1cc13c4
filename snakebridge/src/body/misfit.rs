//! Why a body does not fit a Rust type, in words: looked for only after decoding has failed.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{de, ser};

use super::deserializer::Deserializer;
use super::unserializable;
use crate::error::Error;
use crate::wire::Violation;
use crate::wire::msgpack::Reader;

/// Why a value could not be read or written.
#[derive(Debug)]
pub(super) enum Reason {
    /// An array or map of so many values, of which the type has taken only some.
    Length(u64),
    /// In serde's words, or a type's own.
    Said(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "{length} elements"),
            Self::Said(text) => f.write_str(&without_repetition(text)),
        }
    }
}

impl std::error::Error for Reason {}

impl de::Error for Reason {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Said(message.to_string())
    }
}

impl ser::Error for Reason {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Said(message.to_string())
    }
}

impl From<Violation> for Reason {
    fn from(violation: Violation) -> Self {
        Self::Said(violation.to_string())
    }
}

/// The error for a body that is no `T`: what was expected, what came, and where.
pub(super) fn explain<T: DeserializeOwned>(body: &[u8]) -> Error {
    let expected = std::any::type_name::<T>();
    match serde_path_to_error::deserialize::<_, T>(Deserializer::new(&mut Reader::new(body))) {
        Err(error) => {
            let path = error.path().to_string();
            let place = if path == "." { String::new() } else { format!(" at `{path}`") };
            unserializable(format!("expected `{expected}`, got {}{place}", error.inner()))
        }
        // A type whose own deserialisation fails now and then.
        Ok(_) => unserializable(format!("expected `{expected}`; decoding failed once and then did not")),
    }
}

/// serde's own words, without what stands in our sentence already, with Python's name for nothing, and without the text of
/// strings: it may be a secret, and an error may end up in a log.
fn without_repetition(text: &str) -> String {
    let said = ["invalid type: ", "invalid value: "].into_iter().find_map(|prefix| text.strip_prefix(prefix));
    match said.and_then(|said| said.rsplit_once(", expected ")) {
        Some((got, _)) if got.starts_with("string \"") => "a string".to_owned(),
        Some((got, _)) => got.replace("unit value", "`None`").replace("newtype struct", "an extension value"),
        None if text.starts_with("missing field ") => text.replacen("missing", "a map without the", 1),
        None if text.starts_with("unknown field ") => text.replacen("unknown", "a map with the unknown", 1),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::body::{decode, encode};

    fn complaint<T: serde::de::DeserializeOwned + std::fmt::Debug>(value: impl serde::Serialize) -> String {
        decode::<T>(&encode(&value).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn what_came_is_named_in_words_and_the_place_of_it_with_it() {
        assert_eq!(complaint::<f64>("text"), "expected `f64`, got a string");
        assert_eq!(complaint::<String>(1.5), "expected `alloc::string::String`, got floating point `1.5`");
        let nested = BTreeMap::from([("rows", vec![1, 300])]);
        let text = complaint::<BTreeMap<String, Vec<u8>>>(nested);
        assert!(text.contains("`300`") && text.ends_with("at `rows[1]`"), "{text}");
        assert_eq!(complaint::<char>("hunter2"), "expected `char`, got a string", "its text may be a secret");
        let text = complaint::<u64>(());
        assert!(text.contains("`None`"), "{text}");
    }

    #[test]
    fn a_struct_that_lacks_a_field_or_has_one_too_many_is_a_map_to_its_sender() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "never decoded")]
        struct Point {
            x: f64,
        }
        let text = complaint::<Point>(BTreeMap::<String, f64>::new());
        assert!(text.ends_with("::Point`, got a map without the field `x`"), "{text}");
        let text = complaint::<Point>(BTreeMap::from([("y", 1.0)]));
        assert!(text.contains("::Point`, got a map with the unknown field `y`, expected `x`"), "{text}");
    }
}
