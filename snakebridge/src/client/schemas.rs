//! JSON Schemas of a client's Rust types beside those of Python's.
//!
//! Only what cannot fit is told: a value that may go through today is not refused for the one that may not tomorrow.

use super::fit::{DEPTH, Steps, resolve};
use crate::value::Value;

/// The schemas of the types that a client's tools take and give, where the types have any.
#[derive(Debug, Default)]
pub struct Schemas {
    tools: Vec<ToolSchemas>,
}

/// The schemas of one tool's types.
#[derive(Debug)]
pub struct ToolSchemas {
    name: &'static str,
    parameters: Vec<(&'static str, Value)>,
    pub(super) fields: Option<Value>,
    pub(super) returns: Option<Value>,
}

impl Schemas {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds those of one more tool.
    pub fn add(&mut self, tool: ToolSchemas) {
        self.tools.push(tool);
    }

    pub(super) fn tool(&self, name: &str) -> Option<&ToolSchemas> {
        self.tools.iter().find(|tool| tool.name == name)
    }
}

impl ToolSchemas {
    /// None yet, of the tool of that name in Python.
    pub fn new(name: &'static str) -> Self {
        Self { name, parameters: Vec::new(), fields: None, returns: None }
    }

    /// With that of an argument, or of the items of one.
    #[must_use]
    pub fn parameter(mut self, name: &'static str, schema: Option<Value>) -> Self {
        self.parameters.extend(schema.map(|schema| (name, schema)));
        self
    }

    /// With that of the argument whose fields are arguments.
    #[must_use]
    pub fn fields(mut self, schema: Option<Value>) -> Self {
        self.fields = schema;
        self
    }

    /// With that of the result, or of the items of one.
    #[must_use]
    pub fn returns(mut self, schema: Option<Value>) -> Self {
        self.returns = schema;
        self
    }

    pub(super) fn of(&self, parameter: &str) -> Option<&Value> {
        self.parameters.iter().find(|(name, _)| *name == parameter).map(|(_, schema)| schema)
    }
}

/// Why no value that is made by the one schema is taken by the other one, if none is.
pub(super) fn misfit(made: &Value, taken: &Value) -> Option<String> {
    Schema::whole(made).misfit(Schema::whole(taken), &Steps::new(), DEPTH)
}

/// A schema, or a part of one.
#[derive(Clone, Copy)]
pub(super) struct Schema<'a> {
    /// Where references lead to.
    root: &'a Value,
    at: &'a Value,
}

impl<'a> Schema<'a> {
    /// All of a schema.
    pub(super) fn whole(schema: &'a Value) -> Self {
        Self { root: schema, at: schema }
    }

    /// The schema of a property, behind references.
    pub(super) fn property(self, name: &str) -> Option<Self> {
        self.resolved()?.at["properties"].get(name).map(|at| Self { at, ..self })
    }

    /// Whether it says all properties that there can be.
    pub(super) fn is_closed(self) -> bool {
        self.resolved().is_some_and(|schema| {
            let additional = &schema.at["additionalProperties"];
            schema.at.get("properties").is_some()
                && (additional.is_nil() || *additional == Value::Bool(false))
                && !schema.is_combined()
        })
    }

    /// The names of the properties that are always there.
    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        let required = self.resolved().and_then(|schema| schema.at["required"].as_array());
        required.unwrap_or_default().iter().filter_map(Value::as_str)
    }

    /// Why `taken` takes nothing of what this makes, if so. `steps` and `depth` bound what refers to itself.
    pub(super) fn misfit(self, taken: Self, steps: &Steps, depth: u32) -> Option<String> {
        steps.take()?;
        let depth = depth.checked_sub(1)?;
        let (made, taken) = (self.resolved()?, taken.resolved()?);
        if made.is_combined() || taken.is_combined() {
            return None;
        }
        if let Some(choices) = made.choices() {
            return none_fits(choices, |choice| choice.misfit(taken, steps, depth));
        }
        if let Some(choices) = taken.choices() {
            return none_fits(choices, |choice| made.misfit(choice, steps, depth));
        }
        if let (Some(made), Some(taken)) = (made.values(), taken.values()) {
            let meet = made.iter().any(|value| taken.contains(value));
            return (!meet).then(|| format!("{} are made, {} are taken", list(&made), list(&taken)));
        }
        let (makes, takes) = (made.kinds()?, taken.kinds()?);
        let pairs = makes.iter().flat_map(|made| takes.iter().map(move |taken| (*made, *taken)));
        none_fits(pairs, |(make, take)| made.kind_misfit(taken, [make, take], steps, depth))
    }

    fn kind_misfit(self, taken: Self, kinds: [&str; 2], steps: &Steps, depth: u32) -> Option<String> {
        // Bytes, dates, decimals and the like have other forms than the one that JSON leaves them.
        if self.has_other_forms() || taken.has_other_forms() {
            return None;
        }
        match kinds {
            ["array", "array"] => self.array_misfit(taken, steps, depth),
            ["object", "object"] => self.object_misfit(taken, steps, depth),
            ["integer", "number"] => None,
            [made, taken] => (made != taken).then(|| format!("{made} for {taken}")),
        }
    }

    fn array_misfit(self, taken: Self, steps: &Steps, depth: u32) -> Option<String> {
        let prefix = |schema: Self| {
            let items = schema.at["prefixItems"].as_array();
            items.map(|items| items.iter().map(|at| Self { at, ..schema }).collect::<Vec<_>>())
        };
        let items = |schema: Self| schema.at.get("items").map(|at| Self { at, ..schema });
        match (prefix(self), prefix(taken)) {
            (Some(made), Some(taken)) if made.len() != taken.len() => {
                Some(format!("{} elements for {}", made.len(), taken.len()))
            }
            (Some(made), Some(taken)) => {
                made.iter().zip(taken).find_map(|(made, taken)| made.misfit(taken, steps, depth))
            }
            (Some(made), None) => {
                let taken = items(taken)?;
                made.iter().find_map(|made| made.misfit(taken, steps, depth))
            }
            (None, Some(taken)) => {
                let made = items(self)?;
                taken.iter().find_map(|taken| made.misfit(*taken, steps, depth))
            }
            (None, None) => items(self)?.misfit(items(taken)?, steps, depth),
        }
    }

    fn object_misfit(self, taken: Self, steps: &Steps, depth: u32) -> Option<String> {
        let absent = taken.required().find(|name| self.is_closed() && self.property(name).is_none());
        if let Some(name) = absent {
            return Some(format!("`{name}` is missing"));
        }
        let refuses = taken.at["additionalProperties"] == Value::Bool(false);
        let unknown = self.required().find(|name| refuses && taken.property(name).is_none());
        if let Some(name) = unknown {
            return Some(format!("`{name}` is unknown"));
        }
        self.required().chain(taken.required()).find_map(|name| {
            let misfit = self.property(name)?.misfit(taken.property(name)?, steps, depth)?;
            Some(format!("at `{name}`: {misfit}"))
        })
    }

    /// What the schema refers to, if it does.
    fn resolved(self) -> Option<Self> {
        let mut schema = self;
        for _ in 0..DEPTH {
            match schema.at["$ref"].as_str() {
                Some(reference) => schema.at = resolve(schema.root, reference)?,
                None => return Some(schema),
            }
        }
        None
    }

    /// Whether several schemas hold at once: nothing is concluded from one of them.
    fn is_combined(self) -> bool {
        let says = |key| self.at.get(key).is_some();
        says("allOf") || says("not") || ((says("anyOf") || says("oneOf")) && (says("properties") || says("required")))
    }

    /// The alternatives, without that of nothing: what counts is whether there can be something.
    fn choices(self) -> Option<impl Iterator<Item = Self>> {
        let choices = self.at["anyOf"].as_array().or_else(|| self.at["oneOf"].as_array())?;
        let is_null = |choice: &&Value| choice["type"].as_str() == Some("null");
        Some(choices.iter().filter(move |choice| !is_null(choice)).map(move |at| Self { at, ..self }))
    }

    /// The values, where these are said one by one.
    fn values(self) -> Option<Vec<&'a Value>> {
        let only = self.at.get("const").map(|value| vec![value]);
        only.or_else(|| self.at["enum"].as_array().map(|values| values.iter().collect()))
    }

    /// The kinds of values: `integer`, `object`. None where the schema does not say.
    fn kinds(self) -> Option<Vec<&'a str>> {
        let mut kinds = match (&self.at["type"], self.values()) {
            (Value::Str(kind), _) => vec![kind.as_str()],
            (Value::Array(kinds), _) => kinds.iter().filter_map(Value::as_str).collect(),
            (_, Some(values)) => values.into_iter().map(kind).collect(),
            _ => return None,
        };
        if kinds.len() > 1 {
            kinds.retain(|kind| *kind != "null");
        }
        Some(kinds)
    }

    fn has_other_forms(self) -> bool {
        !self.at["contentEncoding"].is_nil()
            || (self.at["type"].as_str() == Some("string") && !self.at["format"].is_nil())
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "null",
        Value::Bool(_) => "boolean",
        Value::Int(_) | Value::UInt(_) | Value::BigInt(_) => "integer",
        Value::Float(_) => "number",
        Value::Str(_) | Value::Bytes(_) | Value::Timestamp(_) => "string",
        Value::Array(_) | Value::NdArray(_) => "array",
        Value::Map(_) => "object",
        Value::Complex(_) | Value::Arrow(_) | Value::Opaque(_) => "something else",
    }
}

/// The first misfit if there are only misfits.
fn none_fits<T>(all: impl Iterator<Item = T>, misfit: impl Fn(T) -> Option<String>) -> Option<String> {
    let mut first = None;
    for one in all {
        let misfit = misfit(one)?;
        first.get_or_insert(misfit);
    }
    first
}

fn list(values: &[&Value]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    fn told(made: &Json, taken: &Json) -> Option<String> {
        misfit(&Value::from_serialize(made).unwrap(), &Value::from_serialize(taken).unwrap())
    }

    fn fits(made: &Json, taken: &Json) -> bool {
        told(made, taken).is_none()
    }

    #[test]
    fn what_a_schema_leaves_open_fits() {
        for open in [json!({}), json!(true), json!({"$ref": "#/$defs/Missing"}), json!({"allOf": [{"type": "null"}]})] {
            assert!(fits(&open, &json!({"type": "integer"})), "{open}");
            assert!(fits(&json!({"type": "integer"}), &open), "{open}");
        }
        assert!(fits(&json!({"type": "array"}), &json!({"type": "array", "items": {"type": "integer"}})));
    }

    #[test]
    fn an_integer_is_taken_for_a_number_and_a_number_for_no_integer() {
        assert!(fits(&json!({"type": "integer", "format": "uint8"}), &json!({"type": "number"})));
        let number = json!({"type": "number", "format": "double"});
        assert_eq!(told(&number, &json!({"type": "integer"})).as_deref(), Some("number for integer"));
    }

    #[test]
    fn of_alternatives_one_has_to_fit_and_nothing_is_no_alternative() {
        let optional = json!({"anyOf": [{"type": "integer"}, {"type": "null"}]});
        assert!(fits(&optional, &json!({"type": "integer"})));
        assert!(fits(&json!({"type": ["number", "null"]}), &json!({"type": "number"})));
        assert_eq!(told(&optional, &json!({"type": ["string", "null"]})).as_deref(), Some("integer for string"));
        let (texts, numbers) = (json!({"enum": ["a", "b"]}), json!({"oneOf": [{"const": 1}, {"const": 2}]}));
        assert_eq!(told(&texts, &numbers).as_deref(), Some("\"a\", \"b\" are made, 1 are taken"));
        assert!(fits(&json!({"oneOf": [{"const": "b", "type": "string"}, {"const": "c"}]}), &texts));
        assert!(!fits(&texts, &json!({"type": "integer"})));
    }

    #[test]
    fn bytes_and_texts_with_a_format_have_other_forms() {
        let bytes = json!({"type": "string", "contentEncoding": "base64"});
        assert!(fits(&json!({"type": "array", "items": {"type": "integer"}}), &bytes));
        assert!(fits(&json!({"type": "number"}), &json!({"type": "string", "format": "decimal"})));
    }

    #[test]
    fn lists_and_tuples_fit_element_by_element() {
        let tuple = json!({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false});
        let other = json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "string"}], "items": false});
        let of_three = json!({"type": "array", "prefixItems": [{}, {}, {}]});
        let texts = json!({"type": "array", "items": {"type": "string"}});
        assert!(fits(&tuple, &tuple) && fits(&other, &texts));
        assert_eq!(told(&tuple, &other).as_deref(), Some("integer for string"));
        assert_eq!(told(&tuple, &of_three).as_deref(), Some("2 elements for 3"));
        assert!(!fits(&tuple, &texts) && !fits(&texts, &tuple));
    }

    #[test]
    fn an_object_has_what_is_required_and_only_what_is_allowed() {
        let point = |extra: Json| {
            let mut point = json!({"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]});
            point.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            point
        };
        let plain = point(json!({}));
        let deep = json!({"type": "object", "properties": {"at": plain, "y": {}}, "required": ["at", "y"]});
        assert_eq!(told(&plain, &deep).as_deref(), Some("`at` is missing"));
        assert!(fits(&point(json!({"additionalProperties": true})), &deep), "it may have more than it says");
        assert_eq!(
            told(&deep, &json!({"type": "object", "properties": {}, "additionalProperties": false})).as_deref(),
            Some("`at` is unknown")
        );
        let of_text = json!({"type": "object", "properties": {"at": {"properties": {"x": {"type": "string"}},
            "type": "object", "required": ["x"]}}});
        assert_eq!(told(&deep, &of_text).as_deref(), Some("at `at`: at `x`: number for string"));
        assert!(
            fits(&point(json!({"oneOf": [{"properties": {"y": {}}}]})), &deep),
            "what is combined is not concluded from"
        );
    }

    #[test]
    fn what_refers_to_itself_ends() {
        let list = json!({"$ref": "#/$defs/L", "$defs": {"L": {"type": "object", "required": ["next"],
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/L"}, {"type": "null"}]}}}}});
        assert!(fits(&list, &list));
        let circle = json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}});
        assert!(fits(&circle, &list));
    }

    fn schemas() -> impl Strategy<Value = Json> {
        let plain = prop::sample::select(vec![
            json!({"type": "integer"}),
            json!({"type": "number"}),
            json!({"type": ["string", "null"]}),
            json!({"type": "string", "contentEncoding": "base64"}),
            json!({"enum": ["a", 1]}),
            json!({"const": "a"}),
            json!({"type": "null"}),
            json!({}),
        ]);
        plain.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|item| json!({"type": "array", "items": item})),
                prop::collection::vec(inner.clone(), 1..3)
                    .prop_map(|items| json!({"type": "array", "prefixItems": items, "items": false})),
                prop::collection::vec(inner.clone(), 1..3).prop_map(|choices| json!({"anyOf": choices})),
                (inner, any::<bool>()).prop_map(|(property, open)| json!({
                    "type": "object", "properties": {"a": property}, "required": ["a"], "additionalProperties": open,
                })),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_schema_fits_itself(schema in schemas()) {
            prop_assert_eq!(told(&schema, &schema), None);
        }
    }
}
