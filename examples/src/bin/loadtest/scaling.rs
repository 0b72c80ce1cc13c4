//! Pools of more and more workers, each with as many calls at once as it has workers. The calls wait, as most tools do, so
//! that the cores are no limit: twice the workers are twice the throughput as long as the host keeps up.

use std::time::Instant;

use snakebridge::prelude::*;

use crate::report::{account, memory};
use crate::sizes::Sizes;
use crate::tools::{closed_loop, start};

/// How long each call takes.
const EACH: f64 = 20.0;

pub(crate) async fn run(sizes: &Sizes) -> Result<()> {
    let mut first = None;
    for workers in steps(sizes.workers) {
        let begun = Instant::now();
        let (bridge, tools) = start(workers, sizes.calls).await?;
        let ready = begun.elapsed();
        let calls = sizes.calls.min(workers * 50);
        let report = closed_loop(calls, workers, |_| tools.wait(EACH)).await;
        let base = *first.get_or_insert_with(|| report.throughput());
        println!(
            "{workers:>4} workers, ready in {ready:.1?}: {report}; {:.1} times the first",
            report.throughput() / base
        );
        println!("     {}", memory(&bridge));
        assert_eq!(report.succeeded(), calls, "{:?}", report.errors());
        account(&bridge, calls, 0);
        bridge.shutdown().await?;
    }
    Ok(())
}

/// One worker, and then four times as many until the largest pool.
fn steps(largest: usize) -> Vec<usize> {
    let mut steps: Vec<_> =
        std::iter::successors(Some(1), |step| Some(step * 4)).take_while(|&step| step < largest).collect();
    steps.push(largest);
    steps
}
