//! A short chaos run. `cargo xtask chaos` makes long ones.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use snakebridge_tests::chaos::{Plan, run};

/// Another seed by `SNAKEBRIDGE_SEED`.
fn seed() -> u64 {
    std::env::var("SNAKEBRIDGE_SEED").map_or(1, |seed| seed.parse().expect("SNAKEBRIDGE_SEED is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_seconds_of_everything_that_can_go_wrong_break_no_promise() {
    let plan = Plan { seed: seed(), length: Duration::from_secs(20), ..Plan::default() };
    let report = run(&plan).await.unwrap();
    println!("{report}");
    assert!(report.calls() > 1000 && report.faults() > 10, "too little happened to show anything:\n{report}");
    assert_eq!(report.violations(), Vec::<String>::new(), "seed {}", plan.seed);
}
