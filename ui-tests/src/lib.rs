//! The tests are under `tests`, their cases in one folder a macro.
//!
//! Here are public items with every key, for clippy and the compiler's lints to look at what becomes of them: with all of
//! them denied, generated code has to be as clean as written one.

use std::sync::atomic::{AtomicI64, Ordering};

use snakebridge::prelude::*;

/// Everything that a trait can say.
#[python_tool(
    module = "text_tools",
    class = "TextAdapter",
    client = "EveryKey",
    rename_all = "camelCase",
    timeout = "1m30s",
    idempotent,
    session = "affine",
    crate = snakebridge
)]
pub trait EveryKeyOfATrait {
    /// A call.
    #[py(name = "find_all", timeout = "5s", retry = 3, cache = "10m", priority = "high", session = "none")]
    async fn find(
        &self,
        /// What to look in.
        data: &Bytes,
        #[py(name = "lang", default = "en")] language: Option<&str>,
        limit: Option<u32>,
        #[py(kwargs)] options: &Value,
    ) -> Result<Vec<u64>>;

    /// A notification.
    #[py(notify)]
    async fn log(&self, line: &str, values: &[f64]) -> Result<()>;

    /// Streams in and out.
    #[py(window = "64KiB", no_cancel)]
    fn translate(&self, lines: impl Stream<Item = String>, count: u8) -> impl Stream<Item = Result<String>>;

    /// No tool.
    #[py(skip)]
    async fn has(&self, data: &Bytes) -> Result<bool> {
        Ok(!self.find(data, None, None, &Value::Nil).await?.is_empty())
    }
}

/// The keys that the other trait has no room for.
#[python_tool(adapter = "text_tools:TextAdapter", manifest = "ui/python_tool/manifests/text_tools.json")]
pub trait Compared {
    /// Adds.
    async fn add(&self, a: f64, b: f64) -> Result<f64>;

    /// Counts.
    fn count(&self, to: u32) -> impl Stream<Item = Result<u32>>;
}

/// What a tool is lent.
#[derive(Debug)]
pub struct Words {
    /// Those that nobody may say.
    pub forbidden: Vec<String>,
}

/// A tool with every key that one value may have.
///
/// # Errors
/// When the text is empty.
#[tool(
    name = "check.text",
    description = "Check a text.",
    timeout = "5s",
    hidden,
    session,
    max_concurrency = 8,
    metadata(owner = "us", cost = 3),
    crate = snakebridge
)]
pub async fn check_text(
    context: &ToolContext,
    session: &Session,
    #[py(state)] words: &Words,
    /// The text to check.
    #[py(name = "text")]
    written: String,
    #[py(default = 3)] limit: usize,
    #[py(default)] strict: bool,
    language: Option<String>,
) -> Result<Vec<String>, ToolError> {
    std::future::ready(()).await;
    if written.is_empty() || context.is_cancelled() {
        return Err(ToolError::new("empty", format!("{} {language:?}", session.id())));
    }
    let found = words.forbidden.iter().filter(|word| strict && written.contains(*word));
    Ok(found.take(limit).cloned().collect())
}

/// A tool on a thread of its own.
#[tool(blocking)]
#[must_use]
pub fn length(text: String) -> usize {
    text.len()
}

/// A tool that streams.
#[tool]
pub fn letters(text: String) -> impl Stream<Item = char> {
    futures::stream::iter(text.chars().collect::<Vec<_>>())
}

/// A set of tools.
#[derive(Debug, Default)]
pub struct Counter(AtomicI64);

#[tool(prefix = "counter.", crate = snakebridge)]
impl Counter {
    /// Counts on.
    #[tool(name = "on", timeout = "5s", metadata(unit = "pieces"))]
    pub async fn increment(&self, #[py(default = 1)] by: i64) -> i64 {
        std::future::ready(()).await;
        self.add(by)
    }

    /// Begins again.
    #[tool(blocking, hidden, session, max_concurrency = 1, description = "Begin again.")]
    pub fn reset(&self, context: &ToolContext) {
        if !context.is_cancelled() {
            self.0.store(0, Ordering::Relaxed);
        }
    }

    /// Yields what comes next.
    pub fn next(&self, count: u8) -> impl Stream<Item = i64> {
        let first = self.0.load(Ordering::Relaxed);
        futures::stream::iter(0..count).map(move |more| first + i64::from(more))
    }

    #[py(skip)]
    fn add(&self, by: i64) -> i64 {
        self.0.fetch_add(by, Ordering::Relaxed) + by
    }
}

/// The params of the tools in the Elixir style.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Text {
    /// The text.
    pub text: String,
}

/// A tool in the Elixir style.
#[elixir_style_tool(
    name = "parse.number",
    description = "Parse a number.",
    exposed_to_python = true,
    timeout = "5s",
    metadata(unit = "pieces"),
    crate = snakebridge
)]
pub fn parse_number(params: Text, session: &Session, context: &ToolContext, #[py(state)] words: &Words) -> Outcome<u8> {
    match params.text.parse() {
        Ok(number) if !context.is_cancelled() && words.forbidden.is_empty() => Outcome::Ok(number),
        _ => Outcome::Error(format!("no number in {}", session.id())),
    }
}

/// A service in the Elixir style.
#[elixir_style_tool(prefix = "text.", exposed_to_python = true, timeout = "5s", crate = snakebridge)]
pub trait Texts {
    /// Measures a text.
    #[py(name = "size", description = "Measure a text.", exposed_to_python = false, timeout = "1s", metadata(cost = 1))]
    async fn measure(&self, params: Text, session: &Session) -> Outcome<usize>;

    /// Shouts.
    fn shout(&self, params: Params) -> Result<String>;

    /// Says what there is, with a body.
    async fn known(&self, params: Params) -> Vec<String> {
        params.iter().map(|(name, _)| name.to_owned()).collect()
    }
}
