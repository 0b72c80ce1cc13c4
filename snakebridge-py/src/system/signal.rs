//! Signals: interrupting what the main thread does, ending on SIGTERM, and keeping signals away from every other thread of
//! ours.
#![expect(unsafe_code, reason = "there are no safe forms of pthread_kill, pthread_sigmask and sigaction")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::thread::ThreadId;

use super::exit;

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

/// What the first SIGTERM does.
static TERMINATE: OnceLock<fn()> = OnceLock::new();
static IS_TERMINATING: AtomicBool = AtomicBool::new(false);
/// The process that it is meant for; forked children inherit the handler.
static WORKER: AtomicI32 = AtomicI32::new(0);

/// The first SIGTERM calls `terminate` from now on, the second ends the process, whatever Python is doing. Where the adapter
/// has a handler of its own, that stays.
///
/// `terminate` runs in a signal handler: it may store into atomics and write to descriptors, no more.
pub(crate) fn on_termination(terminate: fn()) {
    extern "C" fn handle(signal: libc::c_int) {
        // SAFETY: getpid, signal and raise may be called in a signal handler, and the default action is always valid.
        let is_forked = unsafe { libc::getpid() } != WORKER.load(SeqCst);
        if is_forked {
            // A child is no worker: it ends as any process, as soon as this handler has returned.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                libc::raise(signal);
            }
            return;
        }
        if IS_TERMINATING.swap(true, SeqCst) {
            exit::at_once(128 + libc::SIGTERM);
        }
        if let Some(terminate) = TERMINATE.get() {
            terminate();
        }
    }
    let _ = TERMINATE.set(terminate);
    // SAFETY: getpid has no preconditions.
    WORKER.store(unsafe { libc::getpid() }, SeqCst);
    // SAFETY: an all-zero action is a valid one (the default, no flags, an empty mask) and a valid value to be overwritten;
    // the pointers are valid for the calls. The handler does only what a handler may, see above, and never unwinds.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGTERM, std::ptr::null(), &raw mut action);
        if action.sa_sigaction == libc::SIG_DFL {
            // Without SA_RESTART: a wait is to end.
            action.sa_sigaction = handle as extern "C" fn(libc::c_int) as libc::sighandler_t;
            libc::sigaction(libc::SIGTERM, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Makes the calling thread one that no signal is delivered to, so that handlers run where Python expects them; but for the
/// one that says that the host has died, which a tool may have blocked everywhere else.
pub(crate) fn block_all() {
    // SAFETY: an all-zero signal set is a valid value to be overwritten, `sigfillset` fills it, and a null pointer says
    // that the old mask is not wanted. Only the calling thread, which is ours, is changed.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        #[cfg(target_os = "linux")]
        libc::sigdelset(&raw mut all, super::orphans::HOST_DIED);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}
