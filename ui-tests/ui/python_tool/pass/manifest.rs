#![deny(warnings)]

use snakebridge::prelude::*;

#[derive(serde::Serialize)]
pub struct About {
    author: String,
}

/// Everything fits that may fit.
#[python_tool(adapter = "text_tools", manifest = "manifests/text_tools.json")]
pub trait Tools {
    /// Integers are taken for floats.
    #[py(name = "add")]
    async fn add_up(&self, #[py(name = "a")] first: f64, b: i64) -> Result<f64>;

    /// What has a default need not be given.
    async fn scale(&self, values: &[f64]) -> Result<Vec<f64>>;

    /// Integers come as floats.
    fn count(&self, to: u8) -> impl Stream<Item = Result<f32>>;

    /// What is a stream in Python may be a list here.
    async fn join(&self, words: &[&str], #[py(default = ", ")] separator: Option<&str>) -> Result<String>;

    /// Keyword arguments have any name, and types that are ours show nothing.
    async fn describe(&self, text: &str, year: u16, #[py(kwargs)] about: &About) -> Result<Report>;

    async fn find(&self, data: &Bytes, pattern: Option<&str>) -> Result<Option<Bytes>>;

    /// What a notification returns is of no interest.
    #[py(notify)]
    async fn log(&self, line: String) -> Result<()>;

    /// A method that is not there is not compared.
    #[cfg(any())]
    async fn forget(&self) -> Result<()>;
}

#[derive(serde::Deserialize)]
pub struct Report {
    pub words: usize,
}

/// Streams are streams on both sides.
#[python_tool(manifest = "manifests/text_tools.json")]
pub trait Streams {
    async fn join(&self, words: impl Stream<Item = String>) -> Result<Option<String>>;
}

fn main() {}
