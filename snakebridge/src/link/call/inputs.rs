//! The streams among a call's arguments, from the call's side.

use std::sync::Arc;

use tokio::sync::futures::OwnedNotified;

use super::{PendingCall, Stage, State};
use crate::body::InputStream;
use crate::link::Link;
use crate::link::input::Inputs;

impl State {
    pub(super) fn tell_inputs(&self) {
        if let Some(inputs) = &self.inputs {
            inputs.changed.notify_waiters();
        }
    }

    pub(super) fn is_committed(&self) -> bool {
        self.received > 0 || self.inputs.as_ref().is_some_and(|inputs| inputs.pulled)
    }
}

impl PendingCall {
    /// Gives it the streams that its arguments name.
    pub fn with_inputs(self, streams: Vec<InputStream>) -> Self {
        if !streams.is_empty() {
            let inputs = Inputs { streams: Some(streams), pulled: false, changed: Arc::default() };
            self.lock().inputs = Some(Box::new(inputs));
        }
        self
    }

    /// The streams among its arguments, once.
    pub(in crate::link) fn take_inputs(&self) -> Option<Vec<InputStream>> {
        self.lock().inputs.as_mut()?.streams.take()
    }

    /// Something is about to be pulled for it, to be sent over `link`. False when it is not there any more.
    pub(in crate::link) fn commit(&self, link: &Arc<Link>) -> bool {
        let mut state = self.lock();
        let there = matches!(&state.stage, Stage::Sent { link: now, .. } if Arc::ptr_eq(now, link));
        if there && let Some(inputs) = &mut state.inputs {
            inputs.pulled = true;
        }
        there
    }

    /// Ends with the next change: of its place, its end, or the room of one of its streams. Counts from this moment.
    pub(in crate::link) fn changed(&self) -> OwnedNotified {
        let changed = self.lock().inputs.as_ref().map(|inputs| Arc::clone(&inputs.changed));
        changed.unwrap_or_default().notified_owned()
    }

    /// A stream among its arguments has room again.
    pub(in crate::link) fn has_room(&self) {
        self.lock().tell_inputs();
    }

    /// Waits until it is over.
    pub(in crate::link) async fn ended(&self) {
        loop {
            let changed = self.changed();
            if self.is_done() {
                return;
            }
            changed.await;
        }
    }
}
