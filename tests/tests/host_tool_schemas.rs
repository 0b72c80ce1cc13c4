//! JSON Schemas of Rust tools: as language models are told of them, and as Python sees them.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use snakebridge::prelude::*;
use snakebridge::tools::{HostTool, Tools};
use snakebridge_tests::rust_tools;

/// What schemars' derive macro would write.
macro_rules! schema {
    ($name:ident, |$generator:pat_param| $schema:expr) => {
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Celsius,
    Kelvin,
}

schema!(Unit, |_| json_schema!({"type": "string", "enum": ["celsius", "kelvin"]}));

#[derive(Serialize, Deserialize)]
struct Place {
    latitude: f64,
    longitude: f64,
}

schema!(Place, |generator| json_schema!({
    "type": "object",
    "properties": {
        "latitude": {"type": "number", "description": "Degrees north."},
        "longitude": generator.subschema_for::<f64>(),
    },
    "required": ["latitude", "longitude"],
}));

/// Not described by a schema.
#[derive(Deserialize)]
struct Opaque;

#[derive(Serialize)]
struct Forecast {
    degrees: f64,
}

schema!(Forecast, |_| json_schema!({"type": "object", "properties": {"degrees": {"type": "number"}}}));

/// Tell the weather.
#[tool]
fn forecast(
    /// Where.
    place: Place,
    #[py(default = 1)] days: u8,
    unit: Option<Unit>,
    opaque: Opaque,
) -> Result<Forecast, String> {
    let _ = (place, days, unit, opaque);
    Err("nobody knows".to_owned())
}

#[tool(hidden)]
fn secret() {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exact {
    text: String,
    #[serde(default)]
    unit: Option<Unit>,
}

schema!(Exact, |generator| json_schema!({
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "What to parse."},
        "unit": generator.subschema_for::<Option<Unit>>(),
    },
    "required": ["text"],
    "additionalProperties": false,
}));

#[elixir_style_tool(exposed_to_python = true)]
fn exact(params: Exact) -> usize {
    let _ = params.unit;
    params.text.len()
}

#[elixir_style_tool(exposed_to_python = true)]
fn anything(params: Params) -> usize {
    params.iter().count()
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

fn listed(tools: &Tools) -> Vec<serde_json::Value> {
    tools.json_schema().as_array().unwrap().iter().map(json).collect()
}

#[test]
fn a_tool_is_listed_as_a_function_with_the_schema_of_its_arguments() {
    let [forecast] = &listed(&tools![forecast, secret])[..] else { panic!("the hidden one is not listed") };
    assert_eq!(
        (forecast["name"].as_str(), forecast["description"].as_str()),
        (Some("forecast"), Some("Tell the weather."))
    );
    let input = &forecast["input_schema"];
    assert_eq!((input["type"].as_str(), input["additionalProperties"].as_bool()), (Some("object"), Some(false)));
    assert_eq!(input["required"], serde_json::json!(["place", "opaque"]));
    let properties = &input["properties"];
    assert_eq!(properties["place"]["description"].as_str(), Some("Where."));
    assert_eq!(properties["place"]["required"], serde_json::json!(["latitude", "longitude"]));
    assert_eq!(properties["place"]["properties"]["latitude"]["description"].as_str(), Some("Degrees north."));
    assert_eq!(
        (properties["days"]["type"].as_str(), properties["days"]["default"].as_i64()),
        (Some("integer"), Some(1))
    );
    assert_eq!(properties["unit"]["$defs"]["Unit"]["enum"], serde_json::json!(["celsius", "kelvin"]));
    assert_eq!(properties["opaque"], serde_json::json!({}), "it may be anything");
}

#[test]
fn the_result_is_described_without_the_error() {
    let descriptor = forecast::Tool.descriptor();
    assert_eq!(descriptor.returns, "Forecast");
    assert_eq!(json(&descriptor.returns_schema.unwrap())["properties"]["degrees"]["type"].as_str(), Some("number"));
}

#[test]
fn other_arguments_are_allowed_where_the_params_take_them() {
    let [exact, anything] = &listed(&tools![exact, anything])[..] else { panic!("two tools") };
    let input = &exact["input_schema"];
    assert_eq!(input["additionalProperties"].as_bool(), Some(false));
    assert_eq!(input["required"], serde_json::json!(["text"]));
    assert_eq!(input["properties"]["text"]["description"].as_str(), Some("What to parse."));
    assert!(input["properties"]["unit"]["$defs"]["Unit"].is_object(), "what it refers to comes along: {input}");
    assert_eq!(anything["input_schema"]["additionalProperties"].as_bool(), Some(true));
}

#[tokio::test]
async fn python_reads_the_schemas() -> Result<()> {
    let bridge = rust_tools().workers(1).tools(tools![forecast]).start().await?;
    let parameters: Value = bridge.call("parameters", args! { name: "forecast" }).await?;
    assert_eq!(json(&parameters["place"]["schema"])["properties"]["longitude"]["type"].as_str(), Some("number"));
    assert!(parameters["opaque"]["schema"].is_nil());
    bridge.shutdown().await
}
