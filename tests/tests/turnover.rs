//! What is left of workers that were replaced. A program of its own, because it counts its children.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use snakebridge::prelude::*;
use snakebridge_tests::{children, eventually, host_memory};

// M4
#[tokio::test]
async fn workers_that_come_and_go_leave_neither_processes_nor_descriptors_nor_threads() -> Result<()> {
    let builder = Bridge::builder().python(env!("CARGO_BIN_EXE_scripted_worker")).adapter("scripted");
    let bridge = builder.workers(2).start().await?;
    // Ten thousand with SNAKEBRIDGE_TURNOVERS=10000.
    let rounds: u64 = std::env::var("SNAKEBRIDGE_TURNOVERS").map_or(200, |number| number.parse().unwrap());
    let begun = std::time::Instant::now();
    let mut baseline = None;
    for round in 0..rounds {
        let worker = eventually("two workers", || {
            let workers: Vec<_> = bridge.workers().into_iter().filter(|worker| !worker.draining).collect();
            (workers.len() == 2).then(|| workers[0].clone())
        })
        .await;
        // Most leave in good order; those that are killed young are replaced later and later, up to five seconds.
        if round % (rounds / 25).max(40) == 0 {
            snakebridge_tests::kill(worker.pid);
        } else {
            bridge.recycle(worker.number).await?;
        }
        eventually("its end", || bridge.workers().iter().all(|other| other.number != worker.number).then_some(()))
            .await;
        if round == 20 {
            baseline = Some(held().await);
        }
    }
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let (descriptors, threads, memory) = held().await;
    let (before, threads_before, memory_before) = baseline.unwrap();
    println!("{rounds} workers in {:?}: {memory_before} KiB at first, {memory} KiB at the end", begun.elapsed());
    assert!(descriptors <= before + 4, "{descriptors} descriptors, {before} at first");
    assert!(threads <= threads_before + 2, "{threads} threads, {threads_before} at first");
    // What one of ten thousand leaves behind would be less than a kilobyte.
    assert!(memory <= memory_before + (8 << 10), "{memory} KiB, {memory_before} at first");
    bridge.shutdown().await?;
    eventually("all children to be gone", || children().is_empty().then_some(())).await;
    Ok(())
}

/// Descriptors, threads and memory in KiB of this process, once as many children are left as there are workers.
async fn held() -> (usize, usize, u64) {
    eventually("two children", || (children().len() == 2).then_some(())).await;
    let count = |folder| std::fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"), host_memory("VmRSS"))
}
