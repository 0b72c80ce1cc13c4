//! Answers to the worker's calls: one value, an error, or a stream that keeps to the worker's credit.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;

use super::{Link, PULLED_AHEAD, PendingCall, State, UNREAD_LARGE_ANSWERS, WriteFailure};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::wire::peer::Refused;

/// Somebody who waits until there is room for an item.
pub(super) enum Sender {
    /// Streams among the arguments of a call of ours.
    Arguments(Arc<PendingCall>),
    /// A stream that answers a call of the worker.
    Answer(Arc<Notify>),
}

impl Sender {
    /// There may be room.
    pub(super) fn tell(&self) {
        match self {
            Self::Arguments(call) => call.has_room(),
            Self::Answer(room) => room.notify_one(),
        }
    }
}

impl Link {
    /// Answers a call of the worker. Does nothing when the connection is over.
    pub fn answer(&self, id: u64, result: &Result<Bytes, Error>) {
        let mut state = self.lock();
        let State { peer, output, .. } = &mut *state;
        output.answer(|out| {
            let refused = match result {
                Ok(body) => peer.reply(id, body, out).err(),
                Err(error) => peer.error(id, error.code(), error.executed(), &error.to_wire(), out).err(),
            };
            if let Some(Refused::TooLarge { size, limit }) = refused {
                let error = Error::new(ErrorKind::PayloadTooLarge { size, limit }, Executed::Yes);
                // Refused only when the call is not owed any more, and then nobody waits for it.
                let _ = peer.error(id, error.code(), error.executed(), &error.to_wire(), out);
            }
        });
        state.bound_unread_answers();
        state.flush(true);
    }

    /// Begins to answer call `id` of the worker, which asked for a stream.
    pub(crate) fn begin_stream(self: &Arc<Self>, id: u64) -> StreamAnswer {
        let room = Arc::<Notify>::default();
        self.lock().streams.insert(id, Arc::clone(&room));
        StreamAnswer { link: Arc::clone(self), id, room }
    }
}

impl State {
    /// A worker that asks for large answers and does not read them is one that does not listen.
    fn bound_unread_answers(&mut self) {
        if self.peer.has_fragments() && self.peer.unsent_answers() > UNREAD_LARGE_ANSWERS {
            self.output.fail(WriteFailure::Flood);
        }
    }
}

/// A stream that answers a call of the worker, from its first item to its end. An error ends it by [`Link::answer`].
pub(crate) struct StreamAnswer {
    link: Arc<Link>,
    id: u64,
    /// Told when there may be room again.
    room: Arc<Notify>,
}

impl StreamAnswer {
    /// Waits until the worker has room for an item; for ever when it does not want any more.
    pub(crate) async fn room(&self) {
        while !self.has_room() {
            self.room.notified().await;
        }
    }

    fn has_room(&self) -> bool {
        let mut state = self.link.lock();
        let State { peer, output, held_back, .. } = &mut *state;
        if !peer.may_send(self.id) {
            return false;
        }
        // Credit alone bounds nothing: it is the worker's to choose.
        let has_room = output.end() - output.written() < PULLED_AHEAD;
        if !has_room {
            held_back.push(Sender::Answer(Arc::clone(&self.room)));
        }
        has_room
    }

    /// Sends an item, for which there is room.
    ///
    /// # Errors
    /// `TooLarge` when it is more than the worker accepts. Any other refusal means that nobody waits for it.
    pub(crate) fn send(&self, item: &Bytes) -> Result<(), Refused> {
        let mut state = self.link.lock();
        let State { peer, output, .. } = &mut *state;
        output.append(|out| peer.item(self.id, 0, item, out))?;
        state.bound_unread_answers();
        state.flush(true);
        Ok(())
    }

    /// There are no more items.
    pub(crate) fn end(self) {
        let mut state = self.link.lock();
        let State { peer, output, .. } = &mut *state;
        // Refused when the call is not owed any more, and then nobody waits for it.
        let _ = output.append(|out| peer.end(self.id, &[0; 0], out));
        state.flush(true);
    }
}

impl Drop for StreamAnswer {
    fn drop(&mut self) {
        self.link.lock().streams.remove(&self.id);
    }
}
