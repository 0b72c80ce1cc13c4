//! Signals: interrupting what the main thread does, and keeping signals away from every other thread of ours.
#![expect(unsafe_code, reason = "there are no safe forms of pthread_kill and pthread_sigmask")]

use std::thread::ThreadId;

/// Carries cancellation: ignored by default, not used by shells, terminals or the interpreter. The Python half installs the
/// handler ([`on_cancel_signal`](crate::worker::cancel)).
const CANCEL: libc::c_int = libc::SIGURG;

/// The thread that serves, the only one on which Python runs signal handlers.
#[derive(Debug)]
pub(crate) struct MainThread {
    id: ThreadId,
    handle: libc::pthread_t,
}

impl MainThread {
    /// The calling thread.
    pub(crate) fn this() -> Self {
        // SAFETY: `pthread_self` has no preconditions.
        Self { id: std::thread::current().id(), handle: unsafe { libc::pthread_self() } }
    }

    /// Whether it is the calling thread.
    pub(crate) fn is_this(&self) -> bool {
        self.id == std::thread::current().id()
    }

    /// Interrupts what it does. The signal may arrive late, or find something else running: the handler decides.
    pub(crate) fn interrupt(&self) {
        // SAFETY: the handle belongs to the main thread, which lives as long as the process: the interpreter ends the
        // process when it returns. The signal number is valid. A failure is made up for by sending again.
        unsafe { libc::pthread_kill(self.handle, CANCEL) };
    }
}

/// Makes the calling thread one that no signal is delivered to, so that handlers run where Python expects them.
pub(crate) fn block_all() {
    // SAFETY: an all-zero signal set is a valid value to be overwritten, `sigfillset` fills it, and a null pointer says
    // that the old mask is not wanted. Only the calling thread, which is ours, is changed.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}
