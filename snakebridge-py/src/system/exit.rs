//! The ways in which a worker ends itself at once, without Python's clean-up, and what each exit code tells the host.

use std::fmt::Display;
use std::io::Write;

/// The host is not there: another parent than expected, or the wire ended before HELLO or under a running tool.
pub(crate) const HOST_GONE: i32 = 70;
/// The private descriptors do not work any more: a tool closed them.
pub(crate) const DESCRIPTORS_LOST: i32 = 74;
/// The watcher died or cannot be started.
pub(crate) const WATCHER_LOST: i32 = 75;
/// The host broke the protocol.
pub(crate) const PROTOCOL: i32 = 76;

/// Ends the process without running anything more in it, neither Python's `atexit` nor C's.
#[expect(unsafe_code, reason = "there is no safe form of _exit")]
pub(crate) fn at_once(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions; it ends the process and gives nothing back that could be misused.
    unsafe { libc::_exit(code) }
}

/// Says why on stderr, which the host keeps, and ends the process.
pub(crate) fn because(code: i32, why: impl Display) -> ! {
    // Nothing to do about a stderr that cannot be written.
    let _ = writeln!(std::io::stderr(), "snakebridge worker: {why}");
    at_once(code)
}
