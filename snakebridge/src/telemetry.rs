//! What happens inside, as typed [`Event`]s, and what Python says, as typed [`Record`]s: the names of both in one place.

mod ear;
mod intake;
mod one_line;
mod progress;
mod record;
mod statistics;
mod tail;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

pub(crate) use self::ear::{Ear, Records};
pub(crate) use self::one_line::one_line;
pub use self::progress::Progress;
pub use self::record::{Level, Log, Origin, Record, ToolEvent};
pub(crate) use self::statistics::Meter;
pub use self::statistics::{CallStatistics, Statistics, Times};
pub(crate) use self::tail::Tail;
use crate::error::{Crash, Executed, Exit};

/// Target of `tracing` events that are records of Python's `logging` and warnings, each at its own level.
pub const PYTHON_LOG: &str = "snakebridge::python::log";
/// Target of `tracing` events that are events of `snakebridge.telemetry`, at debug level.
pub const PYTHON_EVENTS: &str = "snakebridge::python::telemetry";
/// Target of `tracing` events that are lines which a worker printed, at info level.
pub const WORKER_OUTPUT: &str = "snakebridge::worker::output";

/// Something that happened to a worker or a call. Workers are numbered from 1 in
/// all pools together, and numbers are never used again.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A worker serves calls.
    WorkerReady {
        /// Its pool.
        pool: Arc<str>,
        /// Its number.
        worker: u64,
        /// Its process.
        pid: u32,
        /// From spawn to READY.
        after: Duration,
    },
    /// A worker is ready and serves no calls yet: it takes the place of the next one that is lost or replaced, which its
    /// `WorkerReady` tells.
    WorkerSpare {
        /// Its pool.
        pool: Arc<str>,
        /// Its number.
        worker: u64,
        /// Its process.
        pid: u32,
        /// From spawn to READY.
        after: Duration,
    },
    /// A worker that is ready has restricted itself before it ran anything of the user's. Comes before its `WorkerReady`.
    WorkerSandboxed {
        /// Its pool.
        pool: Arc<str>,
        /// Its number.
        worker: u64,
        /// Its process.
        pid: u32,
        /// What it enforces, a sentence for each thing.
        enforced: Vec<String>,
    },
    /// A worker's process ended, or was ended because it broke the protocol or ignored a cancel.
    WorkerLost {
        /// Its pool.
        pool: Arc<str>,
        /// Its number.
        worker: u64,
        /// Its process.
        pid: u32,
        /// How it ended.
        exit: Exit,
        /// What that most likely means.
        crash: Crash,
        /// Why the host ended it, if it did.
        reason: Option<String>,
        /// Calls it may have been running.
        maybe: usize,
        /// Calls it had but never started; they go to another worker.
        never: usize,
    },
    /// A worker is killed, because a cancelled call in it went on for longer than it may. Its `WorkerLost` follows.
    WorkerKilled {
        /// Its pool.
        pool: Arc<str>,
        /// Its number.
        worker: u64,
        /// Its process.
        pid: u32,
        /// The tool that went on.
        tool: String,
        /// The correlation id of that call, if its caller gave one.
        correlation_id: Option<String>,
        /// What its threads were doing, as Python's `faulthandler` tells it; `None` when it could not tell any more.
        stacks: Option<String>,
    },
    /// A worker was killed and does not end: the kernel holds it in a wait that nothing interrupts, such as for a file system
    /// that does not answer. Its calls are answered and another one takes its place; its `WorkerLost` follows, with an exit
    /// that is not known, or its `StartFailed`, if it was not ready yet.
    WorkerStuck {
        /// Its pool.
        pool: Arc<str>,
        /// Its number.
        worker: u64,
        /// Its process, which is still there.
        pid: u32,
    },
    /// A worker gets no more calls, and another one takes its place. It ends when those it has are done.
    WorkerDraining {
        /// Its pool.
        pool: Arc<str>,
        /// Its number.
        worker: u64,
        /// Its process.
        pid: u32,
        /// Why.
        reason: String,
    },
    /// A worker that was draining has ended in good order.
    WorkerRetired {
        /// Its pool.
        pool: Arc<str>,
        /// Its number.
        worker: u64,
        /// Its process.
        pid: u32,
    },
    /// A worker could not start.
    StartFailed {
        /// Its pool.
        pool: Arc<str>,
        /// Its number.
        worker: u64,
        /// The error's text.
        error: String,
        /// When the next try is.
        retry_in: Option<Duration>,
    },
    /// A call is given to another worker.
    CallRepeated {
        /// Its pool.
        pool: Arc<str>,
        /// The tool.
        tool: String,
        /// The worker that was lost.
        lost_worker: u64,
        /// What is known of the attempt there. `Maybe` only for tools declared idempotent.
        executed: Executed,
        /// Attempts so far.
        attempts: u32,
    },
    /// A tool failed and said that trying again may help; the call may be repeated, and will be.
    CallRetried {
        /// Its pool.
        pool: Arc<str>,
        /// The tool.
        tool: String,
        /// The worker on which it failed.
        worker: u64,
        /// Attempts so far.
        attempts: u32,
        /// The error's text.
        error: String,
    },
    /// A call failed for whose result nobody waits.
    NotificationFailed {
        /// Its pool.
        pool: Arc<str>,
        /// The tool.
        tool: String,
        /// The error's text.
        error: String,
        /// What is known of whether it ran.
        executed: Executed,
        /// The correlation id of the call, if its caller gave one.
        correlation_id: Option<String>,
    },
    /// A call was lost with its worker, and not repeated.
    CallLost {
        /// Its pool.
        pool: Arc<str>,
        /// The tool.
        tool: String,
        /// The worker.
        worker: u64,
        /// What is known of the attempt.
        executed: Executed,
    },
    /// There is a new session.
    SessionCreated {
        /// Its id.
        session: String,
    },
    /// A session is over.
    SessionEnded {
        /// Its id.
        session: String,
        /// Why.
        why: SessionEnd,
    },
    /// Four fifths of the sessions that may exist do. Told once, and again when there were half as many meanwhile.
    SessionsNearLimit {
        /// How many there are.
        sessions: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Calls are refused for a while, because workers kept dying.
    CircuitOpened {
        /// Calls of this tool; `None`: all calls, because workers died as soon as they were started.
        tool: Option<String>,
        /// When the next try is.
        retry_after: Duration,
    },
    /// Calls are admitted again.
    CircuitClosed {
        /// As in `CircuitOpened`.
        tool: Option<String>,
    },
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// Somebody closed it.
    Closed,
    /// Nobody used it for its time to live.
    Expired,
}

/// Events that a slow subscriber may lag behind before it loses the oldest.
const BACKLOG: usize = 1024;

/// Where events go: to subscribers, and to `tracing`.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    sender: broadcast::Sender<Event>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG) }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    pub(crate) fn emit(&self, event: Event) {
        match &event {
            Event::WorkerReady { .. }
            | Event::WorkerSpare { .. }
            | Event::WorkerSandboxed { .. }
            | Event::WorkerRetired { .. } => {
                tracing::debug!(target: "snakebridge::worker", ?event);
            }
            Event::WorkerDraining { .. } => tracing::info!(target: "snakebridge::worker", ?event),
            Event::SessionCreated { .. } | Event::SessionEnded { .. } => {
                tracing::debug!(target: "snakebridge::session", ?event);
            }
            Event::SessionsNearLimit { .. } => tracing::warn!(target: "snakebridge::session", ?event),
            Event::CallRepeated { .. } | Event::CallRetried { .. } => {
                tracing::info!(target: "snakebridge::call", ?event);
            }
            Event::CallLost { .. } | Event::NotificationFailed { .. } => {
                tracing::warn!(target: "snakebridge::call", ?event);
            }
            Event::CircuitOpened { .. } => tracing::warn!(target: "snakebridge::circuit", ?event),
            Event::CircuitClosed { .. } => tracing::info!(target: "snakebridge::circuit", ?event),
            Event::WorkerStuck { .. } => tracing::error!(target: "snakebridge::worker", ?event),
            Event::WorkerLost { .. } | Event::WorkerKilled { .. } | Event::StartFailed { .. } => {
                tracing::warn!(target: "snakebridge::worker", ?event);
            }
        }
        // Without subscribers there is nobody to tell.
        let _ = self.sender.send(event);
    }
}
