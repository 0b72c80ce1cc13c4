//! Many callers, and one run of Python for many of them: 64 tasks that ask one question after the other.
//!
//! Run it with `cargo run --release -p snakebridge-examples --bin batching`. The Python side is
//! `examples/python/vector_tools.py`.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use snakebridge::prelude::*;

const CALLERS: usize = 64;
const QUESTIONS: usize = 20;

/// What the program sees of the tools: nothing says that one of them is run for many calls at once.
#[python_tool(adapter = "vector_tools:VectorAdapter")]
trait Vectors {
    async fn nearest(&self, query: &[f64]) -> Result<usize>;
    async fn nearest_alone(&self, query: &[f64]) -> Result<usize>;
}

/// Different for each question, and the same in each run.
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
fn query(caller: usize, question: usize) -> Vec<f64> {
    (0..16_u32).map(|axis| f64::from(axis + 1) * (caller * QUESTIONS + question + 1) as f64).map(f64::sin).collect()
}

/// Has all callers ask all their questions, and tells what they were answered and how long that took.
async fn ask<F>(call: impl Fn(Vec<f64>) -> F) -> Result<(Vec<usize>, Duration)>
where
    F: Future<Output = Result<usize>>,
{
    let begun = Instant::now();
    let call = &call;
    let answers = try_join_all((0..CALLERS).map(|caller| async move {
        let mut answers = Vec::new();
        for question in 0..QUESTIONS {
            answers.push(call(query(caller, question)).await?);
        }
        Ok::<_, Error>(answers)
    }));
    Ok((answers.await?.concat(), begun.elapsed()))
}

#[tokio::main]
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
async fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let bridge = Bridge::builder().client::<VectorsClient>().python_path(folder).workers(1).start().await?;
    let vectors = bridge.client::<VectorsClient>()?;

    let client = vectors.clone();
    let (alone, slow) = ask(move |query| {
        let client = client.clone();
        async move { client.nearest_alone(&query).await }
    })
    .await?;
    let (together, fast) = ask(move |query| {
        let vectors = vectors.clone();
        async move { vectors.nearest(&query).await }
    })
    .await?;

    let statistics = bridge.statistics();
    let nearest = &statistics.tools["nearest"];
    // A call that nobody joined is a run of its own.
    let runs = nearest.batches + nearest.requests - nearest.batched;
    println!("{} calls ran in {runs} runs, {:.1} at a time", nearest.requests, nearest.requests as f64 / runs as f64);
    println!("the answers are the same: {}", alone == together);
    println!("{:.1} times as fast as one by one", slow.as_secs_f64() / fast.as_secs_f64());

    let nonsense = bridge.call::<usize>("nearest", args! { query: [1.0, 2.0] }).await;
    println!("{}", nonsense.expect_err("two dimensions are no query"));
    bridge.shutdown().await
}
