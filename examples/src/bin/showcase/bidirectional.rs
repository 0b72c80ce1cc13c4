//! Both directions: a Python tool that asks Rust twice before it answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use snakebridge::prelude::*;

use crate::ShowcaseClient;
use crate::tools::Order;

/// What an order may come to without being looked at by anybody.
const LIMIT: u64 = 100;

/// What there is to buy, and how many orders there were.
pub(crate) struct Prices {
    of: BTreeMap<&'static str, u64>,
    orders: AtomicU64,
}

impl Default for Prices {
    fn default() -> Self {
        Self { of: BTreeMap::from([("tea", 5), ("bread", 3)]), orders: AtomicU64::new(0) }
    }
}

/// Tell what so many pieces of an article cost.
#[tool]
pub(crate) fn price(
    #[py(state)] prices: &Prices,
    /// What to buy.
    article: String,
    #[py(default = 1)] pieces: u64,
) -> Result<u64, String> {
    let price = prices.of.get(article.as_str()).ok_or_else(|| format!("there is no `{article}`"))?;
    price.checked_mul(pieces).ok_or_else(|| format!("{pieces} pieces are more than anybody has"))
}

/// Approve an order, and give it a number.
#[tool]
pub(crate) fn approve(#[py(state)] prices: &Prices, article: String, total: u64) -> Outcome<u64> {
    if total > LIMIT {
        return Outcome::Error(format!("{total} for {article} is above {LIMIT}"));
    }
    Outcome::Ok(prices.orders.fetch_add(1, Ordering::Relaxed) + 1)
}

pub(crate) async fn run(bridge: &Bridge) -> Result<()> {
    let tools: ShowcaseClient = bridge.client()?;
    let placed = tools.order("tea", 4).await?;
    println!("four teas: {placed:?}");
    assert_eq!(placed, Order::Placed { order: 1, total: 24.0 });

    let refused = tools.order("bread", 50).await?;
    println!("fifty breads: {refused:?}");
    assert_eq!(refused, Order::Refused { refused: "150 for bread is above 100".to_owned() });

    let error = tools.order("gold", 1).await.expect_err("nobody sells it");
    println!("gold: {error}");
    assert!(error.to_string().contains("there is no `gold`"), "{error}");
    Ok(())
}
