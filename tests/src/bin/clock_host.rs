//! A host whose wall clock is set while it works, by a year and back again: `clock_host LEDGER STEP`. Preloaded, there is a
//! library that adds as many seconds to the clock as the file `STEP` says. Panics where that changes anything.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use snakebridge::prelude::*;
use snakebridge_tests::python_folder;

const YEAR: i64 = 365 * 24 * 3600;

/// Processor time of this process so far, in clock ticks of a hundredth of a second.
fn ticks() -> u64 {
    let status = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let fields = status.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum()
}

/// What the wall clock says, in seconds.
#[expect(clippy::disallowed_methods, reason = "the test is about what it says")]
fn wall() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(ledger), Some(step)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: clock_host LEDGER STEP");
        std::process::exit(2);
    };
    let builder = Bridge::builder()
        .adapter("draining_tools:DrainingAdapter")
        .python_path(python_folder())
        .config(&BTreeMap::from([("ledger", &ledger), ("gate", &ledger)]))
        .pass_env("LD_PRELOAD")
        .pass_env("CLOCK_STEP")
        .workers(2)
        .max_age(Duration::from_hours(1))
        .health_interval(Duration::from_millis(50));
    let bridge = builder.start().await?;
    while bridge.workers().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let session = bridge.session("s").await?;
    session.state().set("key", &1).await?;
    let begun = wall();
    for (round, offset) in (1..).zip([YEAR, -YEAR, 0, YEAR]) {
        // One call runs while the clock is set, with time enough; another has too little, whatever the clock says.
        let running = bridge.call::<u64>("sleeps", args! { call: round, seconds: 0.4 }).timeout(Duration::from_mins(1));
        let running = tokio::spawn(running.into_future());
        let late = bridge.call::<u64>("sleeps", args! { call: 100 + round, seconds: 60 });
        let late = tokio::spawn(late.timeout(Duration::from_millis(600)).into_future());
        while std::fs::read_to_string(&ledger).unwrap_or_default().lines().count() < 2 * round {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::fs::write(&step, offset.to_string()).expect("a file");
        let seen: f64 = bridge.call("wall", args! {}).timeout(Duration::from_mins(1)).await?;
        #[expect(clippy::cast_precision_loss, reason = "a year is more than what is lost")]
        let (expected, seen_here) = (begun as f64 + offset as f64, wall() as f64);
        assert!((seen - expected).abs() < 1e6 && (seen_here - expected).abs() < 1e6, "the clock is set: {seen}");
        assert_eq!(running.await.expect("no panic")?, round as u64);
        assert_eq!(late.await.expect("no panic").expect_err("too late").code(), "deadline_exceeded");
        assert_eq!(session.state().get::<u64>("key").await?, Some(1));
        assert!(bridge.workers().iter().all(|worker| worker.age < Duration::from_mins(10)));
    }
    let numbers: Vec<u64> = bridge.workers().iter().map(|worker| worker.number).collect();
    assert_eq!(numbers, [1, 2], "none was replaced");
    // Nothing spins.
    let (before, quiet) = (ticks(), Instant::now());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let spent = Duration::from_millis(10 * (ticks() - before));
    assert!(spent < quiet.elapsed() / 4, "{spent:?} in {:?}", quiet.elapsed());
    bridge.shutdown().await?;
    println!("nothing has changed");
    Ok(())
}
