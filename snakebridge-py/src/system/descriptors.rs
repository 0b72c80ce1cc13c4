//! The worker's file descriptors: the wire is moved out of reach, and what a tool may touch leads nowhere harmful.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

/// Our own descriptors are numbered from here, beyond what programs close by habit (`close(3)` to `close(20)` before an
/// exec) and below every usual limit.
const FIRST_PRIVATE: RawFd = 64;

/// The two ends of the wire.
#[derive(Debug)]
pub(crate) struct Wire {
    /// What the host writes. Blocking.
    pub(crate) input: OwnedFd,
    /// What the host reads. Non-blocking, so that a helper never waits for room.
    pub(crate) output: OwnedFd,
}

/// Takes stdin and stdout for the wire. After it fd 0 reads nothing and fd 1 is stderr: neither `print`, nor C code, nor a
/// child process can write into the wire or read from it.
pub(crate) fn take_standard_streams() -> io::Result<Wire> {
    let wire = Wire {
        input: rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), FIRST_PRIVATE)?,
        output: rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), FIRST_PRIVATE)?,
    };
    let flags = rustix::fs::fcntl_getfl(&wire.output)?;
    rustix::fs::fcntl_setfl(&wire.output, flags | rustix::fs::OFlags::NONBLOCK)?;
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(wire)
}

/// Moves a descriptor of ours out of the range that tools close.
pub(crate) fn make_private(descriptor: &OwnedFd) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(descriptor, FIRST_PRIVATE)?)
}

/// Closes a descriptor of ours in a forked child, where it must not keep the wire open.
#[expect(unsafe_code, reason = "the descriptor belongs to a static that is never dropped")]
pub(crate) fn close_in_child(descriptor: BorrowedFd<'_>) {
    use std::os::fd::AsRawFd;
    // SAFETY: closing could pull the descriptor from under its owner. The owner is the static core, and in a forked child
    // nothing of the core runs any more: every entry point checks for that first (`worker::fork`).
    unsafe { rustix::io::close(descriptor.as_raw_fd()) }
}

/// Whether a read would return at once, also with the end of the stream or an error.
pub(crate) fn is_readable(descriptor: impl AsFd) -> bool {
    wait(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(Duration::ZERO))
}

/// Waits until the descriptor can be read, or the time is over; returns whether it can be.
pub(crate) fn wait_readable(descriptor: impl AsFd, timeout: Option<Duration>) -> bool {
    wait(&mut [PollFd::new(&descriptor, PollFlags::IN)], timeout)
}

/// Waits until the one can be read or the other written, or the time is over; returns whether each can be.
pub(crate) fn wait_readable_or_writable(
    input: impl AsFd,
    output: impl AsFd,
    timeout: Option<Duration>,
) -> (bool, bool) {
    let mut descriptors = [PollFd::new(&input, PollFlags::IN), PollFd::new(&output, PollFlags::OUT)];
    let ready = wait(&mut descriptors, timeout);
    let has_news = |index: usize| ready && !descriptors[index].revents().is_empty();
    (has_news(0), has_news(1))
}

/// Waits until the descriptor can be written, or the time is over.
pub(crate) fn wait_writable(descriptor: impl AsFd, timeout: Duration) -> bool {
    wait(&mut [PollFd::new(&descriptor, PollFlags::OUT)], Some(timeout))
}

/// poll(2): whether any of the descriptors has something to tell. A signal counts as nothing to tell.
pub(crate) fn wait(descriptors: &mut [PollFd<'_>], timeout: Option<Duration>) -> bool {
    // A time-out beyond what the kernel counts is no time-out.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    rustix::event::poll(descriptors, timeout.as_ref()).is_ok_and(|ready| ready > 0)
}
