//! Many calls at once: the pool spreads them over its workers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use snakebridge::prelude::*;

use crate::{ShowcaseClient, WORKERS};

const CALLS: usize = 16;
const EACH: Duration = Duration::from_millis(50);

pub(crate) async fn run(bridge: &Bridge) -> Result<()> {
    let tools: ShowcaseClient = bridge.client()?;
    let begun = Instant::now();
    let processes = try_join_all((0..CALLS).map(|_| tools.wait(EACH.as_secs_f64()))).await?;
    let took = begun.elapsed();

    let mut calls: BTreeMap<u32, usize> = BTreeMap::new();
    for process in processes {
        *calls.entry(process).or_default() += 1;
    }
    println!("{CALLS} calls of {EACH:?} took {took:.0?}; one after the other they are {:?}", EACH * 16);
    for (process, calls) in &calls {
        println!("  process {process} ran {calls}");
    }
    assert_eq!(calls.values().sum::<usize>(), CALLS);
    assert!((2..=WORKERS).contains(&calls.len()), "several workers share the calls");

    // A call that nobody waits for any more is cancelled: its worker is free for others.
    let dropped = tools.wait(60.0);
    assert!(tokio::time::timeout(EACH, dropped).await.is_err());
    assert_eq!(tools.ping().await?, "pong");
    Ok(())
}
