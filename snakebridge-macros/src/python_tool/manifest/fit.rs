//! Whether what tokens show of a Rust type can meet a JSON Schema of Python's.
//!
//! The same question is asked of the running workers in `snakebridge/src/client/fit.rs`, with the same answers: both read
//! `tests/vectors/shapes.json`. Only what cannot fit is refused; what a schema leaves open fits.

use std::cell::Cell;

use super::json::Json;
use crate::python_tool::shape::Shape;

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// From Rust to Python, which refuses what does not fit.
    Argument,
    /// From Python to Rust.
    Result,
}

/// The most references and alternatives inside each other that are followed.
const DEPTH: u32 = 64;

/// How far a comparison goes before what is left passes: a schema that refers to itself in two places has more paths than
/// there is time.
const STEPS: u32 = 10_000;

/// Whether any value of that shape fits the schema.
pub(super) fn fits(shape: &Shape, schema: &Json, way: Way) -> bool {
    Fit { root: schema, way, steps: &Cell::new(STEPS) }.fits(shape, schema, DEPTH)
}

#[derive(Clone, Copy)]
struct Fit<'a> {
    /// Where references lead to.
    root: &'a Json,
    way: Way,
    /// How many are left.
    steps: &'a Cell<u32>,
}

impl<'a> Fit<'a> {
    fn fits(self, shape: &Shape, schema: &Json, depth: u32) -> bool {
        let (Some(depth), Some(steps)) = (depth.checked_sub(1), self.steps.get().checked_sub(1)) else { return true };
        self.steps.set(steps);
        if let Shape::Optional(inner) = shape {
            // `None` alone is no use: what counts is whether there can be something.
            return schema.text("type") == Some("null") || self.fits(inner, schema, depth);
        }
        if *shape == Shape::Unknown {
            return true;
        }
        if let Some(reference) = schema.text("$ref") {
            return self.resolve(reference).is_none_or(|schema| self.fits(shape, schema, depth));
        }
        for choice in ["anyOf", "oneOf"] {
            if let Some(schemas) = schema.array(choice) {
                return schemas.iter().any(|schema| self.fits(shape, schema, depth));
            }
        }
        if let Some(values) = schema.array("enum") {
            return values.iter().any(|value| fits_value(shape, value));
        }
        match schema.get("type") {
            Some(Json::Text(kind)) => self.fits_kind(shape, kind, schema, depth),
            Some(Json::Array(kinds)) => kinds.iter().any(|kind| match kind {
                Json::Text(kind) => self.fits_kind(shape, kind, schema, depth),
                _ => true,
            }),
            _ => true,
        }
    }

    fn fits_kind(self, shape: &Shape, kind: &str, schema: &Json, depth: u32) -> bool {
        match (kind, shape) {
            ("null", shape) => *shape == Shape::Nil,
            ("boolean", shape) => *shape == Shape::Bool,
            // Python takes an integer for a float, and Rust does too; neither takes a float for an integer.
            ("integer", shape) => *shape == Shape::Int || (*shape == Shape::Float && self.way == Way::Result),
            ("number", shape) => *shape == Shape::Float || (*shape == Shape::Int && self.way == Way::Argument),
            // Dates, decimals and the like have other forms too.
            ("string", _) if schema.get("format").is_some() => true,
            ("string", Shape::Bytes) => schema.get("contentEncoding").is_some(),
            ("string", shape) => *shape == Shape::Text && schema.get("contentEncoding").is_none(),
            ("array", Shape::List(item)) => {
                let fits = |schema: &Json| self.fits(item, schema, depth);
                let first = schema.array("prefixItems").unwrap_or_default();
                first.iter().all(fits) && schema.get("items").is_none_or(fits)
            }
            ("object", Shape::Map(_, value)) => {
                schema.get("additionalProperties").is_none_or(|schema| self.fits(value, schema, depth))
            }
            ("array" | "object", _) => false,
            _ => true,
        }
    }

    /// What `#/$defs/Name` leads to.
    fn resolve(self, reference: &str) -> Option<&'a Json> {
        let mut parts = reference.strip_prefix("#/")?.split('/');
        parts.try_fold(self.root, |schema, part| schema.get(part))
    }
}

fn fits_value(shape: &Shape, value: &Json) -> bool {
    match value {
        Json::Null => *shape == Shape::Nil,
        Json::Bool(_) => *shape == Shape::Bool,
        Json::Number(number) => *shape == Shape::Float || (*shape == Shape::Int && !number.contains(['.', 'e', 'E'])),
        Json::Text(_) => *shape == Shape::Text,
        Json::Array(_) | Json::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::parse;
    use super::*;

    /// A shape as the vectors write it: `"int"`, `{"list": "int"}`, `{"map": ["text", "int"]}`.
    fn shape(written: &Json) -> Shape {
        let boxed = |written: &Json| Box::new(shape(written));
        match written {
            Json::Text(name) => match name.as_str() {
                "unknown" => Shape::Unknown,
                "nil" => Shape::Nil,
                "bool" => Shape::Bool,
                "int" => Shape::Int,
                "float" => Shape::Float,
                "text" => Shape::Text,
                "bytes" => Shape::Bytes,
                other => panic!("`{other}` is no shape"),
            },
            written => match (written.get("optional"), written.get("list"), written.array("map")) {
                (Some(inner), None, None) => Shape::Optional(boxed(inner)),
                (None, Some(item), None) => Shape::List(boxed(item)),
                (None, None, Some([key, value])) => Shape::Map(boxed(key), boxed(value)),
                _ => panic!("{written:?} is no shape"),
            },
        }
    }

    #[test]
    fn shapes_fit_schemas_as_the_vectors_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/shapes.json");
        let vectors = parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        let vectors = vectors.array("vectors").unwrap();
        assert!(vectors.len() > 30);
        for vector in vectors {
            let (shape, schema) = (shape(vector.get("shape").unwrap()), vector.get("schema").unwrap());
            assert_eq!(fits(&shape, schema, Way::Argument), vector.is("argument"), "argument: {vector:?}");
            assert_eq!(fits(&shape, schema, Way::Result), vector.is("result"), "result: {vector:?}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = parse(r##"{"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}"##).unwrap();
        assert!(fits(&Shape::Int, &schema, Way::Argument));
    }

    #[test]
    fn a_schema_with_more_paths_than_time_ends() {
        let twice =
            r##"[{"type": "array", "items": {"$ref": "#/$defs/A"}}, {"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}]"##;
        let bomb = parse(&format!(r##"{{"$ref": "#/$defs/A", "$defs": {{"A": {{"anyOf": {twice}}}}}}}"##)).unwrap();
        assert!(fits(&Shape::Int, &bomb, Way::Argument));
    }
}
