//! Rust functions that Python calls: a state that they share, errors that Python can decide by, and a value whose
//! methods are tools.
//!
//! Run it with `cargo run -p snakebridge-examples --bin host_tools`. The Python side is `examples/python/shop_tools.py`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use snakebridge::prelude::*;

/// What the shop sells. The builder is given one, and every call is lent it.
struct Prices(BTreeMap<&'static str, u64>);

/// An error of ours that becomes an exception with a code and data.
struct NoSuchArticle {
    article: String,
    nearest: Option<&'static str>,
}

impl From<NoSuchArticle> for ToolError {
    fn from(error: NoSuchArticle) -> Self {
        Self::new("no_such_article", format!("there is no `{}`", error.article)).with_data(&error.nearest)
    }
}

/// Tell what so many pieces of an article cost.
#[tool]
fn price(
    #[py(state)] prices: &Prices,
    /// What to buy.
    article: String,
    #[py(default = 1)] pieces: u64,
) -> Result<u64, NoSuchArticle> {
    match prices.0.get(&*article) {
        Some(price) => Ok(price * pieces),
        None => {
            let nearest = prices.0.keys().copied().find(|known| known.starts_with(&article[..1.min(article.len())]));
            Err(NoSuchArticle { article, nearest })
        }
    }
}

/// What is in stock. Its methods are tools that share it.
#[derive(Default)]
struct Stock {
    pieces: AtomicU64,
}

#[tool(prefix = "stock.")]
impl Stock {
    /// Put some into stock.
    async fn add(&self, pieces: u64) {
        self.pieces.fetch_add(pieces, Ordering::Relaxed);
    }

    /// Count what is in stock.
    #[tool(blocking)] // it could wait for a database: other calls go on meanwhile
    fn count(&self) -> u64 {
        self.pieces.load(Ordering::Relaxed)
    }
}

/// What Python makes of a basket.
#[derive(Debug, Deserialize)]
struct Total {
    sum: u64,
    refused: Vec<Refused>,
}

/// An article that there is not.
#[derive(Debug, Deserialize)]
struct Refused {
    article: String,
    nearest: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let bridge = Bridge::builder()
        .adapter("shop_tools:ShopAdapter")
        .python_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("python"))
        .workers(1)
        .state(Prices(BTreeMap::from([("tea", 4), ("milk", 1)])))
        .tools(tools![price])
        .tools(Stock::default())
        .start()
        .await?;

    let basket = BTreeMap::from([("tea", 2), ("milk", 3), ("toast", 1)]);
    let total: Total = bridge.call("total", args! { basket: basket }).await?;
    println!("the basket costs {}", total.sum);
    for Refused { article, nearest } in total.refused {
        println!("there is no {article}; did you mean {}?", nearest.unwrap_or_default());
    }

    let count: u64 = bridge.call("restock", args! { pieces: 5, times: 3 }).await?;
    println!("{count} pieces are in stock");

    // What a language model would be told of these functions.
    println!("{}", tools![price].json_schema());
    bridge.shutdown().await
}
