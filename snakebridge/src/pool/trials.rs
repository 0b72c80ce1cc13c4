//! Asking [`breaker`](super::breaker) before a call is made, and telling it what became of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::breaker::Breakers;
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::link::{PendingCall, ToolName, Trial};

/// The circuits of tools, under a lock of their own: a call that is a trial gives that back when the last one lets go of
/// it, wherever that is. Nothing else is done under this lock.
#[derive(Debug)]
pub(super) struct Trials {
    /// Whether there is anything to ask: almost never.
    some: AtomicBool,
    breakers: Mutex<Breakers>,
}

impl Trials {
    pub(super) fn new(pause: Duration) -> Self {
        Self { some: AtomicBool::new(false), breakers: Mutex::new(Breakers::new(pause)) }
    }

    fn lock(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn have_some(&self) -> bool {
        self.some.load(Ordering::Relaxed)
    }

    /// Admits a call of `tool`, perhaps as the one that tries it out, or refuses it.
    pub(super) fn admit(self: &Arc<Self>, tool: &ToolName, now: Instant) -> Result<Option<Trial>> {
        if !self.have_some() {
            return Ok(None);
        }
        let trial = self
            .lock()
            .pass(tool, now)
            .map_err(|retry_after| Error::new(ErrorKind::CircuitOpen { retry_after }, Executed::Never))?;
        Ok(trial.map(|number| {
            let (trials, tool) = (Arc::clone(self), tool.clone());
            Trial::new(number, move |number| trials.lock().returned(&tool, number))
        }))
    }

    /// Whether calls of `tool` are admitted without a question.
    pub(super) fn is_closed(&self, tool: &ToolName) -> bool {
        !self.have_some() || self.lock().is_closed(tool)
    }

    /// A worker that lives has run `call` to its end. True when that closed the circuit of its tool.
    pub(super) fn answered(&self, call: &PendingCall, now: Instant) -> bool {
        if !self.have_some() {
            return false;
        }
        let mut breakers = self.lock();
        let closed = breakers.answered(&call.request.target, call.trial.as_ref().map(Trial::number), now);
        self.some.store(!breakers.is_empty(), Ordering::Relaxed);
        closed
    }

    /// Nothing is held against any tool any more.
    pub(super) fn forget(&self) {
        self.lock().forget();
        self.some.store(false, Ordering::Relaxed);
    }

    /// `call` may have cost its worker. Says for how long the circuit of its tool is open, if that opened it.
    pub(super) fn died(&self, call: &PendingCall, now: Instant) -> Option<Duration> {
        let mut breakers = self.lock();
        self.some.store(true, Ordering::Relaxed);
        breakers.died(&call.request.target, call.trial.as_ref().map(Trial::number), now)
    }
}
