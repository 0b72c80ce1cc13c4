//! The one error type: what went wrong, whether the call ran, and what to do about it.

mod display;
mod exit;
mod learning;
mod python;
mod queue;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::display::shown;
#[cfg(feature = "host")]
pub(crate) use self::display::{is_escaped, panic_message};
use self::exit::ended;
pub use self::exit::{Crash, Exit};
pub use self::learning::LearningFault;
pub use self::python::PythonException;
pub use self::queue::QueueLimit;
use crate::value::Value;
pub use crate::wire::Executed;
use crate::wire::Violation;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where a call was when something happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The worker was starting.
    Start,
    /// The call waited for a worker.
    Queue,
    /// The call was with a worker.
    Run,
    /// The call was delivering a stream.
    Stream,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "while starting",
            Self::Queue => "in the queue",
            Self::Run => "while running",
            Self::Stream => "while streaming",
        })
    }
}

/// Why a pool or one of its workers could not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartFailure {
    /// No usable Python interpreter.
    Interpreter,
    /// The program that `command` names cannot be run.
    Command,
    /// The interpreter has no `snakebridge` package.
    PackageMissing,
    /// The package's version does not fit the crate's.
    PackageVersion,
    /// The adapter's module could not be imported.
    Import,
    /// The adapter could not be found in its module, or its specification makes no sense.
    Adapter,
    /// The adapter's constructor or `initialize()` raised.
    Init,
    /// The worker cannot enforce what `sandbox` asks for, so it does not start.
    Sandbox,
    /// The first bytes were not the protocol's.
    Handshake,
    /// Not ready within the start timeout.
    Timeout,
    /// The process ended before it was ready.
    Exit,
    /// The adapter has been changed: its tools are not those that the pool began with. A new bridge serves them.
    Changed,
    /// A setting of the builder makes no sense.
    Configuration,
}

impl StartFailure {
    /// Whether trying again without changing anything is pointless.
    pub fn is_permanent(self) -> bool {
        !matches!(self, Self::Init | Self::Timeout | Self::Exit | Self::Handshake)
    }
}

/// An exception that a Python tool raised, or the error of a host tool on its way to Python.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Exception {
    /// The exception's class: `ValueError`, `my_module.MyError`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// `str()` of the exception, at most 64 KiB.
    pub message: String,
    /// The formatted traceback with source lines and without locals, at most 256 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceback: Option<String>,
    /// What caused it, nearest first, at most eight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causes: Option<Vec<Cause>>,
    /// Notes added with `add_note`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<Vec<String>>,
    /// Data that the tool attached (`ToolError(..., data=...)`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// The tool's own code for this error (`ToolError("out_of_stock", ...)`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether the tool says that trying again may help (`ToolError(..., retryable=True)`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
}

impl Exception {
    /// An exception of which only the class and the message are known.
    pub fn new(type_name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { type_name: type_name.into(), message: message.into(), ..Self::default() }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.type_name.as_str(), self.message.as_str()) {
            ("", message) => f.write_str(message)?,
            (type_name, "") => f.write_str(type_name)?,
            (type_name, message) => write!(f, "{type_name}: {message}")?,
        }
        match &self.code {
            Some(code) => write!(f, " (code: {code})"),
            None => Ok(()),
        }
    }
}

/// One link of an exception's cause chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Cause {
    /// The exception's class.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its message.
    pub message: String,
}

/// What went wrong. Each variant has a stable [`code`](ErrorKind::code).
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are named after what they hold; the variants are documented")]
pub enum ErrorKind {
    /// The worker died while it had the call.
    #[error("the worker died ({}) {phase}{}", ended(*exit, *crash), tail(stderr_tail))]
    WorkerLost { exit: Exit, crash: Crash, phase: Phase, stderr_tail: String },
    /// The deadline passed.
    #[error("the deadline of {timeout:?} passed {phase}")]
    DeadlineExceeded { timeout: Duration, phase: Phase },
    /// The call was cancelled.
    #[error("the call was cancelled")]
    Cancelled,
    /// The pool's queue has no room for another call.
    #[error("the queue is full: {limit}; try again in {retry_after:?}")]
    QueueFull { limit: QueueLimit, retry_after: Duration },
    /// The call waited in the queue for as long as it may.
    #[error(
        "no worker was free for it for {waited:?}; raise `queue_timeout`, the number of workers, its `tool_concurrency` or \
         the `resource`s that it needs"
    )]
    QueueTimeout { waited: Duration },
    /// Too many failures lately; calls are refused for a while.
    #[error("refused after too many failures; try again in {retry_after:?}")]
    CircuitOpen { retry_after: Duration },
    /// A worker or the whole pool could not start.
    #[error("the worker could not start: {message}")]
    StartFailed { why: StartFailure, message: String },
    /// The arguments do not fit the tool.
    #[error("{message}")]
    InvalidArgument { message: String },
    /// A body is larger than the limit.
    #[error("a body of {size} bytes is over the limit of {limit}; send it in parts, or as a stream")]
    PayloadTooLarge { size: u64, limit: u64 },
    /// A value cannot travel, or what came does not fit the type that was asked for.
    #[error("{message}")]
    Unserializable { message: String },
    /// The worker broke the protocol.
    #[error("the worker broke the protocol: {0}")]
    Protocol(Violation),
    /// The tool raised an exception.
    #[error("{0}")]
    Tool(Box<Exception>),
    /// There is no such tool.
    #[error("{message}")]
    ToolNotFound { message: String },
    /// A tool of the host failed.
    #[error("{code}: {message}")]
    HostTool { code: String, message: String, data: Option<Value> },
    /// Calls nested too deeply.
    #[error("calls nest deeper than {limit}")]
    CallDepth { limit: u32 },
    /// The wait could never end.
    #[error("this wait could never end: {message}")]
    WouldDeadlock { message: String },
    /// These arguments have killed workers before.
    #[error("these arguments killed {deaths} workers; refused for now")]
    Poison { deaths: u32 },
    /// No such session.
    #[error("{}", no_session(session))]
    SessionNotFound { session: String },
    /// The session is over: nobody used it for its time to live, or it was closed.
    #[error("session `{session}` has expired, or was closed")]
    SessionExpired { session: String },
    /// What the session kept in its worker is lost with the worker.
    #[error("session `{session}` lost its worker, and what it kept there; the next call gets it another one")]
    SessionLost { session: String },
    /// The session's worker is busy and the session does not wait.
    #[error("the worker of session `{session}` is busy")]
    SessionWorkerBusy { session: String },
    /// A quota of sessions is used up.
    #[error("a quota of sessions is used up: {which}")]
    SessionQuota { which: String },
    /// The call that this belonged to has ended.
    #[error("the call has ended; its context cannot be used any more")]
    CallEnded,
    /// An object reference is gone.
    #[error("the referenced object is gone: {message}")]
    ReferenceLost { message: String },
    /// A client does not fit the worker's tools.
    #[error("{message}")]
    ManifestMismatch { message: String },
    /// Somebody else changed the value first.
    #[error("somebody else has changed the value: {}", its_version(*version))]
    Conflict { version: u64 },
    /// The bridge shuts down.
    #[error("the bridge is shutting down")]
    ShuttingDown,
    /// The operating system refused.
    #[error("{what}: {source}")]
    Resource { what: String, source: Arc<std::io::Error> },
    /// An error code of a peer that knows more codes than we do.
    #[error("{code}: {exception}")]
    Other { code: String, exception: Box<Exception> },
}

fn no_session(session: &str) -> String {
    match session {
        "" => "the call runs in no session; name one with `.session(..)`".to_owned(),
        session => format!("no session `{session}`; create it with `bridge.session(..)`"),
    }
}

fn its_version(version: u64) -> String {
    match version {
        0 => "it is not there".to_owned(),
        version => format!("its version is {version}"),
    }
}

fn tail(stderr_tail: &str) -> String {
    match stderr_tail.trim_end() {
        "" => String::new(),
        text => format!("; it last wrote:\n{text}"),
    }
}

impl ErrorKind {
    /// The stable `snake_case` code: the same on the wire, in logs and in metrics.
    pub fn code(&self) -> &str {
        match self {
            Self::WorkerLost { .. } => "worker_lost",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::Cancelled => "cancelled",
            Self::QueueFull { .. } => "queue_full",
            Self::QueueTimeout { .. } => "queue_timeout",
            Self::CircuitOpen { .. } => "circuit_open",
            Self::StartFailed { .. } => "start_failed",
            Self::InvalidArgument { .. } => "invalid_argument",
            Self::PayloadTooLarge { .. } => "payload_too_large",
            Self::Unserializable { .. } => "unserializable",
            Self::Protocol(_) => "protocol",
            Self::Tool(_) => "tool",
            Self::ToolNotFound { .. } => "tool_not_found",
            Self::HostTool { .. } => "host_tool",
            Self::CallDepth { .. } => "call_depth",
            Self::WouldDeadlock { .. } => "would_deadlock",
            Self::Poison { .. } => "poison",
            Self::SessionNotFound { .. } => "session_not_found",
            Self::SessionExpired { .. } => "session_expired",
            Self::SessionLost { .. } => "session_lost",
            Self::SessionWorkerBusy { .. } => "session_worker_busy",
            Self::SessionQuota { .. } => "session_quota",
            Self::CallEnded => "call_ended",
            Self::ReferenceLost { .. } => "reference_lost",
            Self::ManifestMismatch { .. } => "manifest_mismatch",
            Self::Conflict { .. } => "conflict",
            Self::ShuttingDown => "shutting_down",
            Self::Resource { .. } => "resource",
            Self::Other { code, .. } => code,
        }
    }
}

/// An error, and what is known about the call it happened to.
///
/// ```
/// use snakebridge::error::{Error, ErrorKind, Executed};
///
/// let error = Error::new(ErrorKind::Cancelled, Executed::Never).for_tool("add");
/// assert_eq!(error.code(), "cancelled");
/// assert_eq!(error.to_string(), "tool `add`: the call was cancelled (executed: never)");
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    executed: Executed,
    attempts: u32,
    worker: Option<u64>,
    tool: Option<Box<str>>,
    correlation_id: Option<Box<str>>,
}

impl Error {
    /// An error of this kind, about a call that ran as said.
    pub fn new(kind: ErrorKind, executed: Executed) -> Self {
        Self(Box::new(Inner { kind, executed, attempts: 0, worker: None, tool: None, correlation_id: None }))
    }

    /// The arguments make no sense; nothing ran.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument { message: message.into() }, Executed::Never)
    }

    /// No worker could start; nothing ran.
    pub fn start_failed(why: StartFailure, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::StartFailed { why, message: message.into() }, Executed::Never)
    }

    /// The operating system refused `what`; nothing ran.
    pub fn resource(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Resource { what: what.into(), source: Arc::new(source) }, Executed::Never)
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The stable `snake_case` code, see [`ErrorKind::code`].
    pub fn code(&self) -> &str {
        self.0.kind.code()
    }

    /// Whether the call ran.
    pub fn executed(&self) -> Executed {
        self.0.executed
    }

    /// How often the call was handed to a worker.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The worker that had the call, by the number that [`Event`](crate::telemetry) records use.
    pub fn worker(&self) -> Option<u64> {
        self.0.worker
    }

    /// The correlation id of the call, by which Python's logs and its events are found: the one that it was given, or the
    /// one that was made up when it was first sent.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id.as_deref()
    }

    /// The tool that was called.
    pub fn tool(&self) -> Option<&str> {
        self.0.tool.as_deref()
    }

    /// Whether repeating the call is safe for any tool, idempotent or not: it did not run, and what stopped it may
    /// pass.
    pub fn is_retryable(&self) -> bool {
        let passes = matches!(
            self.kind(),
            ErrorKind::WorkerLost { .. }
                | ErrorKind::QueueFull { .. }
                | ErrorKind::QueueTimeout { .. }
                | ErrorKind::CircuitOpen { .. }
                | ErrorKind::Resource { .. }
        );
        passes && self.executed() == Executed::Never
    }

    /// After which time it is worth trying again, where that can be told: for `QueueFull` it is when those that wait will
    /// have gone to workers, by how long workers had calls lately; for `CircuitOpen` it is when the pause is over. Who makes
    /// many calls waits a random part longer, so that they do not all come back together.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use snakebridge::error::{Error, ErrorKind, Executed, QueueLimit};
    ///
    /// let (limit, retry_after) = (QueueLimit::Calls(1000), Duration::from_millis(250));
    /// let error = Error::new(ErrorKind::QueueFull { limit, retry_after }, Executed::Never);
    /// assert_eq!(error.retry_after(), Some(retry_after));
    /// assert_eq!(Error::invalid_argument("no").retry_after(), None);
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            ErrorKind::QueueFull { retry_after, .. } | ErrorKind::CircuitOpen { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// Whether trying to start again without changing anything is pointless.
    pub fn is_permanent(&self) -> bool {
        matches!(self.kind(), ErrorKind::StartFailed { why, .. } if why.is_permanent())
    }

    /// The exception, when the tool raised one.
    pub fn exception(&self) -> Option<&Exception> {
        match self.kind() {
            ErrorKind::Tool(exception) | ErrorKind::Other { exception, .. } => Some(exception),
            _ => None,
        }
    }

    /// Says that the call may have run, unless it is known that it did.
    #[cfg(feature = "host")]
    #[must_use]
    pub(crate) fn that_may_have_run(mut self) -> Self {
        if self.0.executed == Executed::Never {
            self.0.executed = Executed::Maybe;
        }
        self
    }

    /// Adds the tool's name.
    #[must_use]
    pub fn for_tool(mut self, tool: &str) -> Self {
        self.0.tool.get_or_insert_with(|| tool.into());
        self
    }

    #[cfg(feature = "host")]
    /// Says what was called in place of a system call, if it is about one.
    pub(crate) fn about(mut self, subject: Option<&str>) -> Self {
        if let Some(subject) = subject {
            self.0.tool = Some(subject.into());
        }
        self
    }

    /// Adds the worker.
    #[must_use]
    pub fn on_worker(mut self, worker: u64) -> Self {
        self.0.worker = Some(worker);
        self
    }

    /// Adds the correlation id.
    #[cfg(feature = "host")]
    #[must_use]
    pub(crate) fn correlated(mut self, id: Option<String>) -> Self {
        self.0.correlation_id = id.map(Into::into);
        self
    }

    /// Adds the number of attempts.
    #[must_use]
    pub fn after_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(self.kind())
    }
}
