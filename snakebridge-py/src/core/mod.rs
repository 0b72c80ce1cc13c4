//! The native half of a running worker: who reads, who writes, and what somebody may do while Python is busy. Nothing in
//! here takes the GIL or knows of Python.
//!
//! **The main thread** reads a call, runs it and writes its answer ([`reading`], [`writing`]). While it waits for the next
//! one it sits in read(2), holding the reader. **The watcher** is a thread that only helps: once a call runs for longer than
//! a tick it reads what arrives and writes what is pending, owning nothing while it waits ([`watcher`], [`activity`]). So
//! PING and CANCEL are answered whatever Python does, and there is nothing to hand over or back.
//!
//! Where tools run on **executor threads**, those are threads of Python that wait here for jobs and answer by themselves
//! ([`turns`]): whoever reads fills their queue. Where tools are coroutines, the main thread waits in the event loop's poll
//! instead of read(2), and reads only what is surely there.
//!
//! What a frame means is decided in one place, [`routing`], by whichever thread has read it. What that thread cannot do
//! itself is left for the main thread or for a waiting one ([`state`]). A thread that waits for a tool of the host runs what
//! that tool calls here ([`nested`]).
//!
//! # Locks
//!
//! In this order, after the GIL where one has it:
//!
//! 1. `reader`: the receive buffer and the right to read. The main thread keeps it while it blocks in read(2), and only it
//!    may block; the watcher tries for it and reads only what is surely there.
//! 2. `state`: the peer, what was read for somebody else, and which calls run.
//! 3. `output`: bytes that are not written yet. And, never together with it, the main thread's own call in [`OnMain`].
//!
//! No holder of any of them waits for the GIL or runs Python code. `state` and `output` are never held across anything that
//! can block: whoever waits for room in the pipe does so without `output`, so the watcher never waits behind a full pipe.
//!
//! # Pitfalls
//!
//! Each of these was met, and has a test that fails without its remedy.
//!
//! - A helping watcher sleeps in poll(2) and does not see what others append, nor large bodies that wait for their turn: who
//!   leaves something to it has to write or to wake it ([`flush`](Core::flush)).
//! - A main thread that polls the pipe, instead of holding the reader in read(2), waits for ever for what somebody else takes
//!   out of it: see [`begin_poll`](Core::begin_poll).
//! - While the pipe is full nothing may be pulled: a stream that could go on would add an item for every look
//!   ([`wait_for_work`](Core::wait_for_work)).
//! - A signal that lands between a check and the system call that blocks is lost. Whatever is told by one is told again, every
//!   few milliseconds, until it was heard: cancellations, and the end that SIGTERM asks for ([`ending`]).
//! - A forked child inherits handlers: they ask which process they run in.

mod activity;
mod call_state;
mod ending;
mod events;
mod host_streams;
mod inputs;
mod nested;
mod output;
mod reading;
mod receive_buffer;
mod routing;
mod running;
mod state;
#[cfg(test)]
mod tests;
mod tool_table;
mod turns;
mod watcher;
mod writing;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use snakebridge::wire::{CallName, Limits, Peer, Role};

use self::activity::Activity;
pub(crate) use self::call_state::CallState;
pub(crate) use self::host_streams::NextItem;
pub(crate) use self::inputs::NextInput;
pub(crate) use self::nested::{Surroundings, this_thread};
use self::output::Output;
pub(crate) use self::reading::{Arrival, Awaited, Inside, Waited};
use self::receive_buffer::Reader;
use self::running::OnMain;
pub(crate) use self::running::Place;
use self::state::State;
pub(crate) use self::state::{Answer, CallRequest, Interest, Job};
pub(crate) use self::tool_table::ToolTable;
pub(crate) use self::writing::Written;
use crate::system::descriptors::{Wire, close_in_child};
use crate::system::signal::MainThread;
use crate::system::status_page::StatusPage;
use crate::system::ticker::Ticker;
use crate::system::wakeup::Wakeup;

/// One worker. Made once, by `start()`, and never dropped.
#[derive(Debug)]
pub(crate) struct Core {
    input: OwnedFd,
    output_end: OwnedFd,
    frame_limit: u64,
    reader: Mutex<Reader>,
    state: Mutex<State>,
    output: Mutex<Output>,
    /// Signalled, with `state`, when an answer of the host or a cancellation has come.
    arrivals: Condvar,
    /// Signalled, with `state`, when there is a job for an executor thread.
    jobs: Condvar,
    /// Somebody read something that the main thread has to act on. Written under `state`; lets the main thread skip it.
    news: AtomicBool,
    /// Whether the main thread has come to serve; before, it imports and initializes.
    serving: AtomicBool,
    /// Which call runs on the main thread, and whether it is cancelled.
    pub(crate) running: OnMain,
    activity: Activity,
    ticker: Ticker,
    /// Tells the watcher to stop helping, or to look again.
    call_off: Wakeup,
    watcher_ends: AtomicBool,
    /// SIGTERM has come.
    terminating: AtomicBool,
    said_go_away: AtomicBool,
    /// Wakes a main thread that polls.
    rouse: Wakeup,
    main_thread: MainThread,
    tools: OnceLock<ToolTable>,
    status_page: OnceLock<StatusPage>,
    /// What a call is known by, but for its id.
    name: CallName,
}

impl Core {
    /// A core for the calling thread, which becomes the main thread, over `wire`.
    pub(crate) fn new(wire: Wire, limits: Limits, nonce: &str) -> io::Result<Self> {
        Ok(Self {
            input: wire.input,
            output_end: wire.output,
            frame_limit: limits.frame,
            reader: Mutex::new(Reader::default()),
            state: Mutex::new(State::new(Peer::new(Role::Worker, limits, nonce))),
            output: Mutex::new(Output::default()),
            arrivals: Condvar::new(),
            jobs: Condvar::new(),
            news: AtomicBool::new(false),
            serving: AtomicBool::new(false),
            running: OnMain::default(),
            activity: Activity::default(),
            ticker: Ticker::new()?,
            call_off: Wakeup::new()?,
            watcher_ends: AtomicBool::new(false),
            terminating: AtomicBool::new(false),
            said_go_away: AtomicBool::new(false),
            rouse: Wakeup::new()?,
            main_thread: MainThread::this(),
            tools: OnceLock::new(),
            status_page: OnceLock::new(),
            name: CallName::new(nonce, 0),
        })
    }

    /// What call `id` is known by, where it has no correlation id: the host makes up the same.
    pub(crate) fn name_of(&self, id: u64) -> CallName {
        self.name.of(id)
    }

    /// Whether the calling thread is the one that serves.
    pub(crate) fn is_main_thread(&self) -> bool {
        self.main_thread.is_this()
    }

    /// The main thread serves from now on: whenever nothing runs it is about to read.
    pub(crate) fn begin_serving(&self) {
        self.serving.store(true, Ordering::SeqCst);
    }

    fn serves(&self) -> bool {
        self.serving.load(Ordering::SeqCst)
    }

    /// Adopts the page that tells the host what ran.
    pub(crate) fn report_on(&self, page: StatusPage) {
        // Opened once, by `start`.
        let _ = self.status_page.set(page);
    }

    /// What the host accepts.
    pub(crate) fn host_limits(&self) -> Limits {
        *self.state().peer.peer_limits()
    }

    /// Call `id` enters user code.
    pub(crate) fn entered(&self, id: u64) {
        if let Some(page) = self.status_page.get() {
            page.started(id);
        }
    }

    /// Call `id` on the main thread has left user code: no cancel can reach it any more.
    pub(crate) fn left(&self, id: u64) {
        if let Some(page) = self.status_page.get() {
            page.finished(id);
        }
        self.running.end();
    }

    /// The running call swallowed its cancellation where Python cannot raise: tell it again.
    /// False when there was nothing to swallow.
    pub(crate) fn cancel_again(&self) -> bool {
        let is_due = self.running.forget_acknowledgement();
        self.call_off.raise();
        is_due
    }

    /// The ends of the wire, and what is readable when the main thread is wanted otherwise, for whoever polls them.
    pub(crate) fn descriptors(&self) -> [RawFd; 3] {
        [self.input.as_raw_fd(), self.output_end.as_raw_fd(), self.rouse.as_fd().as_raw_fd()]
    }

    /// Where the stacks of all threads are to be written when the host asks for them.
    pub(crate) fn stacks(&self) -> Option<RawFd> {
        self.status_page.get()?.stacks()
    }

    /// The main thread has come, whatever it was wanted for.
    pub(crate) fn calm(&self) {
        self.rouse.clear();
    }

    fn has_executors(&self) -> bool {
        self.tools.get().is_some_and(ToolTable::has_threads)
    }

    /// In a forked child, which must not keep the wire open. Nothing of the core may be used there afterwards.
    pub(crate) fn close_in_child(&self) {
        close_in_child(self.input.as_fd());
        close_in_child(self.output_end.as_fd());
        self.call_off.close_in_child();
        self.rouse.close_in_child();
        if let Some(page) = self.status_page.get() {
            page.close_in_child();
        }
        self.ticker.close_in_child();
    }

    /// Whether something waits for the main thread that somebody else has read.
    pub(crate) fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire)
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        lock(&self.reader)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        lock(&self.output)
    }
}

/// Locks whether or not a panic has poisoned it: panics of ours end the worker, and until then the host is better served by
/// frames than by silence.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
