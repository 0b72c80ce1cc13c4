//! A steady rate for a while, whatever the answers take: latencies and memory stay what they were at first.

use std::time::{Duration, Instant};

use snakebridge::prelude::*;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::report::{Report, account, memory};
use crate::sizes::Sizes;
use crate::tools::start;

/// How many reports there are.
const QUARTERS: u32 = 4;
/// How long each call takes.
const EACH: f64 = 2.0;

pub(crate) async fn run(sizes: &Sizes) -> Result<()> {
    let (bridge, tools) = start(sizes.workers.min(16), sizes.calls.max(1000)).await?;
    println!("at first {}", memory(&bridge));
    let mut total = (0, 0);
    for quarter in 1..=QUARTERS {
        let report = quarter_of(&tools, sizes.rate, sizes.duration / QUARTERS).await;
        println!("quarter {quarter}: {report}");
        total = (total.0 + report.calls(), total.1 + report.errors().values().sum::<usize>());
    }
    println!("at last {}", memory(&bridge));
    account(&bridge, total.0, total.1);
    bridge.shutdown().await
}

/// Calls are made by the clock, and their latencies counted from when they were to be made: a pool that falls behind
/// cannot hide it by slowing its callers down.
async fn quarter_of(tools: &crate::tools::LoadToolsClient, rate: u32, duration: Duration) -> Report {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let mut report = Report::begin();
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rate);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let until = Instant::now() + duration;
    while Instant::now() < until {
        let due = clock.tick().await.into_std();
        let (call, ended) = (tools.wait(EACH), ended.clone());
        tokio::spawn(async move {
            let outcome = call.await;
            let _ = ended.send((due.elapsed(), outcome));
        });
    }
    drop(ended);
    while let Some((after, outcome)) = endings.recv().await {
        report.add(after, &outcome);
    }
    report
}
