//! Streams in both directions, each as fast as who reads it.

use futures::TryStreamExt;
use snakebridge::prelude::*;

use crate::ShowcaseClient;

const ROWS: u64 = 10_000;

pub(crate) async fn run(bridge: &Bridge) -> Result<()> {
    let tools: ShowcaseClient = bridge.client()?;
    let mut progress = tools.stream_progress(4, Some(5));
    let mut last = None;
    while let Some(step) = progress.try_next().await? {
        println!("  step {} of {}: {:.0} %", step.step, step.total, step.percent);
        last = Some(step.percent);
    }
    assert_eq!(last, Some(100.0));

    // With what Python says about each chunk.
    let mut chunks = tools.process_dataset(ROWS, 3_000).chunks();
    let (mut sum, mut ended) = (0, false);
    while let Some(chunk) = chunks.try_next().await? {
        sum += chunk.data;
        ended = chunk.is_final;
    }
    println!("{ROWS} rows sum up to {sum}");
    assert!(ended && sum == ROWS * (ROWS - 1) / 2);

    // A stream that is dropped ends its generator.
    let first: Vec<_> = tools.stream_progress(1_000_000, None).take(3).try_collect().await?;
    assert_eq!(first.len(), 3);

    // Rust makes the numbers while Python adds them up.
    let total = tools.total(futures::stream::iter((1..=1000).map(f64::from))).await?;
    println!("Python added up a thousand numbers of a stream: {total}");
    assert!((total - 500_500.0).abs() < 0.5);
    Ok(())
}
