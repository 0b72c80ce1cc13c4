//! Wakes a thread that waits in poll(2).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use super::descriptors::{close_in_child, make_private};
use super::exit;

/// Readable from [`raise`](Wakeup::raise) until [`clear`](Wakeup::clear). Neither ever waits.
#[derive(Debug)]
pub(crate) struct Wakeup {
    read_end: OwnedFd,
    /// Linux has it both ends in one descriptor.
    #[cfg(not(target_os = "linux"))]
    write_end: OwnedFd,
}

impl Wakeup {
    #[cfg(target_os = "linux")]
    pub(crate) fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { read_end: make_private(&descriptor)? })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new() -> io::Result<Self> {
        let (read_end, write_end) = rustix::pipe::pipe()?;
        let ends = Self { read_end: make_private(&read_end)?, write_end: make_private(&write_end)? };
        for end in [&ends.read_end, &ends.write_end] {
            rustix::fs::fcntl_setfl(end, rustix::fs::OFlags::NONBLOCK)?;
        }
        Ok(ends)
    }

    /// Wakes whoever polls it, or will.
    pub(crate) fn raise(&self) {
        #[cfg(target_os = "linux")]
        let write_end = &self.read_end;
        #[cfg(not(target_os = "linux"))]
        let write_end = &self.write_end;
        // Full means raised already.
        if let Err(Errno::BADF) = rustix::io::write(write_end, &1u64.to_ne_bytes()) {
            exit::because(exit::DESCRIPTORS_LOST, "a tool closed descriptors that are not its own");
        }
    }

    /// Forgets all that was raised.
    pub(crate) fn clear(&self) {
        let mut bytes = [0; 512];
        if let Err(Errno::BADF) = rustix::io::read(&self.read_end, &mut bytes[..]) {
            exit::because(exit::DESCRIPTORS_LOST, "a tool closed descriptors that are not its own");
        }
    }

    /// In a forked child: see [`close_in_child`].
    pub(crate) fn close_in_child(&self) {
        close_in_child(self.read_end.as_fd());
        #[cfg(not(target_os = "linux"))]
        close_in_child(self.write_end.as_fd());
    }
}

impl AsFd for Wakeup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read_end.as_fd()
    }
}
