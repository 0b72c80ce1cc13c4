//! The ways in which a host dies, and the states in which its workers are then.

/// How a host dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayToDie {
    /// By SIGKILL.
    Killed,
    /// By SIGTERM, which it does nothing about.
    Terminated,
    /// `main` panics.
    Panic,
    /// `std::process::abort`.
    Abort,
    /// `std::process::exit`.
    Exit,
    /// `main` returns; the bridge and its runtime were forgotten.
    Forgotten,
    /// Only the runtime goes, by `shutdown_background`.
    RuntimeGone,
}

impl WayToDie {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Killed, Self::Terminated, Self::Panic, Self::Abort, Self::Exit, Self::Forgotten, Self::RuntimeGone];

    /// Its name, on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Killed => "SIGKILL",
            Self::Terminated => "SIGTERM",
            Self::Panic => "panic in main",
            Self::Abort => "abort",
            Self::Exit => "process::exit",
            Self::Forgotten => "mem::forget",
            Self::RuntimeGone => "shutdown_background",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrphanState {
    /// Its process is not Python yet, and has asked the kernel for nothing.
    Spawned,
    /// It imports its adapter.
    Importing,
    /// Nothing.
    Idle,
    /// It computes in Python.
    Busy,
    /// It holds the interpreter's lock in C.
    Lock,
    /// It streams.
    Streaming,
    /// It waits for a child in its group.
    Child,
    /// It does nothing, and has left a child in its group, which has one of its own.
    LeftChild,
    /// It has all signals blocked, and waits for a child.
    Masked,
    /// It was forked from a template.
    Forked,
    /// It has restricted itself, and waits for a child.
    Sandboxed,
    /// It is stopped.
    Stopped,
    /// It has started a process that has left its group. Not among those of which nothing may be left.
    Daemon,
}

impl OrphanState {
    /// All of which nothing may be left.
    pub const ALL: [Self; 12] = [
        Self::Spawned,
        Self::Importing,
        Self::Idle,
        Self::Busy,
        Self::Lock,
        Self::Streaming,
        Self::Child,
        Self::LeftChild,
        Self::Masked,
        Self::Forked,
        Self::Sandboxed,
        Self::Stopped,
    ];

    /// Its name: of the tool that brings it about, where there is one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spawned => "spawned",
            Self::Importing => "importing",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Lock => "lock",
            Self::Streaming => "streaming",
            Self::Child => "child",
            Self::LeftChild => "left_child",
            Self::Masked => "masked",
            Self::Forked => "forked",
            Self::Sandboxed => "sandboxed",
            Self::Stopped => "stopped",
            Self::Daemon => "daemon",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Daemon]).find(|state| state.name() == name)
    }

    /// How many processes there are of it.
    pub fn processes(self) -> usize {
        match self {
            Self::Child | Self::Masked | Self::Forked | Self::Sandboxed | Self::Daemon => 2,
            Self::LeftChild => 3,
            _ => 1,
        }
    }
}
