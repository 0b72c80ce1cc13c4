//! Nothing that a worker has started outlives its host.
//!
//! The kernel tells a worker that its host has died, by a signal that was armed when it started. SIGKILL would do for the
//! worker, and would leave its children to nobody: so it is another one, whose handler in C kills the whole process group,
//! whatever Python is doing. A tool that has replaced the handler has a worker that dies of the signal, or else of the end
//! of its wire.
#![expect(unsafe_code, reason = "there are no safe forms of kill and sigaction")]

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getppid, set_parent_process_death_signal, waitid};

use super::descriptors;

/// What the kernel sends: unused by Linux, by libraries and by shells, and deadly to whoever has no handler.
pub(super) const HOST_DIED: libc::c_int = libc::SIGSTKFLT;
/// How long a worker whose host has closed all of its pipes waits for that signal: a host that dies closes them first.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long after the one the other pipe may be closed. One that ends its worker in good order goes on reading.
const GLANCE: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_millis(3);

/// The process that leads the group: not a forked child, which inherits the handler.
static LEADER: AtomicI32 = AtomicI32::new(0);
/// Its parent: the host, or the template that it was forked from.
static PARENT: AtomicI32 = AtomicI32::new(0);

/// Ends this process and its group when `parent`, or else the parent of this moment, dies. Whether it has died before is
/// the caller's to look at.
pub(super) fn arm(parent: Option<i32>) {
    LEADER.store(std::process::id().cast_signed(), SeqCst);
    PARENT.store(parent.unwrap_or_else(|| Pid::as_raw(getppid())), SeqCst);
    // SAFETY: an all-zero action is a valid one (no flags, an empty mask), and the pointers are valid for the call. The
    // handler does only what a handler may, and never returns to anybody.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as extern "C" fn(libc::c_int) as libc::sighandler_t;
        libc::sigaction(HOST_DIED, &raw const action, std::ptr::null_mut());
    }
    // Refuses only what is no signal.
    let _ = set_parent_process_death_signal(Some(Signal::STKFLT));
}

/// Has a stopped process continue when the host dies: what is pending for it, the other signal, is delivered only then. Called
/// by a thread of its own, because each has one such signal; the main thread's comes first.
///
/// The kernel continues a stopped process by itself where the host's death leaves nobody to do so: not in a container, where
/// whoever is the first process could.
pub(super) fn go_on_when_the_host_dies() {
    // Refuses only what is no signal.
    let _ = set_parent_process_death_signal(Some(Signal::CONT));
}

extern "C" fn handle(_signal: libc::c_int) {
    kill_group();
}

/// Kills everybody in the group, the caller included. May be called in a signal handler.
fn kill_group() {
    // SAFETY: getpid and kill have no preconditions and may be called in a signal handler. The group is the one that has
    // this process's number, which nobody else's can have while it is there.
    unsafe {
        let this = libc::getpid();
        if this == LEADER.load(SeqCst) {
            libc::kill(-this, libc::SIGKILL);
        }
        // Where it leads no group, or is a child.
        libc::kill(this, libc::SIGKILL);
    }
}

/// The host has closed the pipe from it, and this process is about to end. Where that is because the host has died, and there
/// are children, they end here as well; `output` is the pipe to the host.
pub(crate) fn leave_none_behind(output: impl AsFd) {
    let begun = Instant::now();
    while has_children() && begun.elapsed() < if is_read(&output) { GLANCE } else { PATIENCE } {
        if Pid::as_raw(getppid()) != PARENT.load(SeqCst) {
            kill_group();
        }
        std::thread::sleep(LOOK);
    }
}

fn is_read(output: impl AsFd) -> bool {
    // Nothing is asked for; that nobody has the other end is told nonetheless.
    !descriptors::wait(&mut [PollFd::new(&output, PollFlags::empty())], Some(Duration::ZERO))
}

fn has_children() -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, look), Err(Errno::CHILD))
}
