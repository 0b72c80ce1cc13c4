//! Streams that are arguments of a call: pulled here, one task each, and sent while the worker has room.
//!
//! A task belongs to the call and not to a connection: a call that never ran goes to another worker with its streams
//! untouched. As soon as something was pulled the call is committed to the worker it is with.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use tokio::runtime::Handle;

use super::{Link, PendingCall};
use crate::body::InputStream;
use crate::error::{Error, ErrorKind, Executed};

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
            item = stream.next() => item,
        };
        match item {
            Some(Ok(item)) => link.send_input(id, number, &item),
            Some(Err(error)) => {
                // The tool waits for an item that will not come.
                let message = format!("an item of stream {number} among the arguments: {}", error.kind());
                call.complete(Err(Error::new(ErrorKind::InvalidArgument { message }, Executed::Maybe)));
                link.cancel(id, "an argument cannot be encoded", Instant::now());
                link.service.gave_up();
                return;
            }
            None => {
                link.end_input(id, number);
                return;
            }
        }
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
