//! How long it takes until a hundred workers are ready that import much (numpy too, where it is installed): each by itself,
//! and forked from a template.
//!
//! The two take turns within one run. The last lines are `ratio` (the median of the first over that of the second) and
//! what a worker takes of memory that it does not share.

use std::time::{Duration, Instant};

use snakebridge::prelude::*;
use snakebridge_benches::quantile;

const WORKERS: usize = 100;
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> Result<()> {
    let [mut alone, mut forked] = [const { Vec::new() }; 2];
    let [mut memory_alone, mut memory_forked] = [0, 0];
    for round in 1..=ROUNDS {
        for (preload, times, memory) in
            [(false, &mut alone, &mut memory_alone), (true, &mut forked, &mut memory_forked)]
        {
            let (took, private) = start(preload).await?;
            println!("round {round}: {WORKERS} workers, preload {preload}: {took:?}");
            times.push(took);
            *memory = private;
        }
    }
    let (alone, forked) = (quantile(&mut alone, 0.5), quantile(&mut forked, 0.5));
    println!("\n{WORKERS} workers by themselves: {alone:?}; forked from a template: {forked:?} (medians of {ROUNDS})");
    println!("memory of the last worker that it shares with nobody: {memory_alone} KiB and {memory_forked} KiB");
    println!("ratio {:.1}", alone.as_secs_f64() / forked.as_secs_f64());
    Ok(())
}

/// Until all are ready, and the private memory of one of them in KiB.
async fn start(preload: bool) -> Result<(Duration, u64)> {
    let begun = Instant::now();
    let builder = Bridge::builder().adapter("heavy_tools").python_path("benches/python").preload(preload);
    let bridge = builder.workers(WORKERS).start_timeout(Duration::from_secs(300)).start().await?;
    while bridge.workers().len() < WORKERS {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let took = begun.elapsed();
    let private = bridge.workers().last().map_or(0, |worker| private_memory(worker.pid));
    bridge.shutdown().await?;
    Ok((took, private))
}

fn private_memory(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let private = rollup.lines().filter(|line| line.starts_with("Private_"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}
