//! Load on a pool: how it scales beyond a hundred workers, what a burst does, what it is like beyond its capacity and with
//! failures, and whether it stays the same for as long as it runs.
//!
//! `cargo run --release -p snakebridge-examples --bin loadtest` runs all four with a hundred and twenty workers for about a
//! minute. `.. -- scaling burst --workers 16` runs some, with other sizes; `--short` takes sizes for a test. Each prints its
//! report, and fails if a call is unaccounted for. What is slow is a figure here, never a failure.

mod burst;
mod report;
mod scaling;
mod sizes;
mod stress;
mod sustained;
mod tools;

use snakebridge::prelude::*;

use self::sizes::Sizes;

#[tokio::main]
async fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{}", sizes::USAGE);
        return Ok(());
    }
    let sizes = match Sizes::read(std::env::args().skip(1)) {
        Ok(sizes) => sizes,
        Err(wrong) => {
            eprintln!("{wrong}\n\n{}", sizes::USAGE);
            std::process::exit(2);
        }
    };
    println!("{sizes}");
    for part in &sizes.parts {
        println!("\n== {part}");
        match part.as_str() {
            "scaling" => scaling::run(&sizes).await?,
            "burst" => burst::run(&sizes).await?,
            "stress" => stress::run(&sizes).await?,
            _ => sustained::run(&sizes).await?,
        }
    }
    println!("\nevery call is accounted for");
    Ok(())
}
