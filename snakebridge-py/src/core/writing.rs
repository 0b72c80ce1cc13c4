//! Frames on their way out: appended by whoever has one, written in batches.

use std::time::Duration;

use rustix::io::Errno;
use snakebridge::wire::Executed;
use snakebridge::wire::MAGIC;
use snakebridge::wire::fragment::Body;
use snakebridge::wire::peer::{Refused, Request};

use super::state::{Answer, Interest};
use super::{Arrival, Awaited, Core, Inside, ToolTable};
use crate::system::clock::Nanoseconds;
use crate::system::descriptors::wait_writable;
use crate::system::exit;

/// Replies gather up to so many bytes while more calls are in the buffer.
const BATCH: usize = 16 * 1024;
/// How long to wait for room before looking whether somebody else has written everything.
const ROOM: Duration = Duration::from_millis(100);

/// Fragments in a row, before somebody looks whether there is something to read.
const FRAGMENTS: usize = 4;

/// How far everything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// To the end.
    All,
    /// More fragments could go on at once.
    Some,
    /// The host has to read first.
    NoRoom,
}

/// How it stands with a stream after an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// Bytes that are not written yet.
    pub(crate) pending: usize,
    /// Whether another item may follow.
    pub(crate) has_credit: bool,
}

impl Core {
    /// The magic and HELLO: the first that the host hears.
    pub(crate) fn say_hello(&self, body: &[u8]) {
        let (mut state, mut output) = (self.state(), self.output());
        output.frames().extend_from_slice(&MAGIC);
        state.peer.hello(body, output.frames());
    }

    /// READY: from now on calls may come.
    pub(crate) fn say_ready(&self, tools: ToolTable, manifest_hash: &str, names: &[u8]) -> Result<(), Refused> {
        // First the table, then the frame that lets calls come.
        self.tools.set(tools).map_err(|_| Refused::NotOpen)?;
        self.state().peer.ready(manifest_hash, names, self.output().frames())
    }

    /// Why this worker cannot start.
    pub(crate) fn say_start_failed(&self, body: &[u8]) {
        self.state().peer.start_failed(body, self.output().frames());
    }

    /// REPLY. When it is refused, the call is still to be answered. Returns how many bytes are not written yet.
    pub(crate) fn reply(&self, id: u64, body: &(impl Body + ?Sized)) -> Result<usize, Refused> {
        let mut state = self.state();
        self.tell_rest(id, &mut state);
        let mut output = self.output();
        state.peer.reply(id, body, output.frames())?;
        Ok(output.pending().len())
    }

    /// ERROR. Returns how many bytes are not written yet.
    pub(crate) fn fail(&self, id: u64, code: &str, executed: Executed, body: &[u8]) -> usize {
        let mut state = self.state();
        self.tell_rest(id, &mut state);
        let mut output = self.output();
        // Refused only for a call that has been answered, and a second answer is what must not happen.
        let _ = state.peer.error(id, code, executed, body, output.frames());
        output.pending().len()
    }

    /// ITEM.
    pub(crate) fn item(&self, id: u64, flags: u64, body: &(impl Body + ?Sized)) -> Result<Sent, Refused> {
        let (mut state, mut output) = (self.state(), self.output());
        state.peer.item(id, flags, body, output.frames())?;
        Ok(Sent { pending: output.pending().len(), has_credit: state.peer.may_send(id) })
    }

    /// END, with the generator's return value.
    pub(crate) fn end(&self, id: u64, body: &[u8]) -> Result<(), Refused> {
        let mut state = self.state();
        self.tell_rest(id, &mut state);
        state.peer.end(id, body, self.output().frames())
    }

    /// CALL to the host, inside the call `parent`; `None` when that has been answered.
    pub(crate) fn call_host(
        &self,
        parent: u64,
        request: &Request<'_>,
        body: &[u8],
        interest: Interest,
    ) -> Option<Result<u64, Refused>> {
        let mut state = self.state();
        if !state.peer.serves(parent) {
            return None;
        }
        let call = state.peer.call(request, body, interest, self.output().frames());
        if let Ok(id) = call
            && request.stream
        {
            state.host_streams.begin(id);
        }
        Some(call.map_err(|(refused, _)| refused))
    }

    /// Inside a tool: waits for the answer to call `id` of ours. Meanwhile the thread runs what is nested in it: calls, and
    /// the `streams` that it has begun.
    pub(crate) fn await_answer(
        &self,
        id: u64,
        inside: Inside<'_>,
        deadline: Option<Nanoseconds>,
        streams: &[u64],
    ) -> Awaited<Arrival<Answer>> {
        self.await_or_nest(inside, deadline, streams, |state| state.answers.remove(&id))
    }

    /// The answer to call `id` of ours, if it has come.
    pub(crate) fn take_answer(&self, id: u64) -> Option<Answer> {
        self.state().answers.remove(&id)
    }

    /// Nobody waits any more for the answer to call `id` of ours.
    pub(crate) fn abandon(&self, id: u64, reason: &str) {
        let mut state = self.state();
        state.answers.remove(&id);
        state.host_streams.end(id);
        // Another thread may be waiting for it.
        self.arrivals.notify_all();
        self.release_nested(id, &mut state);
        if let Some(interest) = state.peer.in_flight_mut(id) {
            *interest = Interest::Abandoned;
        }
        state.peer.cancel(id, reason, self.output().frames());
    }

    /// On the main thread, between two calls of a batch: whether what is pending is to be written now. While calls are
    /// short it can wait, because the watcher writes it as soon as the next one turns out long; a watcher that helps already
    /// would not look again.
    pub(crate) fn wants_flush(&self, pending: usize) -> bool {
        pending > BATCH || self.is_helped()
    }

    /// Whether the watcher helps already. It then sleeps until something arrives: who appends something has to write it.
    pub(crate) fn is_helped(&self) -> bool {
        self.activity.is_helped()
    }

    /// Whether something is not written yet.
    pub(super) fn has_pending_output(&self) -> bool {
        !self.output().pending().is_empty()
    }

    /// Writes everything that was appended so far, waiting for room where the host is slow to read. Never holds a lock while
    /// it waits. Fragments that others append meanwhile are not waited for: there may be many.
    pub(crate) fn flush(&self) {
        let end = self.output().end();
        while !self.write_pending() && self.output().position() < end {
            wait_writable(&self.output_end, ROOM);
        }
        // The caller is about to run something else. A watcher that helps already sleeps until something arrives, and does
        // not know that there are fragments now.
        if self.is_helped() && self.state().peer.has_fragments() {
            self.call_off.raise();
        }
    }

    /// Writes everything. For threads that nobody waits for.
    pub(crate) fn flush_all(&self) {
        while !matches!(self.write_with_fragments(), Written::All) {
            wait_writable(&self.output_end, ROOM);
        }
    }

    /// Writes what there is room for, and fragments of large bodies behind everything else; but not so many that it takes
    /// long.
    pub(super) fn write_with_fragments(&self) -> Written {
        for _ in 0..FRAGMENTS {
            if !self.write_pending() {
                return Written::NoRoom;
            }
            if !self.append_fragment() {
                return Written::All;
            }
        }
        Written::Some
    }

    /// On the main thread, which is back from what it ran: the same. A watcher that still helps is sent away first: otherwise
    /// the two compete for the output, and on a busy machine the one that has it keeps it until everything is written.
    pub(crate) fn write_on_return(&self) -> Written {
        if self.is_helped() {
            self.move_on();
        }
        self.write_with_fragments()
    }

    /// Appends a fragment of a large body, if there is one.
    fn append_fragment(&self) -> bool {
        let mut state = self.state();
        if !state.peer.has_fragments() {
            return false;
        }
        let Some(fragment) = state.peer.fragment(self.output().frames()) else { return false };
        if fragment.last && fragment.id % 2 == 1 {
            // The stream that it is an item of may go on.
            self.credit(fragment.id, &mut state);
        }
        true
    }

    /// Writes everything within about `patience`; for a process that is about to end anyway.
    pub(crate) fn flush_briefly(&self, patience: Duration) {
        let mut rounds = patience.as_millis() / ROOM.as_millis();
        while !self.write_pending() && rounds > 0 {
            wait_writable(&self.output_end, ROOM);
            rounds -= 1;
        }
    }

    /// Writes as much as there is room for; true when nothing is left.
    pub(crate) fn write_pending(&self) -> bool {
        let mut output = self.output();
        while !output.pending().is_empty() {
            match rustix::io::write(&self.output_end, output.pending()) {
                Ok(length) => output.advance(length),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                Err(Errno::PIPE) => self.end_without_host("the host does not read any more"),
                Err(error) => {
                    exit::because(exit::DESCRIPTORS_LOST, format_args!("the wire cannot be written: {error}"))
                }
            }
        }
        true
    }
}
