//! Tools in the Elixir style, and what is registered on a session: who sees it, for how long, and what Rust may call.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::rust_tools;

/// Arguments of the Python tools that call ours.
fn to(name: &str, arguments: Vec<(&str, Value)>) -> snakebridge::body::Arguments {
    let arguments = arguments.into_iter().map(|(name, value)| (Value::from(name), value)).collect();
    args! { name: name, arguments: Value::Map(arguments) }
}

#[derive(Deserialize)]
struct ParseNumber {
    text: String,
    limit: Option<u8>,
}

/// Parse a number.
#[elixir_style_tool(exposed_to_python = true, metadata(unit = "pieces"))]
fn parse_number(params: ParseNumber, session: &Session) -> Outcome<u8, BTreeMap<String, String>> {
    let reason = |why: &str| {
        let reason = [("why", why), ("text", &*params.text), ("session", session.id())];
        Outcome::Error(reason.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
    };
    match params.text.parse() {
        Ok(number) if params.limit.is_none_or(|limit| number <= limit) => Outcome::Ok(number),
        Ok(_) => reason("too large"),
        Err(_) => reason("no number"),
    }
}

/// Hidden from Python: it says nothing else.
#[elixir_style_tool]
async fn twice(params: Params) -> Result<i64> {
    Ok(params.get::<i64>("number")? * 2)
}

/// The same name for everybody.
#[tool(name = "parse_number")]
fn parse_for_all(text: String) -> String {
    format!("{text} for all")
}

#[tokio::test]
async fn a_plain_call_gives_the_value_and_a_tagged_one_the_outcome() -> Result<()> {
    let bridge = rust_tools().workers(1).start().await?;
    let session = bridge.session("s-1").await?;
    session.register(tools![parse_number])?;
    let seven = || vec![("text", Value::from("7"))];
    assert_eq!(session.call::<u8>("call", to("parse_number", seven())).await?, 7);
    assert_eq!(session.call::<(String, u8)>("tagged", to("parse_number", seven())).await?, ("fine".to_owned(), 7));
    let (tag, reason): (String, BTreeMap<String, String>) =
        session.call("tagged", to("parse_number", vec![("text", "7".into()), ("limit", 3.into())])).await?;
    assert_eq!((&*tag, &*reason["why"], &*reason["text"], &*reason["session"]), ("wrong", "too large", "7", "s-1"));
    let caught: Value = session.call("catch", to("parse_number", vec![("text", "x".into())])).await?;
    assert_eq!((caught["code"].as_str(), caught["data"]["why"].as_str()), (Some("error"), Some("no number")));
    // What is no outcome of the tool is raised, tagged or not.
    let error = session.call::<Value>("tagged", to("parse_number", vec![("limit", 3.into())])).await.unwrap_err();
    assert!(error.to_string().contains("without the field `text`"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn python_sees_the_fields_of_the_params() -> Result<()> {
    let bridge = rust_tools().workers(1).start().await?;
    let session = bridge.session("s-1").await?;
    session.register(tools![parse_number])?;
    let described: Value = session.call("describe", args! { name: "parse_number" }).await?;
    assert_eq!(described["signature"].as_str(), Some("(text: str, limit: int | None = None) -> int"));
    assert_eq!(described["description"].as_str(), Some("Parse a number."));
    assert_eq!(described["metadata"]["unit"].as_str(), Some("pieces"));
    bridge.shutdown().await
}

#[tokio::test]
async fn only_the_session_sees_what_was_registered_on_it_and_it_hides_what_everybody_sees() -> Result<()> {
    let bridge = rust_tools().workers(1).tools(tools![parse_for_all]).start().await?;
    let session = bridge.session("s-1").await?;
    let number = || to("parse_number", vec![("text", "7".into())]);
    assert_eq!(session.call::<Value>("call", number()).await?, Value::from("7 for all"));
    session.register(tools![parse_number])?;
    assert_eq!(session.call::<Value>("call", number()).await?, Value::from(7), "at once, though the worker had a list");
    let other = bridge.session("s-2").await?;
    assert_eq!(other.call::<Value>("call", number()).await?, Value::from("7 for all"));
    assert_eq!(bridge.call::<Value>("call", number()).await?, Value::from("7 for all"), "without a session");
    assert!(session.unregister("parse_number") && !session.unregister("parse_number"));
    assert_eq!(session.call::<Value>("call", number()).await?, Value::from("7 for all"), "seen again");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_session_that_ends_takes_its_tools_with_it() -> Result<()> {
    let bridge = rust_tools().workers(1).start().await?;
    let session = bridge.session("s-1").await?;
    session.register(tools![parse_number])?;
    assert_eq!(session.call::<Vec<String>>("names", args! {}).await?, ["parse_number"]);
    session.close().await?;
    let error = session.register(tools![twice]).unwrap_err();
    assert_eq!((error.code(), error.executed()), ("session_expired", Executed::Never));
    let again = bridge.session("s-1").await?;
    assert!(again.call::<Vec<String>>("names", args! {}).await?.is_empty(), "of the same id, and another");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_batch_of_which_one_is_refused_leaves_nothing_behind() -> Result<()> {
    let bridge = rust_tools().workers(1).start().await?;
    let session = bridge.session("s-1").await?;
    session.register(tools![twice])?;
    let error = session.register(tools![parse_number, twice]).unwrap_err();
    assert!(error.to_string().contains("there is a host tool `twice` already"), "{error}");
    assert!(session.call::<Vec<String>>("names", args! {}).await?.is_empty());
    bridge.shutdown().await
}

#[tokio::test]
async fn rust_calls_the_tools_of_a_session_too_also_those_that_python_does_not_see() -> Result<()> {
    let bridge = rust_tools().workers(1).start().await?;
    let session = bridge.session("s-1").await?;
    session.register(tools![parse_number, twice])?;
    assert_eq!(session.call_tool::<i64>("twice", args! { number: 21 }).await?, 42);
    let error = session.call_tool::<u8>("parse_number", args! { text: "x" }).await.unwrap_err();
    let snakebridge::error::ErrorKind::HostTool { code, data, .. } = error.kind() else { panic!("{error:?}") };
    assert_eq!((code.as_str(), data.as_ref().unwrap()["session"].as_str()), ("error", Some("s-1")));
    let error = session.call_tool::<u8>("thrice", args! {}).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("tool_not_found", Executed::Never));
    bridge.shutdown().await
}

#[derive(Serialize, Deserialize)]
struct Schema {
    name: String,
    #[serde(default)]
    fields: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Report {
    problems: usize,
    checked: u64,
}

#[elixir_style_tool(prefix = "validation.", exposed_to_python = true, timeout = "30s")]
trait Validation {
    /// Check a schema.
    async fn validate_schema(&self, params: Schema, context: &ToolContext) -> Outcome<Report>;

    #[py(exposed_to_python = false)]
    fn count(&self, params: Params) -> u64;
}

#[derive(Default)]
struct Strict {
    checked: AtomicU64,
}

impl Validation for Arc<Strict> {
    async fn validate_schema(&self, params: Schema, context: &ToolContext) -> Outcome<Report> {
        tokio::task::yield_now().await;
        let checked = self.checked.fetch_add(1, Ordering::Relaxed) + 1;
        match params.name.as_str() {
            "" => Outcome::Error(format!("a schema of {} needs a name", context.session_id().unwrap_or("nobody"))),
            _ => {
                Outcome::Ok(Report { problems: params.fields.iter().filter(|field| field.is_empty()).count(), checked })
            }
        }
    }

    fn count(&self, _: Params) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_service_is_called_by_python_and_by_rust_through_the_same_registry() -> Result<()> {
    let service = Arc::new(Strict::default());
    let bridge = rust_tools().workers(1).start().await?;
    let session = bridge.session("s-1").await?;
    session.register(ValidationTools::new(Arc::clone(&service)))?;
    assert_eq!(session.call::<Vec<String>>("names", args! {}).await?, ["validation.validate_schema"]);
    let fields = Value::from(vec!["id", ""]);
    let from_python = to("validation.validate_schema", vec![("name", "user".into()), ("fields", fields)]);
    assert_eq!(session.call::<Report>("call", from_python).await?, Report { problems: 1, checked: 1 });
    let client = ValidationClient::new(&session);
    let from_rust = client.validate_schema(Schema { name: "user".to_owned(), fields: vec![] }).await?;
    assert_eq!(from_rust, Report { problems: 0, checked: 2 });
    let error = client.validate_schema(Schema { name: String::new(), fields: vec![] }).await.unwrap_err();
    assert_eq!(error.to_string(), "error: a schema of s-1 needs a name");
    assert_eq!(client.count(Params::default()).await?, 3);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_that_needs_a_session_says_so_to_a_call_without_one() -> Result<()> {
    #[tool]
    fn whose(session: &Session) -> String {
        session.id().to_owned()
    }

    let bridge = rust_tools().workers(1).tools(tools![whose]).start().await?;
    let session = bridge.session("s-1").await?;
    assert_eq!(session.call::<String>("call", to("whose", vec![])).await?, "s-1");
    let caught: Value = bridge.call("catch", to("whose", vec![])).await?;
    assert_eq!((caught["code"].as_str(), caught["executed"].as_str()), (Some("session_not_found"), Some("never")));
    assert!(caught["message"].as_str().unwrap().contains("`.session(..)`"), "{caught}");
    bridge.shutdown().await
}

/// Ask Python something in the session that the tool was lent.
#[elixir_style_tool(exposed_to_python = true)]
async fn ask_back(_params: Params, session: &Session) -> Result<Vec<String>> {
    session.call("names", args! {}).await
}

#[tokio::test]
async fn a_tool_calls_python_back_in_its_session_on_the_worker_that_waits() -> Result<()> {
    let bridge = rust_tools().workers(1).start().await?;
    let session = bridge.session("s-1").await?;
    session.register(tools![ask_back])?;
    assert_eq!(session.call::<Vec<String>>("call", to("ask_back", vec![])).await?, ["ask_back"]);
    bridge.shutdown().await
}
