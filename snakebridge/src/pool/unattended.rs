//! Calls that go on although nobody waits for them: notifications, and those whose callers have left and let them go on.

use std::future::poll_fn;
use std::sync::Arc;

use super::Pool;
use crate::link::{Next, PendingCall};
use crate::telemetry::Event;

impl Pool {
    /// Tells of `call`'s failure, if it fails: nobody else will.
    pub(super) fn attend(self: &Arc<Self>, call: Arc<PendingCall>) {
        let pool = Arc::clone(self);
        let attended = async move {
            if let Err(error) = poll_fn(|context| call.poll_outcome(context)).await {
                pool.events.emit(Event::NotificationFailed {
                    pool: pool.name(),
                    tool: call.request.target.to_string(),
                    error: error.to_string(),
                    executed: error.executed(),
                    correlation_id: call.correlation_id(),
                });
            }
        };
        // A shutdown waits for it, so that what it tells is told by then.
        self.tasks.spawn_on(attended, &self.runtime);
    }

    /// Takes what is left of a stream and drops it, so that its generator runs to its end.
    pub(super) fn exhaust(&self, call: Arc<PendingCall>) {
        let exhausted = async move {
            while let Next::Item(item, origin) = poll_fn(|context| call.poll_next(context)).await {
                if let Some((link, id)) = origin {
                    link.consumed(id, item.body.len());
                }
            }
        };
        self.tasks.spawn_on(exhausted, &self.runtime);
    }
}
