use snakebridge::prelude::*;

use snakebridge::tools::Tools;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Schema {
    name: String,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Report {
    valid: bool,
}

/// Checks what Python makes.
#[elixir_style_tool(prefix = "validation.", exposed_to_python = true, timeout = "5s")]
pub trait Validation {
    /// Checks a schema.
    async fn validate_schema(&self, params: Schema, context: &ToolContext) -> Outcome<Report>;

    #[py(name = "names", exposed_to_python = false, description = "Lists them.")]
    fn known_names(&self, params: Params) -> Result<Vec<String>, String>;

    /// Has a body of its own.
    async fn count(&self, _params: Params) -> usize {
        self.known_names(Params::default()).map_or(0, |names| names.len())
    }
}

struct Strict;

impl Validation for Strict {
    async fn validate_schema(&self, params: Schema, _: &ToolContext) -> Outcome<Report> {
        match params.name.as_str() {
            "" => Outcome::Error("a schema has a name".to_owned()),
            _ => Outcome::Ok(Report { valid: true }),
        }
    }

    fn known_names(&self, _: Params) -> Result<Vec<String>, String> {
        Ok(vec!["user".to_owned()])
    }
}

async fn use_them(session: &snakebridge::tools::SessionTools) -> Result<bool> {
    let client = ValidationClient::new(session);
    let names: Vec<String> = client.known_names(Params::default()).await?;
    let report = client.clone().validate_schema(Schema { name: names[0].clone() }).await?;
    Ok(report.valid && client.count(Params::default()).await? == 1)
}

fn main() {
    let tools = Tools::from(ValidationTools::new(Strict));
    assert_eq!(format!("{tools:?}"), r#"["validation.validate_schema", "validation.names", "validation.count"]"#);
    let listed = tools.json_schema();
    assert_eq!(listed.as_array().unwrap().len(), 2, "one is hidden");
    assert_eq!(listed[0]["description"].as_str(), Some("Checks a schema."));
    let _ = use_them;
}
