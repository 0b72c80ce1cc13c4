//! The handshake: HELLO of both sides, and what a worker says when it is ready or cannot be.

use super::{Event, Peer, Phase, Role};
use crate::wire::limits::MAX_HANDSHAKE;
use crate::wire::{Limits, VERSIONS, Violation};

/// The largest window that is believed: what is beyond it is as good as none, and sums of it cannot overflow.
pub(super) const MAX_WINDOW: u64 = 1 << 39;

impl<T> Peer<T> {
    pub(super) fn on_hello<'p, 'f>(
        &'p mut self,
        theirs: (u64, u64),
        limits: Limits,
        nonce: &str,
        body_length: usize,
    ) -> Result<Event<'p, 'f, T>, Violation> {
        if self.phase != Phase::Greeting {
            return Err(Violation::Phase("a second HELLO"));
        }
        if theirs.0.max(VERSIONS.0) > theirs.1.min(VERSIONS.1) {
            return Err(Violation::Version { ours: VERSIONS, theirs });
        }
        if nonce != self.nonce {
            return Err(Violation::Nonce);
        }
        if body_length > MAX_HANDSHAKE {
            return Err(Violation::Handshake("a HELLO over 1 MiB"));
        }
        if limits.window == 0 || limits.calls == 0 {
            return Err(Violation::Handshake("limits of zero"));
        }
        self.theirs = Limits { window: limits.window.min(MAX_WINDOW), ..limits };
        self.phase = Phase::Starting;
        // A host has nothing to announce: for a worker the connection opens with its own READY.
        Ok(Event::Hello)
    }

    pub(super) fn on_ready<'p, 'f>(
        &'p mut self,
        manifest_hash: &'f str,
        body_length: usize,
    ) -> Result<Event<'p, 'f, T>, Violation> {
        if self.role != Role::Host || self.phase != Phase::Starting {
            return Err(Violation::Phase("READY comes once, from the worker"));
        }
        if body_length > MAX_HANDSHAKE {
            return Err(Violation::Handshake("a READY over 1 MiB"));
        }
        self.phase = Phase::Open;
        Ok(Event::Ready { manifest_hash })
    }

    pub(super) fn on_start_failed<'f>(&mut self) -> Result<Event<'_, 'f, T>, Violation> {
        if self.role != Role::Host || self.phase != Phase::Starting {
            return Err(Violation::Phase("ERROR without a call"));
        }
        self.phase = Phase::Failed;
        Ok(Event::StartFailed)
    }
}
