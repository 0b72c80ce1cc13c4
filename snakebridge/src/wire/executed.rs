//! Whether a failed call ran: the one fact about an error that travels in its header.

use std::fmt;

/// Whether a failed call ran. Automatic repetition is allowed on [`Never`](Executed::Never), or for a tool that is
/// declared idempotent; nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Executed {
    /// The tool did not start: the request was never fully written, or the peer said so.
    Never,
    /// The tool started, or may have; nobody can tell how far it came.
    Maybe,
    /// The tool ran and ended, with this error.
    Yes,
}

impl Executed {
    /// The number that stands for it on the wire.
    pub fn to_wire(self) -> u64 {
        self as u64
    }

    /// The meaning of a number on the wire.
    pub fn from_wire(number: u64) -> Option<Self> {
        [Self::Never, Self::Maybe, Self::Yes].into_iter().find(|executed| executed.to_wire() == number)
    }
}

impl fmt::Display for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "never",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        })
    }
}
