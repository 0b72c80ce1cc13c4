//! What a small call costs while a large body travels on the same pipes.
//!
//! One worker, three contenders that take turns within one run: small calls while nothing else happens; small calls while
//! 128 MiB of arguments travel to the worker; small calls while a result of 128 MiB travels back. Calls are made one after
//! the other, each as soon as the one before it is answered, on tokio's runtime of many threads and unpinned, as a service
//! has them.
//!
//! While the worker decodes the arguments or encodes the result, Python is busy, and small calls wait as they do behind
//! any tool on a worker that runs one call at a time. That shows in `max` alone: it happens once in a transfer.
//!
//! The last lines are `ratio` (the median beside a transfer over the idle median) and the 99th percentile.

use std::time::{Duration, Instant};

use snakebridge::prelude::*;
use snakebridge_benches::{micros, quantile};

/// Lives in `bench_tools.py`.
#[python_tool(adapter = "bench_tools:BenchAdapter")]
trait Bench {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
    async fn size(&self, data: &Bytes) -> Result<u64>;
    async fn blob(&self, size: u64) -> Result<Bytes>;
}

const LARGE: u64 = 128 << 20;
const ROUNDS: usize = 10;
const IDLE_CALLS: usize = 2_000;

#[derive(Default)]
struct Samples {
    calls: Vec<Duration>,
    transfers: Vec<Duration>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let bridge = Bridge::builder().client::<BenchClient>().python_path("benches/python").workers(1).start().await?;
    let bench = bridge.client::<BenchClient>()?;
    let data = Bytes::from(vec![7; usize::try_from(LARGE).unwrap_or(usize::MAX)]);
    // The first of each costs more: pages are touched, the blob is made.
    bench.size(&data).await?;
    bench.blob(LARGE).await?;
    let [mut idle, mut there, mut back] = [const { Samples { calls: Vec::new(), transfers: Vec::new() } }; 3];
    for _ in 0..ROUNDS {
        for _ in 0..IDLE_CALLS {
            idle.calls.push(one(&bench).await?);
        }
        beside(&bench, bench.size(&data), &mut there).await?;
        beside(&bench, bench.blob(LARGE), &mut back).await?;
    }
    println!("{ROUNDS} interleaved rounds, 128 MiB each way, one worker\n");
    println!("{:<34}{:>11}{:>12}{:>12}{:>9}", "small calls", "p50", "p99", "max", "calls");
    let mut medians = Vec::new();
    for (name, samples) in
        [("idle", &mut idle), ("beside 128 MiB to the worker", &mut there), ("beside 128 MiB back", &mut back)]
    {
        let count = samples.calls.len();
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| quantile(&mut samples.calls, share));
        println!("{name:<34}{:>11}{:>12}{:>12}{count:>9}", micros(p50), micros(p99), micros(max));
        medians.push((p50, p99));
    }
    println!();
    for (name, samples, (p50, p99)) in [("to the worker", &mut there, medians[1]), ("back", &mut back, medians[2])] {
        let whole = quantile(&mut samples.transfers, 0.5).as_secs_f64();
        println!(
            "{name}: 128 MiB in {:.0} ms, ratio {:.2}, p99 {}",
            whole * 1e3,
            p50.as_secs_f64() / medians[0].0.as_secs_f64(),
            micros(p99)
        );
    }
    bridge.shutdown().await
}

async fn one(bench: &BenchClient) -> Result<Duration> {
    let begun = Instant::now();
    bench.add(1.0, 2.0).await?;
    Ok(begun.elapsed())
}

/// Small calls for as long as a large one takes.
async fn beside<T: Send + 'static>(bench: &BenchClient, large: Call<T>, samples: &mut Samples) -> Result<()>
where
    Call<T>: Future<Output = Result<T>>,
{
    let begun = Instant::now();
    let large = tokio::spawn(async move {
        let outcome = large.await;
        (outcome, begun.elapsed())
    });
    while !large.is_finished() {
        samples.calls.push(one(bench).await?);
    }
    let (outcome, took) = large.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
    outcome?;
    samples.transfers.push(took);
    Ok(())
}
