//! What calls have come to, counted where each of them ends, so that the numbers add up.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Executed};

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// The upper bounds of the ranges in which [`Times`] counts, in nanoseconds; the last range has none.
const BOUNDS: [u64; 16] = [
    50 * MICROSECOND,
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    SECOND,
    5 * SECOND,
    30 * SECOND,
    300 * SECOND,
];
const RANGES: usize = BOUNDS.len() + 1;

/// How long something took, over many calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// How many calls.
    pub count: u64,
    /// All of them together.
    pub sum: Duration,
    /// The longest.
    pub max: Duration,
    ranges: [u64; RANGES],
}

impl Times {
    /// How many calls took no longer than each bound, as a histogram of Prometheus has it: bounds that grow, each with the
    /// number of all calls up to it, the last without a bound.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = BOUNDS.iter().map(|&bound| Some(Duration::from_nanos(bound))).chain([None]);
        bounds.zip(self.ranges.iter().scan(0, |below, count| {
            *below += count;
            Some(*below)
        }))
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        for (mine, others) in self.ranges.iter_mut().zip(other.ranges) {
            *mine += others;
        }
    }
}

/// What calls have come to. Those that are neither done nor cancelled are under way:
/// `requests == succeeded + errors + cancelled` once all have ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallStatistics {
    /// Calls and streams that were made.
    pub requests: u64,
    /// Those that ended well.
    pub succeeded: u64,
    /// Those that ended with an error, whatever it was.
    pub errors: u64,
    /// Of the errors: the deadline passed, or the time in the queue was over.
    pub timeouts: u64,
    /// Of the errors: the queue was full.
    pub saturated: u64,
    /// Those that were dropped before their end.
    pub cancelled: u64,
    /// Those that had to wait for a worker.
    pub queued: u64,
    /// How often a call was handed to another worker, because the first was lost.
    pub retries: u64,
    /// Calls that were answered with a result that was kept. They are none of the requests.
    pub kept: u64,
    /// How often calls of a tool that takes many at once went to a worker together.
    pub batches: u64,
    /// Calls that went in one of these, for the first time.
    pub batched: u64,
    /// From being made to being sent to the first worker.
    pub queue_time: Times,
    /// From being sent to the worker's answer, for those that it answered.
    pub run_time: Times,
}

impl CallStatistics {
    /// How many are under way.
    pub fn outstanding(&self) -> u64 {
        self.requests.saturating_sub(self.succeeded + self.errors + self.cancelled)
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.succeeded += other.succeeded;
        self.errors += other.errors;
        self.timeouts += other.timeouts;
        self.saturated += other.saturated;
        self.cancelled += other.cancelled;
        self.queued += other.queued;
        self.retries += other.retries;
        self.kept += other.kept;
        self.batches += other.batches;
        self.batched += other.batched;
        self.queue_time.add(&other.queue_time);
        self.run_time.add(&other.run_time);
    }
}

/// What the pools of a bridge have done since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// All calls together.
    pub calls: CallStatistics,
    /// The calls of each tool that workers have, a thousand in each pool at most. What is left, and calls of names that are
    /// no tool's, is together under an empty name.
    pub tools: BTreeMap<String, CallStatistics>,
    /// Workers that serve.
    pub workers: usize,
    /// Workers that are ready to take the place of one of them.
    pub spares: usize,
    /// Calls that wait for one.
    pub waiting: usize,
    /// Workers that have been ready, those of now and spares included.
    pub workers_started: u64,
    /// Workers that died, or were killed.
    pub workers_lost: u64,
    /// Workers that ended in good order, because they were to be replaced.
    pub workers_retired: u64,
    /// Workers of those lost that were killed and are still there (the event `WorkerStuck` names them): a reason for an alarm,
    /// because only the machine's administrator can help.
    pub workers_stuck: usize,
    /// Records that workers have logged, printed or told; see [`Bridge::records`](crate::Bridge::records).
    pub records: u64,
    /// Records that are lost, because there were too many of them.
    pub records_dropped: u64,
}

impl Statistics {
    /// Adds the calls of a tool.
    pub(crate) fn add(&mut self, tool: &str, calls: &CallStatistics) {
        self.calls.add(calls);
        self.tools.entry(tool.to_owned()).or_default().add(calls);
    }

    /// Adds what another pool has done.
    pub(crate) fn merge(&mut self, other: Self) {
        let Self {
            calls: _,
            tools,
            workers,
            spares,
            waiting,
            workers_started,
            workers_lost,
            workers_retired,
            workers_stuck,
            // Records are counted once for all pools.
            records: _,
            records_dropped: _,
        } = other;
        for (tool, calls) in tools {
            self.add(&tool, &calls);
        }
        self.workers += workers;
        self.spares += spares;
        self.waiting += waiting;
        self.workers_started += workers_started;
        self.workers_lost += workers_lost;
        self.workers_retired += workers_retired;
        self.workers_stuck += workers_stuck;
    }
}

#[derive(Debug, Default)]
struct TimesMeter {
    sum: AtomicU64,
    max: AtomicU64,
    ranges: [AtomicU64; RANGES],
}

impl TimesMeter {
    fn record(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sum.fetch_add(nanoseconds, Relaxed);
        self.max.fetch_max(nanoseconds, Relaxed);
        self.ranges[BOUNDS.partition_point(|&bound| bound < nanoseconds)].fetch_add(1, Relaxed);
    }

    fn read(&self) -> Times {
        let ranges = std::array::from_fn(|index| self.ranges[index].load(Relaxed));
        Times {
            count: ranges.iter().sum(),
            sum: Duration::from_nanos(self.sum.load(Relaxed)),
            max: Duration::from_nanos(self.max.load(Relaxed)),
            ranges,
        }
    }
}

/// Counts the calls of one tool. Told by the calls themselves.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: AtomicU64,
    succeeded: AtomicU64,
    errors: AtomicU64,
    timeouts: AtomicU64,
    saturated: AtomicU64,
    cancelled: AtomicU64,
    queued: AtomicU64,
    retries: AtomicU64,
    kept: AtomicU64,
    batches: AtomicU64,
    batched: AtomicU64,
    queue_time: TimesMeter,
    run_time: TimesMeter,
}

impl Meter {
    /// A call is made.
    pub(crate) fn requested(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// It has to wait.
    pub(crate) fn queued(&self) {
        self.queued.fetch_add(1, Relaxed);
    }

    /// It is sent for the first time, after so long.
    pub(crate) fn sent(&self, waited: Duration) {
        self.queue_time.record(waited);
    }

    /// It is sent once more.
    pub(crate) fn sent_again(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// A call was answered with a result that was kept.
    pub(crate) fn kept(&self) {
        self.kept.fetch_add(1, Relaxed);
    }

    /// So many calls go to a worker together.
    pub(crate) fn went_together(&self, calls: usize) {
        self.batches.fetch_add(1, Relaxed);
        self.batched.fetch_add(calls as u64, Relaxed);
    }

    /// It ended well, or with an error; `ran` is how long a worker had it, if one has.
    pub(crate) fn ended(&self, error: Option<&Error>, ran: Option<Duration>) {
        let answered = match error {
            None => {
                self.succeeded.fetch_add(1, Relaxed);
                true
            }
            Some(error) => {
                self.errors.fetch_add(1, Relaxed);
                match error.kind() {
                    ErrorKind::DeadlineExceeded { .. } | ErrorKind::QueueTimeout { .. } => {
                        self.timeouts.fetch_add(1, Relaxed);
                    }
                    ErrorKind::QueueFull { .. } => {
                        self.saturated.fetch_add(1, Relaxed);
                    }
                    _ => {}
                }
                error.executed() == Executed::Yes
            }
        };
        if answered && let Some(ran) = ran {
            self.run_time.record(ran);
        }
    }

    /// Nobody waited for its end.
    pub(crate) fn cancelled(&self) {
        self.cancelled.fetch_add(1, Relaxed);
    }

    /// What it has come to so far.
    pub(crate) fn read(&self) -> CallStatistics {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        // Ends before beginnings: of a call that is made and ends meanwhile there is never an end without a beginning.
        let (succeeded, errors, cancelled) = (count(&self.succeeded), count(&self.errors), count(&self.cancelled));
        CallStatistics {
            requests: count(&self.requests),
            succeeded,
            errors,
            timeouts: count(&self.timeouts),
            saturated: count(&self.saturated),
            cancelled,
            queued: count(&self.queued),
            retries: count(&self.retries),
            kept: count(&self.kept),
            batches: count(&self.batches),
            batched: count(&self.batched),
            queue_time: self.queue_time.read(),
            run_time: self.run_time.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::QueueLimit;

    #[test]
    fn each_end_is_counted_as_what_it_was() {
        let meter = Meter::default();
        let error = |kind, executed| Error::new(kind, executed);
        let timeout = Duration::from_secs(1);
        let limit = QueueLimit::Calls(1);
        let full = error(ErrorKind::QueueFull { limit, retry_after: timeout }, Executed::Never);
        let late = error(ErrorKind::QueueTimeout { waited: timeout }, Executed::Never);
        let raised = error(ErrorKind::Tool(Box::default()), Executed::Yes);
        for _ in 0..6 {
            meter.requested();
        }
        meter.ended(None, Some(Duration::from_millis(3)));
        meter.ended(Some(&full), None);
        meter.ended(Some(&late), None);
        meter.ended(Some(&raised), Some(Duration::from_millis(5)));
        meter.cancelled();
        let read = meter.read();
        assert_eq!((read.requests, read.succeeded, read.errors, read.cancelled), (6, 1, 3, 1));
        assert_eq!((read.timeouts, read.saturated, read.outstanding()), (1, 1, 1));
        assert_eq!((read.run_time.count, read.run_time.sum), (2, Duration::from_millis(8)));
        assert_eq!(read.run_time.max, Duration::from_millis(5));
    }

    proptest! {
        #[test]
        fn every_time_is_in_one_range_below_its_bound(nanoseconds in proptest::collection::vec(any::<u64>(), 1..100)) {
            let meter = TimesMeter::default();
            for &time in &nanoseconds {
                meter.record(Duration::from_nanos(time >> 20));
            }
            let times = meter.read();
            prop_assert_eq!(times.count, nanoseconds.len() as u64);
            for (bound, below) in times.cumulative() {
                let within = |time: &&u64| bound.is_none_or(|bound| Duration::from_nanos(**time >> 20) <= bound);
                prop_assert_eq!(below, nanoseconds.iter().filter(within).count() as u64);
            }
        }

        #[test]
        fn a_total_is_the_sum_of_its_parts(counts in proptest::collection::vec((0u64..9, 0u64..9), 0..9)) {
            let mut total = Statistics::default();
            for (index, &(good, bad)) in counts.iter().enumerate() {
                let meter = Meter::default();
                for _ in 0..good { meter.requested(); meter.ended(None, Some(Duration::from_micros(good))); }
                for _ in 0..bad { meter.requested(); meter.cancelled(); }
                total.add(&format!("tool_{index}"), &meter.read());
            }
            let sum = |of: fn(&CallStatistics) -> u64| total.tools.values().map(of).sum::<u64>();
            prop_assert_eq!(total.calls.requests, sum(|calls| calls.requests));
            prop_assert_eq!(total.calls.run_time.count, sum(|calls| calls.run_time.count));
            prop_assert_eq!(total.calls.outstanding(), 0);
        }
    }
}
