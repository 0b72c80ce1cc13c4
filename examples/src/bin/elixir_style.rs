//! Tools in the Elixir style: one `params` value in, `{:ok, value}` or `{:error, reason}` out, registered on a session;
//! and a trait that describes a service, for Python and for Rust.
//!
//! Run it with `cargo run -p snakebridge-examples --bin elixir_style`. The Python side is
//! `examples/python/report_tools.py`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use snakebridge::prelude::*;

/// What `parse_number` takes: what Python sees as its arguments.
#[derive(Deserialize)]
struct ParseNumber {
    text: String,
    limit: Option<u32>,
}

/// Parse a number.
#[elixir_style_tool(exposed_to_python = true, metadata(unit = "pieces"))]
fn parse_number(params: ParseNumber, session: &Session) -> Outcome<u32> {
    match params.text.parse() {
        Ok(number) if params.limit.is_none_or(|limit| number <= limit) => Outcome::Ok(number),
        Ok(number) => Outcome::Error(format!("{number} is too much for {}", session.id())),
        Err(_) => Outcome::Error("that is no number".to_owned()),
    }
}

/// A schema to be checked.
#[derive(Serialize, Deserialize)]
struct Schema {
    name: String,
    fields: Vec<String>,
}

/// What was found.
#[derive(Serialize, Deserialize)]
struct Report {
    problems: Vec<String>,
}

/// A service of the host: whoever implements it offers its methods as tools.
#[elixir_style_tool(prefix = "validation.", exposed_to_python = true)]
trait Validation {
    /// Check a schema.
    async fn validate_schema(&self, params: Schema) -> Outcome<Report>;
}

/// An implementation.
struct NoEmptyNames;

impl Validation for NoEmptyNames {
    async fn validate_schema(&self, Schema { name, fields }: Schema) -> Outcome<Report> {
        if name.is_empty() {
            return Outcome::Error("a schema has a name".to_owned());
        }
        let problems = fields.iter().enumerate().filter(|(_, field)| field.is_empty());
        Outcome::Ok(Report { problems: problems.map(|(index, _)| format!("field {index} has no name")).collect() })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let bridge = Bridge::builder()
        .adapter("report_tools:ReportAdapter")
        .python_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("python"))
        .workers(1)
        .start()
        .await?;
    let session = bridge.session("report-7").await?;
    session.register(tools![parse_number])?;
    session.register(ValidationTools::new(NoEmptyNames))?;

    // Python matches on the outcomes.
    let sum: Value = session.call("sum_of", args! { texts: ["7", "35", "many", "1000"] }).await?;
    println!("{sum}");
    let problems: Vec<String> = session.call("check", args! { name: "user", fields: ["id", ""] }).await?;
    println!("{problems:?}");

    // Rust calls the same service through the same registry.
    let validation = ValidationClient::new(&session);
    let report = validation.validate_schema(Schema { name: "user".to_owned(), fields: vec![] }).await?;
    println!("from Rust: {} problems", report.problems.len());
    let error = validation.validate_schema(Schema { name: String::new(), fields: vec![] }).await.err();
    println!("from Rust: {}", error.map(|error| error.to_string()).unwrap_or_default());

    // Another session has none of this.
    let other = bridge.session("report-8").await?;
    let error = other.call::<Value>("sum_of", args! { texts: ["7"] }).await.err();
    println!(
        "elsewhere: {}",
        error.map(|error| error.to_string()).unwrap_or_default().lines().next().unwrap_or_default()
    );
    bridge.shutdown().await
}
