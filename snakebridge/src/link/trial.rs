//! The call that tries out its tool, and what an answer means for those who keep count of tools and workers.

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::seeded::{self, Bug};

/// The right to be the one call that tries out whether its tool works again. Given back when the last one lets go of the
/// call.
pub struct Trial {
    number: u64,
    give_back: Option<Box<dyn FnOnce(u64) + Send + Sync>>,
}

impl Trial {
    /// `give_back` hears the number when the trial is over, however it went.
    pub fn new(number: u64, give_back: impl FnOnce(u64) + Send + Sync + 'static) -> Self {
        Self { number, give_back: Some(Box::new(give_back)) }
    }

    /// Tells trials apart.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if seeded::has(Bug::LostPermit) {
            return;
        }
        if let Some(give_back) = self.give_back.take() {
            give_back(self.number);
        }
    }
}

impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trial").field(&self.number).finish()
    }
}

/// How a worker answered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The tool ended well.
    Good,
    /// The tool raised.
    Raised,
    /// It did not run to its end: it was refused, or cancelled.
    Unfinished,
}

impl Answer {
    /// What `outcome` is.
    pub(super) fn of(outcome: &Result<Bytes>) -> Self {
        match outcome.as_ref().map_err(Error::kind) {
            Ok(_) => Self::Good,
            Err(ErrorKind::Tool(_)) => Self::Raised,
            Err(_) => Self::Unfinished,
        }
    }
}
