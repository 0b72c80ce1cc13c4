//! A trait that describes Python tools, and the client that it becomes; and a fake of it, for tests without Python.
//!
//! Run it with `cargo run -p snakebridge-examples --bin typed_client`. The Python side is
//! `examples/python/text_tools.py`.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use snakebridge::prelude::*;

/// One line's measure.
#[derive(Debug, Deserialize)]
pub struct Line {
    #[expect(dead_code, reason = "shown by `Debug`")]
    number: u64,
    #[expect(dead_code, reason = "shown by `Debug`")]
    length: u64,
}

/// Tools that read text; they live in `text_tools.py`.
#[python_tool(adapter = "text_tools:TextAdapter", timeout = "30s")]
pub trait TextTools {
    /// Count how often each word occurs. `lowercase` is left out when it is `None`, so Python's own default applies.
    #[py(idempotent)]
    async fn count_words(&self, text: &str, lowercase: Option<bool>) -> Result<HashMap<String, u64>>;

    /// Measure a text line by line. A Python generator is a stream.
    fn measure(&self, text: &str) -> impl Stream<Item = Result<Line>>;
}

/// Works with whatever implements the trait: the client, or a fake.
async fn most_frequent(tools: &impl TextTools, text: &str) -> Result<Option<(String, u64)>> {
    let counts = tools.count_words(text, None).await?;
    Ok(counts.into_iter().max_by_key(|(word, count)| (*count, word.clone())))
}

/// A fake for tests: no Python is started.
struct Fake;

impl TextTools for Fake {
    async fn count_words(&self, text: &str, _: Option<bool>) -> Result<HashMap<String, u64>> {
        Ok(HashMap::from([(text.to_owned(), 1)]))
    }

    fn measure(&self, _: &str) -> impl Stream<Item = Result<Line>> + use<> {
        futures::stream::empty()
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let bridge = Bridge::builder()
        .client::<TextToolsClient>()
        .python_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("python"))
        .workers(2)
        .start()
        .await?;
    let text = bridge.client::<TextToolsClient>()?;
    if let Some((word, count)) = most_frequent(&text, "Be or not to be").await? {
        println!("{word}: {count}");
    }
    let mut lines = text.measure("one\nthree");
    while let Some(line) = lines.next().await {
        println!("{:?}", line?);
    }
    bridge.shutdown().await?;

    if let Some((word, count)) = most_frequent(&Fake, "fake").await? {
        println!("{word}: {count}");
    }
    Ok(())
}
