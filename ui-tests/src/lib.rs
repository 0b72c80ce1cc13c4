//! The tests are under `tests`, their cases in one folder a macro.
//!
//! Here is one trait with every key, for clippy and the compiler's lints to look at what becomes of it: with all of them
//! denied, generated code has to be as clean as written one.

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
