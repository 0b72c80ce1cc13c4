//! What calls came to: throughput, latencies, errors, memory.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use snakebridge::prelude::*;

/// What became of the calls of one step.
pub(crate) struct Report {
    begun: Instant,
    took: Duration,
    latencies: Vec<Duration>,
    /// How many ended with each code.
    errors: BTreeMap<String, usize>,
}

impl Report {
    /// Nothing yet; the clock runs.
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now(), took: Duration::ZERO, latencies: Vec::new(), errors: BTreeMap::new() }
    }

    /// One call has ended, `after` it was made.
    pub(crate) fn add<T>(&mut self, after: Duration, outcome: &Result<T>) {
        match outcome {
            Ok(_) => self.latencies.push(after),
            Err(error) => *self.errors.entry(error.code().to_owned()).or_default() += 1,
        }
        self.took = self.begun.elapsed();
    }

    pub(crate) fn succeeded(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn errors(&self) -> &BTreeMap<String, usize> {
        &self.errors
    }

    /// All calls, whatever became of them.
    pub(crate) fn calls(&self) -> usize {
        self.succeeded() + self.errors.values().sum::<usize>()
    }

    /// Calls that went well, in a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with three figures")]
    pub(crate) fn throughput(&self) -> f64 {
        self.succeeded() as f64 / self.took.as_secs_f64()
    }

    /// The latency that so many of a thousand calls do not exceed.
    pub(crate) fn percentile(&self, of_thousand: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let index = (sorted.len() * of_thousand).div_ceil(1000).saturating_sub(1);
        sorted.get(index).copied().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, nearly, all] = [500, 950, 990, 1000].map(|part| milliseconds(self.percentile(part)));
        write!(
            f,
            "{:>7.0}/s, {} calls in {:.2?}; ms: p50 {half}, p95 {most}, p99 {nearly}, max {all}",
            self.throughput(),
            self.calls(),
            self.took
        )?;
        for (code, count) in &self.errors {
            write!(f, "; {count} {code}")?;
        }
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1000.0)
}

/// What the workers hold, and how much of it is each one's share, in MiB.
pub(crate) fn memory(bridge: &Bridge) -> String {
    let workers = bridge.workers();
    let held: u64 = workers.iter().filter_map(snakebridge::WorkerInfo::memory).sum();
    let each = held / workers.len().max(1) as u64;
    format!("{} workers hold {} MiB, {:.1} each", workers.len(), held >> 20, bytes_as_mib(each))
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn bytes_as_mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What the bridge counted has to be what was seen here.
pub(crate) fn account(bridge: &Bridge, calls: usize, errors: usize) {
    let counted = bridge.statistics().calls;
    assert_eq!((counted.requests, counted.errors), (calls as u64, errors as u64), "calls and errors, as counted");
    assert_eq!(counted.outstanding(), 0, "calls that never ended");
}
