//! The machine has no room for a worker: no memory, no process, no descriptor. Calls wait, for it may have some again, and
//! those that wait for too long are told what was missing.

use std::io;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Executed};

/// What the operating system refused when a worker was to be started.
#[derive(Debug, Clone)]
pub(super) struct Shortage {
    what: String,
    kind: io::ErrorKind,
    errno: Option<i32>,
}

impl Shortage {
    /// It refused `what` with `source`.
    pub(super) fn new(what: &str, source: &io::Error) -> Self {
        Self { what: what.to_owned(), kind: source.kind(), errno: source.raw_os_error() }
    }

    /// The error of a call that never ran for it.
    pub(super) fn error(&self) -> Error {
        let source = self.errno.map_or_else(|| io::Error::from(self.kind), io::Error::from_raw_os_error);
        let what = format!("no worker could be started meanwhile: {}", self.what);
        Error::new(ErrorKind::Resource { what, source: Arc::new(source) }, Executed::Never)
    }
}
