//! The watcher: a thread that never takes the GIL and helps while a call runs long.
//!
//! It reads what arrives and writes what is pending, so that PING, CANCEL, CREDIT and answers of the host flow whatever
//! Python does; it sees the host die; and it repeats the interrupt of a cancelled call until it is heard. See
//! [`activity`](super::activity) for when it does.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::Core;
use super::activity::Look;
use super::writing::Written;
use crate::system::{descriptors, exit, hardening, signal};

/// How long a cancelled call may not react before the interrupt is repeated: a signal that lands between Python's check and
/// a blocking system call is otherwise lost until that call returns.
const REPEAT: Duration = Duration::from_millis(5);
/// The main thread has the reader for a moment, or the queue is full: look again after this.
const BREATHER: Duration = Duration::from_micros(200);
/// Room for decoding a frame and for the text of an error.
const STACK: usize = 128 * 1024;

impl Core {
    /// Starts the watcher.
    pub(crate) fn start_watcher(&'static self) -> io::Result<JoinHandle<()>> {
        self.watcher_ends.store(false, SeqCst);
        Builder::new().name("sb-watcher".to_owned()).stack_size(STACK).spawn(move || {
            // Without it nobody would see the host die: better to die as well.
            if catch_unwind(AssertUnwindSafe(|| self.watch())).is_err() {
                exit::because(exit::WATCHER_LOST, "the watcher panicked");
            }
        })
    }

    /// Tells the watcher to end; join it then. It ends promptly, whatever it does, and needs no lock that a caller of this
    /// could hold.
    pub(crate) fn stop_watcher(&self) {
        self.watcher_ends.store(true, SeqCst);
        self.call_off.raise();
        self.ticker.set(Duration::ZERO);
    }

    fn watch(&self) {
        signal::block_all();
        hardening::relax_timers();
        hardening::watch_while_stopped();
        self.ticker.set(self.activity.interval());
        loop {
            self.ticker.wait();
            if self.watcher_ends.load(SeqCst) {
                return;
            }
            if self.is_terminating() {
                self.say_go_away();
                self.write_pending();
                self.rouse_main();
                self.ticker.set(REPEAT);
            }
            match self.activity.look() {
                Look::Park => continue,
                Look::Again => {}
                Look::Help(epoch) => self.help(epoch),
            }
            self.ticker.set(self.activity.interval());
        }
    }

    /// Helps until the main thread reads again. Owns nothing while it waits: the main thread may read at any time.
    pub(super) fn help(&self, epoch: u64) {
        self.activity.begin_help();
        let mut has_routed = false;
        while !self.watcher_ends.load(SeqCst) {
            has_routed = has_routed || self.route_for_main();
            self.say_go_away();
            let needed = self.activity.needs_help(epoch);
            // Large bodies are the main thread's to go on with once it is back.
            let written = match needed {
                true => self.write_with_fragments(),
                false if self.write_pending() => Written::All,
                false => Written::NoRoom,
            };
            let host_is_slow = written == Written::NoRoom;
            // The main thread may be in read(2) by now and does not know what was appended here: not before it is written.
            if !needed && !host_is_slow {
                break;
            }
            let interrupted = self.running.is_unacknowledged();
            let input = if needed { PollFlags::IN } else { PollFlags::empty() };
            let mut descriptors = [
                PollFd::new(&self.call_off, PollFlags::IN),
                PollFd::new(&self.input, input),
                PollFd::new(&self.output_end, PollFlags::OUT),
            ];
            // The output is always writable while there is room: ask for it only when there was none.
            let watched = if host_is_slow { 3 } else { 2 };
            let patience = match written {
                Written::Some => Some(Duration::ZERO),
                _ if has_routed => interrupted.then_some(REPEAT),
                _ => Some(BREATHER),
            };
            let ready = descriptors::wait(&mut descriptors[..watched], patience);
            if ready && !descriptors[0].revents().is_empty() {
                // Perhaps a late one, meant for an earlier help. The epoch says.
                self.call_off.clear();
            }
            let readable = ready && !descriptors[1].revents().is_empty();
            if !self.activity.needs_help(epoch) {
                continue;
            }
            if interrupted {
                self.main_thread.interrupt();
            }
            if readable && !self.read_for_main(epoch) {
                sleep(BREATHER);
            }
        }
        self.activity.end_help();
    }
}
