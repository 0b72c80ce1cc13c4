//! What is called, and how the pools are made.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream;
use snakebridge::prelude::*;

use crate::report::Report;

/// The tools of `examples/python/loadtest_tools.py`.
#[python_tool(adapter = "loadtest_tools:LoadAdapter", timeout = "60s")]
pub(crate) trait LoadTools {
    /// Returns what it is given.
    #[py(idempotent)]
    async fn echo(&self, data: Bytes) -> Result<Bytes>;

    /// Waits, and tells the process.
    #[py(idempotent)]
    async fn wait(&self, milliseconds: f64) -> Result<u32>;

    /// Raises.
    async fn fail(&self) -> Result<()>;

    /// Ends its process.
    async fn die(&self) -> Result<()>;
}

/// A pool of so many workers, all of them ready, and all forked from one that has imported everything.
pub(crate) async fn start(workers: usize, queue: usize) -> Result<(Bridge, LoadToolsClient)> {
    let bridge = Bridge::builder()
        .client::<LoadToolsClient>()
        .python_path(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/python")))
        .preload(true)
        .workers(workers)
        .queue_limit(queue)
        .start()
        .await?;
    let tools = bridge.client()?;
    // A bridge has started when its first worker has. Whatever happens is a reason to look again, and so is some time.
    let mut events = bridge.events();
    while bridge.workers().len() < workers {
        let _ = tokio::time::timeout(Duration::from_millis(50), events.recv()).await;
    }
    Ok((bridge, tools))
}

/// Makes calls, so many at a time: the next when one has ended.
pub(crate) async fn closed_loop<T>(calls: usize, at_once: usize, mut make: impl FnMut(usize) -> Call<T>) -> Report
where
    Call<T>: Future<Output = Result<T>>,
{
    let mut report = Report::begin();
    let calls = (0..calls).map(|number| {
        let call = make(number);
        async move {
            let begun = Instant::now();
            let outcome = call.await;
            (begun.elapsed(), outcome)
        }
    });
    let mut ended = stream::iter(calls).buffer_unordered(at_once);
    while let Some((after, outcome)) = ended.next().await {
        report.add(after, &outcome);
    }
    report
}
