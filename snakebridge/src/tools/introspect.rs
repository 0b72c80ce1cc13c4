//! The parameters of a tool in the Elixir style, found out from the type that takes them.
//!
//! Where the type has a JSON Schema, that says all. Elsewhere the type is asked by being deserialised, from a source that
//! notes which fields it wants: a field that it misses is required, and what it asks of a value tells the value's type.

mod made_up;

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use self::made_up::MadeUp;
use super::ToolParameter;
use crate::value::Value;

/// The fields that `T` is made from, from its schema where there is one, and whether it takes others too. There are none
/// for a map, which takes any.
pub(super) fn parameters_of<T: DeserializeOwned>(schema: Option<&Value>) -> (Vec<ToolParameter>, bool) {
    let parameters = schema.and_then(from_schema).unwrap_or_else(from_deserialize::<T>);
    (parameters, takes_others::<T>())
}

fn takes_others<T: DeserializeOwned>() -> bool {
    let mut given = [("\0", String::new())];
    let made = T::deserialize(Fields { fields: &mut &[][..], given: &mut given });
    !matches!(made, Err(Wanting::Fewer))
}

fn from_schema(schema: &Value) -> Option<Vec<ToolParameter>> {
    let required = schema.get("required").and_then(Value::as_array).unwrap_or_default();
    let definitions = schema.get("$defs");
    let properties = schema.get("properties")?.as_map()?.iter();
    let parameter = |(name, property): &(Value, Value)| {
        let type_name = property.get("type").and_then(Value::as_str).unwrap_or("any");
        let mut parameter = ToolParameter::new(name.as_str()?.to_owned(), type_name.to_owned());
        parameter.required = required.contains(name);
        parameter.default = property.get("default").cloned();
        let description = property.get("description").and_then(Value::as_str);
        parameter.description = description.unwrap_or_default().to_owned().into();
        let mut own = property.clone();
        // What it refers to has to come along.
        if let (Value::Map(entries), Some(definitions)) = (&mut own, definitions.filter(|_| refers(property))) {
            entries.push((Value::from("$defs"), definitions.clone()));
        }
        parameter.schema = Some(own);
        Some(parameter)
    };
    properties.map(parameter).collect()
}

fn refers(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().any(refers),
        Value::Map(entries) => entries.iter().any(|(key, value)| key.as_str() == Some("$ref") || refers(value)),
        _ => false,
    }
}

fn from_deserialize<T: DeserializeOwned>() -> Vec<ToolParameter> {
    let mut fields: &'static [&'static str] = &[];
    let mut required: Vec<(&'static str, String)> = Vec::new();
    // One missing field comes out of each attempt, and is given in the next.
    let complete = loop {
        match T::deserialize(Fields { fields: &mut fields, given: &mut required }) {
            Err(Wanting::Field(name)) if !required.iter().any(|(given, _)| *given == name) => {
                required.push((name, "any".to_owned()));
            }
            other => break other.is_ok(),
        }
    };
    let parameter = |name: &&'static str| {
        let found = required.iter().find(|(given, _)| given == name).map(|(_, type_name)| type_name.clone());
        let was_missed = found.is_some();
        let type_name = found.unwrap_or_else(|| {
            // Given too, to hear what it asks of the value. That the whole may fail does not matter.
            let (mut fields, mut given) = (fields, vec![(*name, "any".to_owned())]);
            let _ = T::deserialize(Fields { fields: &mut fields, given: &mut given });
            given.swap_remove(0).1
        });
        // Where a made-up value did not fit, nobody said what else is missing.
        let is_required = was_missed || (!complete && !type_name.starts_with("Option<"));
        let mut parameter = ToolParameter::new(*name, type_name);
        parameter.required = is_required;
        parameter.default = (!is_required).then_some(Value::Nil);
        parameter
    };
    fields.iter().map(parameter).collect()
}

/// Why a type could not be made.
#[derive(Debug)]
enum Wanting {
    /// This field was missing.
    Field(&'static str),
    /// There was a field that it does not know.
    Fewer,
    /// Made-up values do not fit it.
    Other,
}

impl fmt::Display for Wanting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a made-up value did not fit")
    }
}

impl std::error::Error for Wanting {}

impl de::Error for Wanting {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::Fewer
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Field(field)
    }
}

/// A source of the fields of the outermost struct: those in `given`, whose types it notes there.
struct Fields<'a> {
    fields: &'a mut &'static [&'static str],
    given: &'a mut [(&'static str, String)],
}

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Wanting;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Wanting> {
        Err(Wanting::Other)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wanting> {
        *self.fields = fields;
        visitor.visit_map(Entries::new(self.given.iter_mut().map(|(name, noted)| (*name, noted))))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wanting> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

struct Entries<'a, I> {
    rest: I,
    value: Option<&'a mut String>,
}

impl<I> Entries<'_, I> {
    fn new(rest: I) -> Self {
        Self { rest, value: None }
    }
}

impl<'de, 'a, I: Iterator<Item = (&'static str, &'a mut String)>> MapAccess<'de> for Entries<'a, I> {
    type Error = Wanting;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wanting> {
        let Some((name, noted)) = self.rest.next() else { return Ok(None) };
        self.value = Some(noted);
        let key: StrDeserializer<'_, Wanting> = name.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wanting> {
        let noted = self.value.take().ok_or(Wanting::Other)?;
        seed.deserialize(MadeUp::new(noted))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::tools::Params;

    fn shown<T: DeserializeOwned>() -> Vec<(String, String, bool)> {
        let (parameters, _) = parameters_of::<T>(None);
        parameters
            .into_iter()
            .map(|found| (found.name.into_owned(), found.type_name.into_owned(), found.required))
            .collect()
    }

    fn field(name: &str, type_name: &str, required: bool) -> (String, String, bool) {
        (name.to_owned(), type_name.to_owned(), required)
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "never made but by the probe")]
    struct Tree {
        label: Option<String>,
        children: Vec<Tree>,
    }

    #[derive(Deserialize)]
    enum Mode {
        Strict,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "never made but by the probe")]
    struct Query {
        text: String,
        limit: Option<u8>,
        mode: Mode,
        #[serde(default)]
        tags: Vec<String>,
        #[serde(rename = "maxAge")]
        age: f64,
        counts: BTreeMap<String, u32>,
        tree: Tree,
        #[serde(default)]
        anything: Value,
    }

    #[test]
    fn a_struct_tells_its_fields_their_types_and_which_are_required() {
        assert_eq!(
            shown::<Query>(),
            [
                field("text", "String", true),
                field("limit", "Option<u8>", false),
                field("mode", "Mode", true),
                field("tags", "Vec<String>", false),
                field("maxAge", "f64", true),
                field("counts", "map", true),
                field("tree", "Tree", true),
                field("anything", "any", false),
            ]
        );
    }

    #[test]
    fn a_map_and_whatever_else_is_no_struct_take_anything() {
        assert_eq!(shown::<Params>(), []);
        assert_eq!(shown::<BTreeMap<String, u8>>(), []);
        assert_eq!(shown::<u8>(), []);
    }

    #[test]
    fn a_field_that_cannot_be_made_up_keeps_the_others_named() {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "never made but by the probe")]
        struct Listen {
            address: std::net::Ipv4Addr,
            name: String,
            limit: Option<u8>,
        }
        let expected =
            [field("address", "String", true), field("name", "String", true), field("limit", "Option<u8>", false)];
        assert_eq!(shown::<Listen>(), expected);
    }

    #[test]
    fn whether_others_are_taken_is_found_out_by_giving_one() {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "never made but by the probe")]
        struct Exact {
            text: String,
        }
        assert!(takes_others::<Query>() && takes_others::<Params>());
        assert!(!takes_others::<Exact>());
    }

    #[test]
    fn a_schema_says_it_all() {
        let schema = serde_json::json!({
            "properties": {
                "text": {"type": "string", "description": "What to parse."},
                "mode": {"$ref": "#/$defs/Mode"},
                "limit": {"type": "integer", "default": 3},
            },
            "required": ["mode", "text"],
            "$defs": {"Mode": {"enum": ["strict"]}},
        });
        let (parameters, _) = parameters_of::<Query>(Some(&Value::from_serialize(&schema).unwrap()));
        let find = |name: &str| parameters.iter().find(|found| found.name == name).unwrap();
        assert_eq!((&*find("text").description, find("text").required), ("What to parse.", true));
        assert_eq!((find("limit").default.clone(), find("limit").required), (Some(Value::from(3)), false));
        let of_mode = find("mode").schema.clone().unwrap();
        assert_eq!(of_mode["$defs"]["Mode"]["enum"][0].as_str(), Some("strict"));
        assert!(find("text").schema.clone().unwrap().get("$defs").is_none());
    }
}
