//! Who listens to one worker: what it tells and prints becomes records and `tracing` events, as many as are bearable.

use std::io::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

use super::intake::Intake;
use super::one_line::one_line;
use super::record::{Level, Log, Origin, Record, ToolEvent};
use super::tail::Tail;
use super::{PYTHON_EVENTS, PYTHON_LOG, WORKER_OUTPUT};
use crate::wire::frame::event_class;

/// Records that a slow subscriber may lag behind before it loses the oldest.
const BACKLOG: usize = 1024;

/// A worker that says it has dropped more than that in one go is not to be believed.
const BELIEVED: u64 = 1 << 32;

/// Where records go: to subscribers, and to `tracing`; and how many there were.
#[derive(Debug, Clone)]
pub(crate) struct Records(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sender: broadcast::Sender<Record>,
    taken: AtomicU64,
    dropped: AtomicU64,
}

impl Records {
    pub(crate) fn new() -> Self {
        let sender = broadcast::Sender::new(BACKLOG);
        Self(Arc::new(Inner { sender, taken: AtomicU64::new(0), dropped: AtomicU64::new(0) }))
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Record> {
        self.0.sender.subscribe()
    }

    /// How many were taken, and how many dropped.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.0.taken.load(Relaxed), self.0.dropped.load(Relaxed))
    }

    fn tell(&self, record: Record) {
        match &record {
            Record::Log(log) => trace_log(log),
            Record::Event(event) => trace_event(event),
            Record::Dropped { pool, worker, count } => {
                tracing::warn!(
                    target: "snakebridge::worker",
                    pool = &**pool,
                    worker,
                    count,
                    "records of a worker were dropped: it says more than can be listened to"
                );
            }
        }
        // Without subscribers there is nobody to tell.
        let _ = self.0.sender.send(record);
    }
}

/// Listens to one worker.
#[derive(Debug)]
pub(crate) struct Ear {
    records: Records,
    pool: Arc<str>,
    worker: u64,
    since: Instant,
    intake: Mutex<Intake>,
    tail: Tail,
}

impl Ear {
    pub(crate) fn new(records: Records, pool: Arc<str>, worker: u64) -> Self {
        Self { records, pool, worker, since: Instant::now(), intake: Mutex::default(), tail: Tail::default() }
    }

    /// Listens to another process of the same pool.
    pub(crate) fn of_another(&self, worker: u64) -> Self {
        Self::new(self.records.clone(), Arc::clone(&self.pool), worker)
    }

    /// The last lines, whether they were told or not.
    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// What the worker says in no call.
    pub(crate) fn origin(&self) -> Origin {
        Origin { pool: Arc::clone(&self.pool), worker: self.worker, tool: None, session: None, correlation_id: None }
    }

    /// A line that came through the worker's standard error. It is one already.
    pub(crate) fn line(&self, line: &str) {
        self.tail.push(line);
        if self.takes(0) {
            self.records.tell(Record::Log(Log::written(self.origin(), line)));
        }
    }

    /// An EVENT, before which the worker has dropped so many. Progress is not told here, and an empty body tells of drops
    /// alone.
    pub(crate) fn event(&self, class: u64, origin: Origin, body: &[u8], dropped: u64) {
        let dropped = dropped.min(BELIEVED);
        let record = match class {
            _ if body.is_empty() => None,
            event_class::LOG => Log::decode(origin, body).map(Record::Log),
            event_class::TELEMETRY => ToolEvent::decode(origin, body).map(Record::Event),
            // Progress, and what a later version may have.
            _ => return self.lost(dropped),
        };
        if let Some(Record::Log(log)) = &record {
            self.tail.push(&one_line(&log.message));
        }
        match record {
            Some(record) => {
                if self.takes(dropped) {
                    self.records.tell(record);
                }
            }
            None => self.lost(dropped.saturating_add(u64::from(!body.is_empty()))),
        }
    }

    /// Whether another record is taken, before which the worker has dropped so many.
    fn takes(&self, dropped: u64) -> bool {
        let taken = self.look(|intake, now| {
            intake.were_dropped(dropped);
            intake.takes(now)
        });
        let (here, there) = if taken { (1, 0) } else { (0, 1) };
        self.records.0.taken.fetch_add(here, Relaxed);
        self.records.0.dropped.fetch_add(dropped.saturating_add(there), Relaxed);
        taken
    }

    fn lost(&self, count: u64) {
        if count == 0 {
            return;
        }
        self.records.0.dropped.fetch_add(count, Relaxed);
        self.look(|intake, _| intake.were_dropped(count));
    }

    /// Tells what was dropped, if it is time to: a worker may have gone silent since.
    pub(crate) fn remind(&self) {
        self.look(|_, _| ());
    }

    /// Does something with the intake, and tells what was dropped if it is time to.
    fn look<R>(&self, act: impl FnOnce(&mut Intake, Duration) -> R) -> R {
        let now = self.since.elapsed();
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut intake, now);
        let untold = intake.untold(now);
        drop(intake);
        if let Some(count) = untold {
            self.tell_of_drops(count);
        }
        result
    }

    fn tell_of_drops(&self, count: u64) {
        self.records.tell(Record::Dropped { pool: Arc::clone(&self.pool), worker: self.worker, count });
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let count = self.intake.get_mut().unwrap_or_else(PoisonError::into_inner).rest();
        if count > 0 {
            self.tell_of_drops(count);
        }
    }
}

/// A `tracing` event of a level that is known only now.
macro_rules! at_level {
    ($level:expr, $target:expr, $($rest:tt)+) => {
        match $level {
            Level::Trace => tracing::trace!(target: $target, $($rest)+),
            Level::Debug => tracing::debug!(target: $target, $($rest)+),
            Level::Info => tracing::info!(target: $target, $($rest)+),
            Level::Warn => tracing::warn!(target: $target, $($rest)+),
            Level::Error => tracing::error!(target: $target, $($rest)+),
        }
    };
}

fn trace_log(log: &Log) {
    let Origin { pool, worker, tool, session, correlation_id } = &log.origin;
    if !tracing::dispatcher::has_been_set() {
        return say_aloud(log);
    }
    let shown = |text: &Option<Arc<str>>| text.as_deref().map(|text| one_line(text).into_owned());
    let (pool, tool, session, correlation_id) = (&**pool, tool.as_deref(), shown(session), shown(correlation_id));
    let (session, correlation_id) = (session.as_deref(), correlation_id.as_deref());
    if log.is_output {
        let stream = &*one_line(&log.logger);
        tracing::info!(target: WORKER_OUTPUT, pool, worker, tool, session, correlation_id, stream, "{}", one_line(&log.message));
        return;
    }
    let logger = &*one_line(&log.logger);
    let source = log.file.as_ref().map(|file| format!("{}:{}", one_line(file), log.line.unwrap_or(0)));
    let source = source.as_deref();
    let exception = log.exception.as_ref().map(|exception| one_line(&exception.to_string()).into_owned());
    let exception = exception.as_deref();
    let traceback = log.exception.as_ref().and_then(|exception| exception.traceback.as_deref().map(one_line));
    let traceback = traceback.as_deref();
    at_level!(
        log.level,
        PYTHON_LOG,
        pool,
        worker,
        tool,
        session,
        correlation_id,
        logger,
        source,
        exception,
        traceback,
        "{}",
        one_line(&log.message)
    );
}

/// Nobody may be listening to the log, which is no reason to keep silent about what a worker says.
fn say_aloud(log: &Log) {
    let (worker, message) = (log.origin.worker, one_line(&log.message));
    let mut error = std::io::stderr().lock();
    // Nobody may be listening there either, which is no reason to stop the worker from talking.
    let _ = if log.is_output {
        writeln!(error, "[worker {worker}] {message}")
    } else {
        let level = format!("{:?}", log.level).to_uppercase();
        writeln!(error, "[worker {worker}] {level} {}: {message}", one_line(&log.logger))
    };
}

fn trace_event(event: &ToolEvent) {
    let Origin { pool, worker, tool, session, correlation_id } = &event.origin;
    tracing::debug!(
        target: PYTHON_EVENTS,
        pool = &**pool,
        worker,
        tool = tool.as_deref(),
        session = session.as_deref().map(|text| one_line(text).into_owned()),
        correlation_id = correlation_id.as_deref().map(|text| one_line(text).into_owned()),
        name = &*one_line(&event.name),
        measurements = &*one_line(&event.measurements.to_string()),
        metadata = &*one_line(&event.metadata.to_string()),
    );
}
