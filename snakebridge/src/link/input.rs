//! Streams that are arguments of a call: pulled here, one task each, and sent while the worker has room.
//!
//! A task belongs to the call and not to a connection: a call that never ran goes to another worker with its streams
//! untouched. As soon as something was pulled the call is committed to the worker it is with.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::{FutureExt, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::{Link, PendingCall};
use crate::body::InputStream;
use crate::error::{Error, ErrorKind, Executed};
use crate::wire::peer::Refused;

/// The streams among a call's arguments.
pub(super) struct Inputs {
    /// Until somebody pulls them.
    pub(super) streams: Option<Vec<InputStream>>,
    /// Whether something was pulled: the call cannot begin anew elsewhere.
    pub(super) pulled: bool,
    /// Told whenever the call has changed its place, has ended, or a stream has got room.
    pub(super) changed: Arc<Notify>,
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("pulled", &self.pulled).finish_non_exhaustive()
    }
}

/// Pulls each of `streams` for as long as `call` is unanswered.
pub(super) fn send_all(runtime: &Handle, call: &Arc<PendingCall>, streams: Vec<InputStream>) {
    for (number, stream) in (1..).zip(streams) {
        runtime.spawn(send(Arc::clone(call), number, stream));
    }
}

async fn send(call: Arc<PendingCall>, number: u64, mut stream: InputStream) {
    while let Some((link, id)) = room(&call, number).await {
        let item = tokio::select! {
            biased;
            () = call.ended() => return,
            item = AssertUnwindSafe(stream.next()).catch_unwind() => item,
        };
        let failure = match item {
            Ok(Some(Ok(item))) => match link.send_input(id, number, &item) {
                Err(Refused::TooLarge { size, limit }) => ErrorKind::PayloadTooLarge { size, limit },
                // Any other refusal means that the call is answered.
                Ok(()) | Err(_) => continue,
            },
            Ok(Some(Err(error))) => ErrorKind::InvalidArgument {
                message: format!("an item of stream {number} among the arguments: {}", error.kind()),
            },
            Ok(None) => return link.end_input(id, number),
            Err(_) => ErrorKind::InvalidArgument {
                message: format!("stream {number} among the arguments panicked when it was asked for an item"),
            },
        };
        // The tool waits for an item that will not come.
        call.complete(Err(Error::new(failure, Executed::Maybe)));
        link.cancel(id, "an argument failed", Instant::now());
        link.service.gave_up();
        return;
    }
}

/// Waits until the worker has room for an item of stream `number`; `None` when the call is over.
async fn room(call: &PendingCall, number: u64) -> Option<(Arc<Link>, u64)> {
    loop {
        let changed = call.changed();
        if call.is_done() {
            return None;
        }
        if let Some((link, id)) = call.connection()
            && link.has_room_for_input(id, number)
            && call.commit(&link)
        {
            return Some((link, id));
        }
        changed.await;
    }
}
