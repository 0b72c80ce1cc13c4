//! How the main thread, and other threads of Python, wait for the host. All of it without the GIL.

use std::sync::PoisonError;
use std::time::Duration;

use rustix::io::Errno;

use super::Core;
use super::call_state::CallState;
use super::nested::Surroundings;
use super::receive_buffer::Reader;
use super::state::{CallRequest, State};
use super::writing::Written;
use crate::system::clock::Nanoseconds;
use crate::system::descriptors::{is_readable, wait_readable, wait_readable_or_writable};
use crate::system::exit;

/// Too much is read ahead for threads that are busy: look again after this.
const BREATHER: Duration = Duration::from_micros(200);
/// The longest wait of a thread that has no deadline: it only bounds how long a lost notice could matter.
const LONG: Duration = Duration::from_mins(1);

/// How the main thread's wait for frames ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// There may be something to do.
    Frames,
    /// The host has closed the wire.
    End,
    /// A signal came: Python's handlers are due.
    Signal,
}

/// How the wait for something of the host ended.
#[derive(Debug)]
pub(crate) enum Awaited<T> {
    /// It is here.
    Done(T),
    /// The call inside which we asked is cancelled.
    Cancelled,
    /// The deadline has passed.
    Deadline,
    /// A signal came: Python's handlers are due, then wait on.
    Signal,
}

/// What a thread that waits for the host goes on with.
#[derive(Debug)]
pub(crate) enum Arrival<T> {
    /// What it waits for.
    Awaited(T),
    /// A nested call, which it runs meanwhile.
    Call(CallRequest, Vec<u8>),
    /// A nested stream, which could go on.
    Turn,
}

/// The call inside which a thread waits for the host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inside<'a> {
    pub(crate) id: u64,
    pub(crate) state: &'a CallState,
    /// Who waits for the call in this worker.
    pub(crate) surroundings: Surroundings,
    /// Whether it is the waiting thread that runs the call. It is told of a cancellation once, and may then ask the host for
    /// what its clean-up needs.
    pub(crate) is_own: bool,
}

impl Inside<'_> {
    fn is_cancelled(self) -> bool {
        if self.is_own { self.state.take_cancellation() } else { self.state.must_stop(self.id) }
    }
}

/// What one read brought.
enum Fill {
    Bytes,
    Nothing,
    End,
}

impl Core {
    /// On the main thread: writes what there is, reads what the host has written, and waits for it unless there is something
    /// else to do. What is for executor threads goes to them without the GIL, which they want.
    pub(crate) fn wait_for_work(&self, something_to_do: bool) -> Waited {
        loop {
            if self.is_finished() {
                self.flush_all();
                return Waited::End;
            }
            let written = self.write_on_return();
            // While there is no room nothing else may add to what waits for it.
            let may_go_on = something_to_do && written != Written::NoRoom;
            let waited = self.wait_for_frames(may_go_on, written);
            if may_go_on || waited != Waited::Frames {
                return waited;
            }
            if self.has_executors() {
                self.route_all(&mut self.reader());
                while !self.state().has_room() {
                    std::thread::sleep(BREATHER);
                }
            } else if self.holds_frame() {
                return waited;
            }
            if self.has_news() {
                return waited;
            }
        }
    }

    /// On the main thread, which is about to poll descriptors of which the wire is one. True when it must not wait, because
    /// something is here already.
    ///
    /// The order matters. The watcher reads under the reader's lock, and only in the epoch in which it was needed. So either it
    /// has read before this takes the lock, and has left news; or it sees that the epoch has passed, and leaves the pipe alone.
    pub(crate) fn begin_poll(&self) -> bool {
        self.begin_wait();
        let reader = self.reader();
        self.has_news() || reader.buffer.holds_frame(self.frame_limit)
    }

    /// On the main thread, which is back from polling.
    pub(crate) fn end_poll(&self) {
        self.end_wait();
    }

    /// On the main thread: reads what is there, and does not wait for more.
    pub(crate) fn read_what_is_there(&self) -> Waited {
        let mut reader = self.reader();
        if !is_readable(&self.input) {
            return Waited::Frames;
        }
        match self.fill(&mut reader) {
            Ok(Fill::End) => Waited::End,
            Ok(Fill::Bytes | Fill::Nothing) | Err(_) => Waited::Frames,
        }
    }

    /// On the main thread: reads what the host has written. Waits for it unless there is something else to do.
    fn wait_for_frames(&self, something_to_do: bool, written: Written) -> Waited {
        let mut reader = self.reader();
        // Whoever reads for us needs the reader first, so nothing can come in between these looks and the read, and nothing
        // can be gone.
        if self.has_news() || reader.buffer.holds_frame(self.frame_limit) {
            return Waited::Frames;
        }
        if something_to_do && !is_readable(&self.input) {
            return Waited::Frames;
        }
        self.read_or_wait(&mut reader, None, written)
    }

    fn holds_frame(&self) -> bool {
        self.reader().buffer.holds_frame(self.frame_limit)
    }

    /// On the main thread: waits for the host's HELLO and returns its body; `None` when the wire ends before it.
    pub(crate) fn wait_for_hello(&self) -> Option<Vec<u8>> {
        loop {
            self.flush();
            let mut reader = self.reader();
            self.route_all(&mut reader);
            if let Some(body) = self.state().hello.take() {
                return Some(body);
            }
            if self.read_or_wait(&mut reader, None, Written::All) == Waited::End {
                return None;
            }
        }
    }

    /// Inside a tool: waits for something of the host that `take` takes once it is there, or for what is nested in the wait:
    /// calls, and room for the `streams` that have begun.
    pub(super) fn await_or_nest<T>(
        &self,
        inside: Inside<'_>,
        deadline: Option<Nanoseconds>,
        streams: &[u64],
        mut take: impl FnMut(&mut State) -> Option<T>,
    ) -> Awaited<Arrival<T>> {
        let waiter = self.waiter(inside);
        self.await_arrival(inside, deadline, |state, has_room| {
            if let Some(awaited) = take(state) {
                return Some(Arrival::Awaited(awaited));
            }
            let nested = state.take_nested(waiter).map(|(request, body)| Arrival::Call(request, body));
            // While there is no room nothing else may add to what waits for it.
            nested.or_else(|| (has_room && state.has_turn(streams)).then_some(Arrival::Turn))
        })
    }

    /// Inside a tool: waits for something of the host that `take` takes once it is there. `take` is told whether there is
    /// room in the pipe.
    pub(super) fn await_arrival<T>(
        &self,
        inside: Inside<'_>,
        deadline: Option<Nanoseconds>,
        take: impl FnMut(&mut State, bool) -> Option<T>,
    ) -> Awaited<T> {
        if self.is_main_thread() {
            self.await_reading(inside, deadline, take)
        } else {
            self.await_delivered(inside, deadline, take)
        }
    }

    /// On the main thread, which reads for everybody meanwhile.
    fn await_reading<T>(
        &self,
        inside: Inside<'_>,
        deadline: Option<Nanoseconds>,
        mut take: impl FnMut(&mut State, bool) -> Option<T>,
    ) -> Awaited<T> {
        loop {
            let written = self.write_on_return();
            let mut reader = self.reader();
            self.route_all(&mut reader);
            if written == Written::All && self.has_pending_output() {
                continue; // a PONG, say
            }
            // As above: with the reader in hand, what is not here yet cannot come behind our back.
            // First whether anybody waits for what we wait for: when nobody does, the host has ended it as well.
            if inside.is_cancelled() {
                return Awaited::Cancelled;
            }
            if let Some(arrival) = take(&mut self.state(), written != Written::NoRoom) {
                return Awaited::Done(arrival);
            }
            let left = deadline.map(|deadline| deadline.since(Nanoseconds::now()));
            if left == Some(Duration::ZERO) {
                return Awaited::Deadline;
            }
            match self.read_or_wait(&mut reader, left, written) {
                Waited::Frames => {}
                Waited::Signal => return Awaited::Signal,
                Waited::End => self.end_without_host("the host has gone while a tool was waiting for it"),
            }
        }
    }

    /// On any other thread of Python, to which whoever reads delivers it.
    fn await_delivered<T>(
        &self,
        inside: Inside<'_>,
        deadline: Option<Nanoseconds>,
        mut take: impl FnMut(&mut State, bool) -> Option<T>,
    ) -> Awaited<T> {
        self.flush_all();
        let mut state = self.state();
        loop {
            if inside.is_cancelled() {
                return Awaited::Cancelled;
            }
            if let Some(arrival) = take(&mut state, true) {
                return Awaited::Done(arrival);
            }
            let left = deadline.map_or(LONG, |deadline| deadline.since(Nanoseconds::now()));
            if left.is_zero() {
                return Awaited::Deadline;
            }
            state = self.arrivals.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// For the watcher: deals with what the main thread has read and not looked at, the frames behind the call that runs.
    /// False when that is looking just now.
    pub(super) fn route_for_main(&self) -> bool {
        let Ok(mut reader) = self.reader.try_lock() else { return false };
        self.route_all(&mut reader);
        true
    }

    /// For the watcher: reads once if that cannot block and deals with what is there, if the main thread is still in the epoch
    /// in which it needs help. False when it did not read.
    pub(super) fn read_for_main(&self, epoch: u64) -> bool {
        let Ok(mut reader) = self.reader.try_lock() else { return false };
        self.route_all(&mut reader);
        // A main thread that polls would wait for what is taken away here: see `begin_poll`.
        let may_read = self.activity.needs_help(epoch) && self.state().has_room();
        if !may_read || !is_readable(&self.input) {
            return false;
        }
        match self.fill(&mut reader) {
            // Nothing runs, so everything is answered and the host may well have ended the connection on purpose: the
            // main thread is on its way to see that for itself, and then Python cleans up.
            Ok(Fill::End) if self.serves() && !self.running.is_something() => return false,
            Ok(Fill::End) => self.end_without_host("the host has gone while Python was busy"),
            Ok(Fill::Bytes | Fill::Nothing) | Err(_) => {}
        }
        self.route_all(&mut reader);
        true
    }

    /// One blocking read on the main thread, which the watcher sees as waiting. Where something is still to be written, it
    /// ends when that could go on.
    fn read_or_wait(&self, reader: &mut Reader, timeout: Option<Duration>, written: Written) -> Waited {
        self.begin_wait();
        let (may_read, may_write) = match (written, timeout) {
            (Written::All, None) => (true, false),
            (Written::All, Some(_)) => (wait_readable(&self.input, timeout), false),
            (Written::Some, _) => (is_readable(&self.input), true),
            (Written::NoRoom, _) => wait_readable_or_writable(&self.input, &self.output_end, timeout),
        };
        let outcome = may_read.then(|| self.fill(reader));
        self.end_wait();
        match outcome {
            None if may_write => Waited::Frames,
            Some(Ok(Fill::Bytes)) => Waited::Frames,
            Some(Ok(Fill::Nothing)) => {
                // Somebody made the descriptor non-blocking: wait here instead.
                wait_readable(&self.input, None);
                Waited::Frames
            }
            Some(Ok(Fill::End)) => Waited::End,
            // A time-out that passes looks like a signal; who has a deadline looks at the clock.
            None | Some(Err(_)) => Waited::Signal,
        }
    }

    fn begin_wait(&self) {
        if self.activity.begin_wait() {
            self.call_off.raise();
        }
    }

    fn end_wait(&self) {
        if self.activity.end_wait() {
            self.ticker.set(self.activity.interval());
        }
    }

    /// One read(2). An error is always a signal; worse ones end the process.
    fn fill(&self, reader: &mut Reader) -> Result<Fill, Errno> {
        match rustix::io::read(&self.input, reader.buffer.room()) {
            Ok(0) => Ok(Fill::End),
            Ok(length) => {
                reader.buffer.received(length);
                reader.received_at = Nanoseconds::about_now();
                Ok(Fill::Bytes)
            }
            Err(Errno::INTR) => Err(Errno::INTR),
            Err(Errno::AGAIN) => Ok(Fill::Nothing),
            Err(error) => exit::because(exit::DESCRIPTORS_LOST, format_args!("the wire cannot be read: {error}")),
        }
    }
}
