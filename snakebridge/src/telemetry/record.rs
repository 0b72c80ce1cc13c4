//! What Python says beside its answers, as typed records.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::body;
use crate::error::Exception;
use crate::value::Value;

/// Something that a worker has said beside its answers. Texts are as they came, line breaks and control characters included:
/// who makes lines of them escapes them, as this crate does for `tracing`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// A record of Python's `logging`, a warning, or a line that was printed.
    Log(Log),
    /// An event of `snakebridge.telemetry`.
    Event(ToolEvent),
    /// Records that are lost, because there were too many of them: more than 1000 a second after a burst of 5000, or more
    /// than the host was quick enough to read.
    Dropped {
        /// The worker's pool.
        pool: Arc<str>,
        /// The worker.
        worker: u64,
        /// How many since the last of these.
        count: u64,
    },
}

/// Who has said something. All but the correlation id is what the host knows, not what the worker claims.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The worker's pool.
    pub pool: Arc<str>,
    /// The worker.
    pub worker: u64,
    /// The tool that was running, if one was, and has not been answered meanwhile.
    pub tool: Option<Arc<str>>,
    /// The session of its call, if that has one.
    pub session: Option<Arc<str>>,
    /// The correlation id of its call, or the one that was told with the record.
    pub correlation_id: Option<Arc<str>>,
}

/// How much a line of a log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Below Python's `DEBUG`.
    Trace,
    /// `DEBUG`, 10.
    Debug,
    /// `INFO`, 20; and what is printed.
    Info,
    /// `WARNING`, 30; and what `warnings` warns of.
    Warn,
    /// `ERROR`, 40, and `CRITICAL`, 50.
    Error,
}

impl Level {
    /// The number of Python's `logging`.
    pub fn to_python(self) -> u8 {
        match self {
            Self::Trace => 5,
            Self::Debug => 10,
            Self::Info => 20,
            Self::Warn => 30,
            Self::Error => 40,
        }
    }

    /// Of a number of Python's `logging`; those between two levels belong to the lower one.
    pub fn of_python(number: i64) -> Self {
        match number {
            40.. => Self::Error,
            30.. => Self::Warn,
            20.. => Self::Info,
            10.. => Self::Debug,
            _ => Self::Trace,
        }
    }
}

/// A line of a log, or of what is printed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Log {
    /// Who has said it.
    pub origin: Origin,
    /// How much it matters.
    pub level: Level,
    /// The logger's name; `py.warnings` of warnings, `stdout` and `stderr` of what is printed.
    pub logger: String,
    /// What it says.
    pub message: String,
    /// When, on the worker's clock, which is the host's.
    pub time: Option<SystemTime>,
    /// Whether it was printed, and is no record of a logger.
    pub is_output: bool,
    /// The name of the thread, unless it was the main one.
    pub thread: Option<String>,
    /// Where in the source it was said: file, line and function, as far as that is known.
    pub file: Option<String>,
    /// The line in that file, from 1.
    pub line: Option<u32>,
    /// The function.
    pub function: Option<String>,
    /// The exception that was logged (`logger.exception(..)`).
    pub exception: Option<Box<Exception>>,
    /// What was given by `extra={..}`: a map, or nil.
    pub fields: Value,
}

/// An event of `snakebridge.telemetry`, under a name of the tool's own.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ToolEvent {
    /// Who has told it.
    pub origin: Origin,
    /// Its name. Workers choose it: no name for a metric, of which there may be only so many.
    pub name: String,
    /// Numbers by name.
    pub measurements: Value,
    /// What they belong to.
    pub metadata: Value,
    /// When, on the worker's clock, which is the host's.
    pub time: Option<SystemTime>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LogBody {
    level: i64,
    logger: String,
    message: String,
    time: Option<f64>,
    output: bool,
    thread: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    function: Option<String>,
    exception: Option<Box<Exception>>,
    fields: Value,
    correlation_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EventBody {
    name: String,
    measurements: Value,
    metadata: Value,
    time: Option<f64>,
    correlation_id: Option<String>,
}

impl Log {
    /// A line that the worker's process wrote to its standard error, past Python.
    #[expect(clippy::disallowed_methods, reason = "a time that people read in a log, and nothing reckons with")]
    pub(super) fn written(origin: Origin, line: &str) -> Self {
        Self {
            origin,
            level: Level::Info,
            logger: "stderr".to_owned(),
            message: line.to_owned(),
            time: Some(SystemTime::now()),
            is_output: true,
            thread: None,
            file: None,
            line: None,
            function: None,
            exception: None,
            fields: Value::Nil,
        }
    }

    /// The body of an EVENT; `None` when it is none.
    pub(super) fn decode(origin: Origin, bytes: &[u8]) -> Option<Self> {
        let body: LogBody = body::decode(bytes).ok()?;
        Some(Self {
            origin: origin.told_with(body.correlation_id),
            level: Level::of_python(body.level),
            logger: body.logger,
            message: body.message,
            time: body.time.and_then(since_1970),
            is_output: body.output,
            thread: body.thread,
            file: body.file,
            line: body.line,
            function: body.function,
            exception: body.exception,
            fields: body.fields,
        })
    }
}

impl ToolEvent {
    /// The body of an EVENT; `None` when it is none.
    pub(super) fn decode(origin: Origin, bytes: &[u8]) -> Option<Self> {
        let body: EventBody = body::decode(bytes).ok()?;
        Some(Self {
            origin: origin.told_with(body.correlation_id),
            name: body.name,
            measurements: body.measurements,
            metadata: body.metadata,
            time: body.time.and_then(since_1970),
        })
    }
}

impl Origin {
    fn told_with(self, correlation_id: Option<String>) -> Self {
        Self { correlation_id: correlation_id.map(Into::into).or(self.correlation_id), ..self }
    }
}

fn since_1970(seconds: f64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        let some = |text: &str| Some(Arc::from(text));
        Origin { pool: "default".into(), worker: 1, tool: None, session: None, correlation_id: some("the call's") }
    }

    #[test]
    fn bodies_of_nonsense_are_none_and_what_is_missing_is_nothing() {
        assert_eq!(Log::decode(origin(), &[0xc1]), None);
        assert_eq!(Log::decode(origin(), &[0x01]), None);
        let log = Log::decode(origin(), &[0x80]).unwrap();
        assert_eq!((log.level, log.message.as_str(), log.time), (Level::Trace, "", None));
        assert_eq!(log.origin.correlation_id.as_deref(), Some("the call's"));
    }

    #[test]
    fn times_beyond_all_time_are_none() {
        for seconds in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert_eq!(since_1970(seconds), None, "{seconds}");
        }
    }

    #[test]
    fn levels_of_pythons_own_are_told_by_the_next_lower_one() {
        use Level::{Debug, Error, Info, Trace, Warn};
        let levels = [-1, 5, 10, 25, 30, 39, 40, i64::MAX].map(Level::of_python);
        assert_eq!(levels, [Trace, Trace, Debug, Info, Warn, Warn, Error, Error]);
        for level in levels {
            assert_eq!(Level::of_python(level.to_python().into()), level);
        }
    }
}
