//! What Python offers.

use serde::{Deserialize, Serialize};
use snakebridge::prelude::*;

/// Who answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Info {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) process: u32,
}

/// What training returns and predicting takes: Rust keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Model {
    pub(crate) centres: std::collections::BTreeMap<String, Vec<f64>>,
    means: Vec<f64>,
    spreads: Vec<f64>,
}

/// How one part of a validation went.
#[derive(Debug, Deserialize)]
pub(crate) struct Epoch {
    pub(crate) fold: u32,
    pub(crate) of: u32,
    pub(crate) accuracy: f64,
}

/// How far a tool is.
#[derive(Debug, Deserialize)]
pub(crate) struct Progress {
    pub(crate) step: u32,
    pub(crate) total: u32,
    #[serde(rename = "progress")]
    pub(crate) percent: f64,
}

/// What became of an order.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Order {
    /// It has a number.
    Placed { order: u64, total: f64 },
    /// It has none.
    Refused { refused: String },
}

/// The tools of `examples/python/showcase`.
#[python_tool(adapter = "showcase:ShowcaseAdapter", timeout = "30s")]
pub(crate) trait Showcase {
    /// Answers.
    #[py(idempotent)]
    async fn ping(&self) -> Result<String>;

    /// Says who answers.
    async fn adapter_info(&self) -> Result<Info>;

    /// Changes a text.
    async fn process_text(&self, text: &str, operation: Option<&str>) -> Result<String>;

    /// Takes some time, and tells the process.
    async fn wait(&self, seconds: f64) -> Result<u32>;

    /// Digests bytes.
    async fn checksum(&self, data: Bytes) -> Result<String>;

    /// Inverts a grey picture.
    async fn invert(&self, picture: Bytes) -> Result<Bytes>;

    /// Halves a grey picture in both directions.
    async fn halve(&self, picture: Bytes, width: usize) -> Result<Bytes>;

    /// Trains a classifier.
    async fn train(&self, features: &[Vec<f64>], labels: &[String]) -> Result<Model>;

    /// Says to which class each row belongs.
    async fn predict(&self, model: &Model, features: &[Vec<f64>]) -> Result<Vec<String>>;

    /// Trains without a part and tries that part, for each part.
    fn validate(
        &self,
        features: &[Vec<f64>],
        labels: &[String],
        folds: Option<u32>,
    ) -> impl Stream<Item = Result<Epoch>>;

    /// Keeps a value in the session.
    async fn remember(&self, key: &str, value: &Value) -> Result<u64>;

    /// Returns what the session keeps.
    #[py(idempotent)]
    async fn recall(&self, key: &str) -> Result<Value>;

    /// Tells how far it is.
    fn stream_progress(&self, steps: u32, delay_ms: Option<u32>) -> impl Stream<Item = Result<Progress>>;

    /// Works on many rows in pieces.
    fn process_dataset(&self, rows: u64, chunk_size: u64) -> impl Stream<Item = Result<u64>>;

    /// Adds up numbers while they come.
    async fn total(&self, values: impl Stream<Item = f64>) -> Result<f64>;

    /// Works under a span, and tells the events that this made.
    async fn measured(&self, items: u32) -> Result<Vec<String>>;

    /// Has Rust price and approve an order.
    async fn order(&self, article: &str, pieces: u32) -> Result<Order>;
}
