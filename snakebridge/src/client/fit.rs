//! Whether what the tokens of a Rust type show can meet a JSON Schema of Python's.
//!
//! The macros ask the same question of a committed manifest, in `snakebridge-macros/src/python_tool/manifest/fit.rs`, and
//! get the same answers: both read `tests/vectors/shapes.json`. Only what cannot fit is refused; what a schema leaves
//! open fits.

use std::cell::Cell;

use super::Shape;
use crate::value::Value;

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// From Rust to Python, which refuses what does not fit.
    Argument,
    /// From Python to Rust.
    Result,
}

/// The most references and alternatives inside each other that are followed.
pub(super) const DEPTH: u32 = 64;

/// How far a comparison goes before what is left passes. A schema is what a worker says it is, and one that refers to
/// itself in two places has more paths than there is time; a sensible one takes a few steps for each of its words.
#[derive(Debug)]
pub(super) struct Steps(Cell<u32>);

impl Steps {
    pub(super) fn new() -> Self {
        Self(Cell::new(10_000))
    }

    /// Takes one; `None` when there are no more.
    pub(super) fn take(&self) -> Option<()> {
        self.0.set(self.0.get().checked_sub(1)?);
        Some(())
    }
}

/// Whether any value of that shape fits the schema.
pub(super) fn fits(shape: &Shape, schema: &Value, way: Way) -> bool {
    Fit { root: schema, way, steps: &Steps::new() }.fits(shape, schema, DEPTH)
}

#[derive(Clone, Copy)]
struct Fit<'a> {
    /// Where references lead to.
    root: &'a Value,
    way: Way,
    steps: &'a Steps,
}

impl Fit<'_> {
    fn fits(self, shape: &Shape, schema: &Value, depth: u32) -> bool {
        let (Some(depth), Some(())) = (depth.checked_sub(1), self.steps.take()) else { return true };
        if let Shape::Optional(inner) = shape {
            // `None` alone is no use: what counts is whether there can be something.
            return schema["type"].as_str() == Some("null") || self.fits(inner, schema, depth);
        }
        if *shape == Shape::Unknown {
            return true;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            return resolve(self.root, reference).is_none_or(|schema| self.fits(shape, schema, depth));
        }
        for choice in ["anyOf", "oneOf"] {
            if let Some(schemas) = schema[choice].as_array() {
                return schemas.iter().any(|schema| self.fits(shape, schema, depth));
            }
        }
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().any(|value| fits_value(shape, value));
        }
        match &schema["type"] {
            Value::Str(kind) => self.fits_kind(shape, kind, schema, depth),
            Value::Array(kinds) => {
                kinds.iter().any(|kind| kind.as_str().is_none_or(|kind| self.fits_kind(shape, kind, schema, depth)))
            }
            _ => true,
        }
    }

    fn fits_kind(self, shape: &Shape, kind: &str, schema: &Value, depth: u32) -> bool {
        match (kind, shape) {
            ("null", shape) => *shape == Shape::Nil,
            ("boolean", shape) => *shape == Shape::Bool,
            // Python takes an integer for a float, and Rust does too; neither takes a float for an integer.
            ("integer", shape) => *shape == Shape::Int || (*shape == Shape::Float && self.way == Way::Result),
            ("number", shape) => *shape == Shape::Float || (*shape == Shape::Int && self.way == Way::Argument),
            // Dates, decimals and the like have other forms too.
            ("string", _) if !schema["format"].is_nil() => true,
            ("string", Shape::Bytes) => !schema["contentEncoding"].is_nil(),
            ("string", shape) => *shape == Shape::Text && schema["contentEncoding"].is_nil(),
            ("array", Shape::List(item)) => {
                let fits = |schema: &Value| self.fits(item, schema, depth);
                schema["prefixItems"].as_array().unwrap_or_default().iter().all(fits) && fits(&schema["items"])
            }
            ("object", Shape::Map(_, value)) => self.fits(value, &schema["additionalProperties"], depth),
            ("array" | "object", _) => false,
            _ => true,
        }
    }
}

/// What `#/$defs/Name` leads to.
pub(super) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let mut parts = reference.strip_prefix("#/")?.split('/');
    parts.try_fold(root, |schema, part| schema.get(part))
}

fn fits_value(shape: &Shape, value: &Value) -> bool {
    match value {
        Value::Nil => *shape == Shape::Nil,
        Value::Bool(_) => *shape == Shape::Bool,
        Value::Int(_) | Value::UInt(_) | Value::BigInt(_) => matches!(shape, Shape::Int | Shape::Float),
        Value::Float(_) => *shape == Shape::Float,
        Value::Str(_) => *shape == Shape::Text,
        // What else there is has more than one form.
        _ => true,
    }
}

impl std::fmt::Display for Shape {
    /// For messages: `a list of text`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("anything"),
            Self::Nil => f.write_str("nothing"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("integer"),
            Self::Float => f.write_str("float"),
            Self::Text => f.write_str("text"),
            Self::Bytes => f.write_str("bytes"),
            Self::Optional(inner) => write!(f, "optional {inner}"),
            Self::List(item) => write!(f, "list of {item}"),
            Self::Map(key, value) => write!(f, "map of {key} to {value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shape as the vectors write it: `"int"`, `{"list": "int"}`, `{"map": ["text", "int"]}`. Tests may leak.
    fn shape(written: &Value) -> Shape {
        let leaked = |written: &Value| -> &'static Shape { Box::leak(Box::new(shape(written))) };
        match written.as_str() {
            Some("unknown") => Shape::Unknown,
            Some("nil") => Shape::Nil,
            Some("bool") => Shape::Bool,
            Some("int") => Shape::Int,
            Some("float") => Shape::Float,
            Some("text") => Shape::Text,
            Some("bytes") => Shape::Bytes,
            Some(other) => panic!("`{other}` is no shape"),
            None => match (written.get("optional"), written.get("list"), written["map"].as_array()) {
                (Some(inner), None, None) => Shape::Optional(leaked(inner)),
                (None, Some(item), None) => Shape::List(leaked(item)),
                (None, None, Some([key, value])) => Shape::Map(leaked(key), leaked(value)),
                _ => panic!("{written} is no shape"),
            },
        }
    }

    #[test]
    fn shapes_fit_schemas_as_the_vectors_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/shapes.json");
        let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let json = Value::from_serialize(&json).unwrap();
        let vectors = json["vectors"].as_array().unwrap();
        assert!(vectors.len() > 30);
        for vector in vectors {
            let (shape, schema) = (shape(&vector["shape"]), &vector["schema"]);
            assert_eq!(Some(fits(&shape, schema, Way::Argument)), vector["argument"].as_bool(), "argument: {vector}");
            assert_eq!(Some(fits(&shape, schema, Way::Result)), vector["result"].as_bool(), "result: {vector}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = serde_json::json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}});
        assert!(fits(&Shape::Int, &Value::from_serialize(&schema).unwrap(), Way::Argument));
    }

    #[test]
    fn a_schema_with_more_paths_than_time_ends() {
        let again = serde_json::json!({"$ref": "#/$defs/A"});
        let choices = serde_json::json!([{"type": "array", "items": again}, again, again]);
        let bomb = serde_json::json!({"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": choices}}});
        assert!(fits(&Shape::Int, &Value::from_serialize(&bomb).unwrap(), Way::Argument));
    }

    #[test]
    fn shapes_are_said_in_words() {
        let shape = Shape::Map(&Shape::Text, &Shape::List(&Shape::Optional(&Shape::Int)));
        assert_eq!(shape.to_string(), "map of text to list of optional integer");
    }
}
