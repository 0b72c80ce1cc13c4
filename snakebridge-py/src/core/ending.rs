//! Ends. One that was asked for by SIGTERM: no new calls, those that were accepted are finished, and then the worker ends.
//! And that of the wire, behind which the host may have died.
//!
//! The signal handler only raises a flag and wakes the watcher, which says GOAWAY whatever Python is doing. It goes on waking
//! the main thread, where that waits, until it has seen that nothing is left to be done: a signal that lands just before a
//! system call blocks would be lost, and an executor thread may be the one that answers last.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::Core;
use crate::system::exit;
#[cfg(target_os = "linux")]
use crate::system::orphans;

/// Why we go away, for the host's log.
const REASON: &str = "SIGTERM";

impl Core {
    /// SIGTERM has come. In a signal handler.
    pub(crate) fn terminate(&self) {
        self.terminating.store(true, SeqCst);
        self.call_off.raise();
        // Elsewhere setting it takes a lock; there the watcher hears of it when it next looks.
        #[cfg(target_os = "linux")]
        self.ticker.set(Duration::ZERO);
    }

    /// Whether the worker was asked to end.
    pub(crate) fn is_terminating(&self) -> bool {
        self.terminating.load(SeqCst)
    }

    /// Says GOAWAY, if it is due and not said. Calls that come later are ignored: the host knows that they never ran.
    pub(super) fn say_go_away(&self) {
        if self.is_terminating() && !self.said_go_away.swap(true, SeqCst) {
            self.state().peer.go_away(REASON, self.output().frames());
        }
    }

    /// Whether the worker was asked to end and has answered everything. On the main thread.
    pub(crate) fn is_finished(&self) -> bool {
        if !self.is_terminating() {
            return false;
        }
        self.say_go_away();
        self.state().peer.serving() == 0
    }

    /// The host has gone: ends the process with what it has started.
    pub(super) fn end_without_host(&self, how: &str) -> ! {
        self.leave_none_behind();
        exit::because(exit::HOST_GONE, how)
    }

    /// The wire has ended, and so will this process; with what it has started if the host has died.
    pub(crate) fn leave_none_behind(&self) {
        #[cfg(target_os = "linux")]
        orphans::leave_none_behind(&self.output_end);
    }

    /// For the watcher: the main thread may wait for calls that will not come.
    pub(super) fn rouse_main(&self) {
        if self.activity.is_waiting() {
            self.rouse.raise();
            self.main_thread.interrupt();
        }
    }
}
