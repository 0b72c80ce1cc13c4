//! Traits beside manifests: the committed one while compiling, the running one when a client is made.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use snakebridge::prelude::*;
use snakebridge_tests::python_folder;

/// `SNAKEBRIDGE_WRITE=1` writes it anew, after a change of `python/typed_tools.py`.
const COMMITTED: &str = "manifests/typed_tools.json";

#[derive(Serialize)]
struct About {
    author: &'static str,
    year: u16,
}

#[python_tool(adapter = "typed_tools:TypedAdapter", manifest = "manifests/typed_tools.json", rename_all = "camelCase")]
trait Tools {
    async fn scale_all(&self, values: &[f64], #[py(default = 2.0)] by: Option<f64>) -> Result<Vec<f64>>;

    async fn described(&self, text: &str, pages: u32, #[py(kwargs)] about: &About) -> Result<BTreeMap<String, Value>>;

    async fn reversed(&self, data: &Bytes) -> Result<Bytes>;

    async fn joined(&self, words: impl Stream<Item = String>, separator: Option<&str>) -> Result<String>;

    fn letters(&self, text: &str) -> impl Stream<Item = Result<char>>;

    #[py(skip)]
    async fn joined_letters(&self, text: &str) -> Result<String> {
        let letters: Vec<Result<char>> = self.letters(text).collect().await;
        let letters: Vec<String> = letters.into_iter().map(|letter| letter.map(String::from)).collect::<Result<_>>()?;
        self.joined(futures::stream::iter(letters), Some("-")).await
    }
}

/// Another view of a tool: what is a stream in Python may be a list here.
#[python_tool(manifest = "manifests/typed_tools.json")]
trait Lists {
    async fn joined(&self, words: &[&str]) -> Result<String>;
}

async fn bridge() -> Result<Bridge> {
    Bridge::builder().client::<ToolsClient>().python_path(python_folder()).workers(1).start().await
}

#[tokio::test]
async fn the_committed_manifest_is_what_the_workers_offer() -> Result<()> {
    let bridge = bridge().await?;
    let json = bridge.manifest().unwrap().to_json();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
    if std::env::var_os("SNAKEBRIDGE_WRITE").is_some() {
        std::fs::write(&path, &json).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(json == committed, "tests/{COMMITTED} is old; write it anew with SNAKEBRIDGE_WRITE=1");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_trait_that_was_compiled_against_its_manifest_calls_its_tools() -> Result<()> {
    let bridge = bridge().await?;
    let tools = bridge.client::<ToolsClient>()?;
    assert_eq!(tools.scale_all(&[1.0, 2.0], Some(10.0)).await?, [10.0, 20.0]);
    assert_eq!(tools.scale_all(&[1.0, 2.0], None).await?, [2.0, 4.0], "Python has no default, and the trait has");
    let described = tools.described("a", 3, &About { author: "ada", year: 1843 }).await?;
    let about: Vec<String> = described.iter().map(|(name, value)| format!("{name} {value}")).collect();
    assert_eq!(about, ["author \"ada\"", "pages 3", "text \"a\"", "year 1843"]);
    assert_eq!(tools.reversed(&Bytes::from_static(b"abc")).await?[..], *b"cba");
    assert_eq!(tools.joined(futures::stream::iter(["a".to_owned(), "b".to_owned()]), None).await?, "a b");
    assert_eq!(bridge.client::<ListsClient>()?.joined(&["a", "b"]).await?, "a b");
    assert_eq!(tools.joined_letters("xyz").await?, "x-y-z", "a skipped method is the trait's own");
    bridge.shutdown().await
}

#[python_tool]
trait Misfit {
    #[py(name = "scaleAll")]
    async fn scale(&self, values: &[String]) -> Result<Vec<i64>>;
    async fn reversed(&self, data: Vec<u8>) -> Result<String>;
    async fn report(&self, text: impl Stream<Item = String>) -> Result<Value>;
    async fn joined(&self, words: &str) -> Result<String>;
}

#[tokio::test]
async fn types_that_cannot_fit_the_running_workers_are_named_when_the_client_is_made() -> Result<()> {
    let bridge = bridge().await?;
    let error = bridge.client::<MisfitClient>().unwrap_err();
    assert_eq!(error.code(), "manifest_mismatch");
    for part in [
        "`scaleAll` takes `list[float]` as `values` in Python, which list of text does not fit",
        "`scaleAll` needs `by: float`, which the client never gives",
        "`scaleAll` gives `list[float]` in Python, which does not fit list of integer",
        "`reversed` takes `bytes` as `data` in Python, which list of integer does not fit",
        "`reversed` gives `bytes` in Python, which does not fit text",
        "`report` takes one value as `text`, which is `str` in Python, and no stream",
        "`joined` takes a stream as `words`",
    ] {
        assert!(error.to_string().contains(part), "`{part}` in: {error}");
    }
    bridge.shutdown().await
}

/// A struct with a schema of those fields, written by hand: schemars' derive would bring another `syn` along.
macro_rules! with_schema {
    ($name:ident { $($field:ident : $ty:ty = $schema:literal),* }) => {
        #[derive(Serialize, Deserialize)]
        struct $name {
            $($field: $ty,)*
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "object",
                    "properties": { $(stringify!($field): { "type": $schema }),* },
                    "required": [$(stringify!($field)),*],
                })
            }
        }
    };
}
with_schema!(Report { words: u32 = "integer" });
with_schema!(OtherReport { count: u32 = "integer" });
with_schema!(TextReport { words: String = "string" });

#[python_tool]
trait Reports {
    async fn report(&self, text: &str) -> Result<Report>;
    async fn summed(&self, reports: &[Report]) -> Result<u32>;
}

#[python_tool]
trait OtherReports {
    async fn report(&self, text: &str) -> Result<OtherReport>;
    async fn summed(&self, reports: &[TextReport]) -> Result<u32>;
}

#[tokio::test]
async fn types_that_have_a_schema_are_compared_by_it() -> Result<()> {
    let bridge = bridge().await?;
    let reports = bridge.client::<ReportsClient>()?;
    let report = reports.report("three short words").await?;
    assert_eq!(reports.summed(&[report, Report { words: 4 }]).await?, 7);
    let error = bridge.client::<OtherReportsClient>().unwrap_err();
    for part in [
        "`report` gives `Report` in Python, which does not fit the client's type: `count` is missing",
        "`summed` takes `list[Report]` as `reports` in Python, and the client's is none: at `words`: string for integer",
    ] {
        assert!(error.to_string().contains(part), "`{part}` in: {error}");
    }
    bridge.shutdown().await
}
