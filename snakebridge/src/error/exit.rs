//! How a worker's process ended, as the system tells it, and what that most likely means.

use std::fmt;

/// How a worker process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It has not been seen to end yet, or nobody could tell.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "signal {signal} ({name})"),
                None => write!(f, "signal {signal}"),
            },
            Self::Unknown => f.write_str("an unknown exit status"),
        }
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        _ => return None,
    })
}

/// Why a worker's process ended, as far as its exit status, the kernel's counters and its last words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Crash {
    /// Code in C touched memory that is not there (SIGSEGV, SIGBUS), or the stack ran over.
    Segfault,
    /// Code in C gave up (SIGABRT): a failed assertion, an uncaught C++ exception, a damaged heap.
    Abort,
    /// An instruction that this processor does not have, or a trap (SIGILL, SIGTRAP, SIGFPE).
    IllegalInstruction,
    /// The kernel killed it because memory ran out, most likely: SIGKILL, and the kernel's count of such kills grew.
    OutOfMemory,
    /// It died of a failure of the GPU or its driver, by its last words.
    Gpu,
    /// It used more processor time than its limit allows (SIGXCPU).
    ProcessorTime,
    /// Somebody killed it: SIGKILL, or another signal that ends a process.
    Killed,
    /// The bridge ended it, for a reason that the events name.
    Ended,
    /// It exited by itself. With calls in hand that is a crash whatever the code, 0 included.
    Exited,
    /// Nobody could tell.
    Unknown,
}

impl Crash {
    /// What is worth adding to the exit status in a message.
    fn remark(self) -> Option<&'static str> {
        match self {
            Self::OutOfMemory => Some("out of memory, most likely"),
            Self::Gpu => Some("a failure of the GPU, most likely"),
            Self::Ended => Some("ended by the bridge"),
            Self::Exited => Some("it exited by itself"),
            Self::ProcessorTime => Some("over its limit of processor time"),
            Self::Segfault | Self::Abort | Self::IllegalInstruction | Self::Killed | Self::Unknown => None,
        }
    }
}

/// How a worker ended, for a message.
pub(super) fn ended(exit: Exit, crash: Crash) -> String {
    match crash.remark() {
        Some(remark) => format!("{exit}: {remark}"),
        None => exit.to_string(),
    }
}
