//! Everything at once: one adapter, one bridge, and a part for each thing that they do together. Every part prints what it
//! does, and fails if that is not what it should be.
//!
//! `cargo run -p snakebridge-examples --bin showcase` runs all parts, `.. -- binary ml` some. The Python side is
//! `examples/python/showcase`.

mod basics;
mod bidirectional;
mod binary;
mod concurrent;
mod ml;
mod sessions;
mod streaming;
mod telemetry;
mod tools;

use std::path::PathBuf;

use snakebridge::prelude::*;

use self::tools::{Showcase, ShowcaseClient};

/// How many workers the parts share.
const WORKERS: usize = 4;

/// The parts, in the order in which they are best read.
const PARTS: [&str; 8] =
    ["basics", "binary", "concurrent", "ml", "sessions", "streaming", "telemetry", "bidirectional"];

#[tokio::main]
async fn main() -> Result<()> {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = chosen.iter().find(|part| !PARTS.contains(&part.as_str())) {
        eprintln!("`{unknown}` is no part; there are {}", PARTS.join(", "));
        std::process::exit(2);
    }
    let bridge = Bridge::builder()
        .client::<ShowcaseClient>()
        .python_path(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/python")))
        .workers(WORKERS)
        .state(bidirectional::Prices::default())
        .tools(tools![bidirectional::price, bidirectional::approve])
        .start()
        .await?;
    for part in PARTS.into_iter().filter(|part| chosen.is_empty() || chosen.iter().any(|name| name == part)) {
        println!("== {part}");
        match part {
            "basics" => basics::run(&bridge).await?,
            "binary" => binary::run(&bridge).await?,
            "concurrent" => concurrent::run(&bridge).await?,
            "ml" => ml::run(&bridge).await?,
            "sessions" => sessions::run(&bridge).await?,
            "streaming" => streaming::run(&bridge).await?,
            "telemetry" => telemetry::run(&bridge).await?,
            _ => bidirectional::run(&bridge).await?,
        }
    }
    println!("all of it is as it should be");
    bridge.shutdown().await
}
