//! What the profiles of workers are good for: the same work in processes, in threads and on an event loop, and then each kind
//! of work where it belongs, in pools of one bridge that share a program.
//!
//! `cargo run --release -p snakebridge-examples --bin dual_mode` measures for about half a minute, `.. -- --short` for a test.
//! It prints how many times faster than one after the other each way is. The ratios depend on the machine, its cores and its
//! Python: one without the lock (3.13t and newer) computes in threads, too. So they are shown, and only results are checked.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use snakebridge::prelude::*;

/// The tools of `examples/python/dual_tools.py`.
#[python_tool(adapter = "dual_tools:DualAdapter", timeout = "120s")]
trait Dual {
    /// Computes in Python.
    async fn compute(&self, rounds: u32) -> Result<u64>;
    /// Computes in C.
    async fn digest(&self, mebibytes: u32) -> Result<String>;
    /// Waits, and keeps a thread.
    async fn wait(&self, seconds: f64) -> Result<()>;
    /// Waits, and keeps nothing.
    async fn wait_on_loop(&self, seconds: f64) -> Result<()>;
}

/// The pools, and what each is called in the table. All have one process but the first.
const POOLS: [(&str, &str); 3] = [("processes", "4 processes"), ("threads", "16 threads"), ("loop", "an event loop")];
const PROCESSES: usize = 4;
const THREADS: usize = 16;

/// How much is done.
struct Sizes {
    calls: usize,
    rounds: u32,
    mebibytes: u32,
    wait: f64,
}

/// A kind of work.
#[derive(Clone, Copy)]
enum Work {
    Compute,
    Digest,
    Wait,
    WaitOnLoop,
}

const WORK: [(Work, &str); 4] = [
    (Work::Compute, "computes in Python"),
    (Work::Digest, "computes in C"),
    (Work::Wait, "waits, keeping a thread"),
    (Work::WaitOnLoop, "waits, `async def`"),
];

impl Work {
    async fn once(self, tools: &DualClient, sizes: &Sizes) -> Result<()> {
        match self {
            Self::Compute => tools.compute(sizes.rounds).await.map(|value| assert!(value < 1_000_003)),
            Self::Digest => tools.digest(sizes.mebibytes).await.map(|digest| assert_eq!(digest.len(), 64)),
            Self::Wait => tools.wait(sizes.wait).await,
            Self::WaitOnLoop => tools.wait_on_loop(sizes.wait).await,
        }
    }

    /// What all calls would take in one process, one after the other: as many times what the quickest of a few takes.
    async fn one_by_one(self, tools: &DualClient, sizes: &Sizes) -> Result<Duration> {
        let mut quickest = Duration::MAX;
        for _ in 0..5 {
            let begun = Instant::now();
            self.once(tools, sizes).await?;
            quickest = quickest.min(begun.elapsed());
        }
        Ok(quickest * u32::try_from(sizes.calls).unwrap_or(u32::MAX))
    }

    /// All calls at once.
    async fn at_once(self, tools: &DualClient, sizes: &Sizes) -> Result<Duration> {
        let begun = Instant::now();
        try_join_all((0..sizes.calls).map(|_| self.once(tools, sizes))).await?;
        Ok(begun.elapsed())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let sizes = match std::env::args().nth(1).as_deref() {
        None => Sizes { calls: 32, rounds: 400_000, mebibytes: 16, wait: 0.05 },
        Some("--short") => Sizes { calls: 8, rounds: 2_000, mebibytes: 1, wait: 0.005 },
        Some(other) => {
            eprintln!("`{other}`: expected nothing, or `--short`");
            std::process::exit(2);
        }
    };
    let bridge = start().await?;
    let [processes, threads, event_loop] = POOLS.map(|(pool, _)| bridge.client_in::<DualClient>(pool));
    let pools = [processes?, threads?, event_loop?];

    println!("{} calls at once, and how many times faster than one after the other:\n", sizes.calls);
    println!("{:<26}{:>14}{:>14}{:>14}", "", POOLS[0].1, POOLS[1].1, POOLS[2].1);
    for (work, named) in WORK {
        let one_by_one = work.one_by_one(&pools[0], &sizes).await?;
        print!("{named:<26}");
        for tools in &pools {
            let took = work.at_once(tools, &sizes).await?;
            print!("{:>13.1}x", one_by_one.as_secs_f64() / took.as_secs_f64());
        }
        println!();
    }
    mixed(&pools, &sizes).await?;
    println!("\nthe workers of each pool:");
    for worker in bridge.workers() {
        println!(
            "  {:<10} worker {}: {} calls, {} KiB",
            worker.pool,
            worker.number,
            worker.calls,
            worker.memory().unwrap_or_default() >> 10
        );
    }
    bridge.shutdown().await
}

/// A bridge with a pool of each profile.
async fn start() -> Result<Bridge> {
    let python = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/python"));
    let [processes, threads, event_loop] = POOLS.map(|(pool, _)| pool);
    Bridge::builder()
        .pool(processes, |pool| pool.client::<DualClient>().python_path(&python).workers(PROCESSES))
        .pool(threads, |pool| {
            pool.client::<DualClient>().python_path(&python).workers(1).profile(Profile::Threads(THREADS))
        })
        .pool(event_loop, |pool| pool.client::<DualClient>().python_path(&python).workers(1).profile(Profile::Async))
        .start()
        .await
}

/// Everything at the same time, in one pool and then each kind where it belongs. What computes keeps nothing else waiting
/// when that is elsewhere.
async fn mixed([processes, threads, event_loop]: &[DualClient; 3], sizes: &Sizes) -> Result<()> {
    let begun = Instant::now();
    tokio::try_join!(
        Work::Compute.at_once(processes, sizes),
        Work::Digest.at_once(processes, sizes),
        Work::Wait.at_once(processes, sizes),
        Work::WaitOnLoop.at_once(processes, sizes),
    )?;
    let in_one = begun.elapsed();
    let begun = Instant::now();
    let (_, _, waited, waited_on_loop) = tokio::try_join!(
        Work::Compute.at_once(processes, sizes),
        Work::Digest.at_once(threads, sizes),
        Work::Wait.at_once(threads, sizes),
        Work::WaitOnLoop.at_once(event_loop, sizes),
    )?;
    let apart = begun.elapsed();
    println!("\nall four kinds at the same time:");
    println!("  in one pool of processes  {in_one:>8.1?}");
    println!("  each where it belongs     {apart:>8.1?}, what waits done after {waited:.1?} and {waited_on_loop:.1?}");
    Ok(())
}
