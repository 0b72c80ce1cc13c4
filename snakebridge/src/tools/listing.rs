//! The tools as the other side lists them: for Python as `$tools.list` answers, for language models as JSON Schema.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::catalogue::{Catalogue, is_exposed};
use super::{Descriptor, ToolParameter, Tools};
use crate::value::Value;

/// The answer to `$tools.list`.
#[derive(Serialize)]
pub(super) struct Listing {
    generation: u64,
    tools: Vec<ListedTool>,
}

#[derive(Serialize)]
struct ListedTool {
    name: Cow<'static, str>,
    description: Cow<'static, str>,
    streaming: bool,
    parameters: Vec<ListedParameter>,
    returns: ListedReturns,
    metadata: BTreeMap<Cow<'static, str>, Value>,
}

#[derive(Serialize)]
struct ListedParameter {
    name: Cow<'static, str>,
    #[serde(rename = "type")]
    type_name: Cow<'static, str>,
    description: Cow<'static, str>,
    required: bool,
    default: Option<Value>,
    schema: Option<Value>,
}

#[derive(Serialize)]
struct ListedReturns {
    #[serde(rename = "type")]
    type_name: Cow<'static, str>,
    schema: Option<Value>,
}

impl Catalogue {
    /// What Python sees in a session, by name.
    pub(super) fn listing(&self, session: Option<&str>) -> Listing {
        let exposed = self.visible(session).into_iter().filter(|registered| is_exposed(registered));
        let tools = exposed.map(|registered| listed((*registered.descriptor).clone())).collect();
        Listing { generation: self.generation(session), tools }
    }
}

fn listed(descriptor: Descriptor) -> ListedTool {
    ListedTool {
        name: descriptor.name,
        description: descriptor.description,
        streaming: descriptor.streaming,
        parameters: descriptor.parameters.into_iter().map(listed_parameter).collect(),
        returns: ListedReturns { type_name: descriptor.returns, schema: descriptor.returns_schema },
        metadata: descriptor.metadata.into_iter().collect(),
    }
}

fn listed_parameter(parameter: ToolParameter) -> ListedParameter {
    ListedParameter {
        name: parameter.name,
        type_name: parameter.type_name,
        description: parameter.description,
        required: parameter.required,
        default: parameter.default,
        schema: parameter.schema,
    }
}

impl Tools {
    /// The tools that Python may call, as language models are told of functions: for each its name, its description and
    /// the JSON Schema of its arguments, in which nothing else is allowed unless the tool takes it.
    ///
    /// A parameter has a schema where its type has one and the feature `schema` is on; elsewhere it may be anything.
    ///
    /// ```
    /// use snakebridge::prelude::*;
    ///
    /// /// Adds two numbers.
    /// #[tool]
    /// fn add(a: f64, #[py(default = 1)] b: i64) -> f64 {
    ///     a + b as f64
    /// }
    ///
    /// let listed = tools![add].json_schema();
    /// assert_eq!(listed[0]["name"].as_str(), Some("add"));
    /// assert_eq!(listed[0]["input_schema"]["required"][0].as_str(), Some("a"));
    /// ```
    pub fn json_schema(&self) -> Value {
        let descriptors = self.tools.iter().map(|tool| tool.descriptor()).filter(|descriptor| descriptor.exposed);
        Value::Array(descriptors.map(|descriptor| function(&descriptor)).collect())
    }
}

fn function(descriptor: &Descriptor) -> Value {
    let properties = descriptor.parameters.iter().map(|parameter| (text(&parameter.name), property(parameter)));
    let required = descriptor.parameters.iter().filter(|parameter| parameter.required);
    let input = object([
        ("type", Value::from("object")),
        ("properties", Value::Map(properties.collect())),
        ("required", Value::Array(required.map(|parameter| text(&parameter.name)).collect())),
        ("additionalProperties", Value::from(descriptor.open)),
    ]);
    object([("name", text(&descriptor.name)), ("description", text(&descriptor.description)), ("input_schema", input)])
}

/// A parameter's schema, with what its declaration says besides.
fn property(parameter: &ToolParameter) -> Value {
    let mut entries = match &parameter.schema {
        Some(Value::Map(entries)) => entries.clone(),
        _ => Vec::new(),
    };
    let mut say = |key: &str, value: Value| {
        entries.retain(|(other, _)| other.as_str() != Some(key));
        entries.push((Value::from(key), value));
    };
    if !parameter.description.is_empty() {
        say("description", text(&parameter.description));
    }
    if let Some(default) = parameter.default.as_ref().filter(|_| !parameter.required) {
        say("default", default.clone());
    }
    Value::Map(entries)
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
}

fn text(text: &str) -> Value {
    Value::from(text)
}
