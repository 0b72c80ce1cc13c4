//! How far a call is, as its tool tells.

use super::{PendingCall, Stage};
use crate::telemetry::Progress;

impl PendingCall {
    /// Its tool tells how far it is.
    pub(crate) fn has_come(&self, progress: Progress) {
        // One that goes for others tells each of them.
        for member in self.members() {
            member.has_come(progress.clone());
        }
        let waker = {
            let mut state = self.lock();
            if matches!(state.stage, Stage::Done) {
                return;
            }
            state.progress = Some(Box::new(progress.sane()));
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The last that was told of how far it is, once.
    pub(crate) fn take_progress(&self) -> Option<Progress> {
        self.lock().progress.take().map(|progress| *progress)
    }
}
