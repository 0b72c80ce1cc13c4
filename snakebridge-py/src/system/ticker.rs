//! The watcher's alarm clock: set by any thread, waited for by one.
//!
//! Setting it must not wake anybody up, because the main thread does it on the way into a call. On Linux that is a timerfd
//! (a condition variable would cost the main thread a futex call and a context switch at every isolated call).

use std::io;
use std::time::Duration;

#[cfg(target_os = "linux")]
mod implementation {
    use std::os::fd::{AsFd, OwnedFd};

    use rustix::io::Errno;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    };

    use super::{Duration, io};
    use crate::system::{descriptors, exit};

    /// A one-shot timer.
    #[derive(Debug)]
    pub(crate) struct Ticker {
        descriptor: OwnedFd,
    }

    impl Ticker {
        pub(crate) fn new() -> io::Result<Self> {
            let descriptor = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
            Ok(Self { descriptor: descriptors::make_private(&descriptor)? })
        }

        /// Goes off once, after `delay`; what was set before is forgotten.
        pub(crate) fn set(&self, delay: Duration) {
            let delay = delay.max(Duration::from_nanos(1)); // zero would switch it off
            let once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let time = Itimerspec { it_interval: once, it_value: Timespec::try_from(delay).unwrap_or(once) };
            if timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &time).is_err() {
                closed();
            }
        }

        /// Blocks until it goes off, for ever while it is not set.
        pub(crate) fn wait(&self) {
            loop {
                match rustix::io::read(&self.descriptor, &mut [0; 8][..]) {
                    Err(Errno::INTR) => {}
                    Err(_) => closed(),
                    Ok(_) => return,
                }
            }
        }

        /// In a forked child: see [`descriptors::close_in_child`].
        pub(crate) fn close_in_child(&self) {
            descriptors::close_in_child(self.descriptor.as_fd());
        }
    }

    fn closed() -> ! {
        exit::because(exit::DESCRIPTORS_LOST, "a tool closed descriptors that are not its own")
    }
}

#[cfg(not(target_os = "linux"))]
mod implementation {
    use std::sync::{Condvar, Mutex, PoisonError};
    use std::time::Instant;

    use super::{Duration, io};

    /// A one-shot timer.
    #[derive(Debug, Default)]
    pub(crate) struct Ticker {
        goes_off: Mutex<Option<Instant>>,
        changed: Condvar,
    }

    impl Ticker {
        #[expect(clippy::unnecessary_wraps, reason = "it can fail on Linux")]
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self::default())
        }

        /// Goes off once, after `delay`; what was set before is forgotten.
        pub(crate) fn set(&self, delay: Duration) {
            *self.goes_off.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + delay);
            self.changed.notify_one();
        }

        /// Blocks until it goes off, for ever while it is not set.
        pub(crate) fn wait(&self) {
            let mut goes_off = self.goes_off.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                let now = Instant::now();
                goes_off = match *goes_off {
                    None => self.changed.wait(goes_off).unwrap_or_else(PoisonError::into_inner),
                    Some(time) if time <= now => {
                        *goes_off = None;
                        return;
                    }
                    Some(time) => {
                        self.changed.wait_timeout(goes_off, time - now).unwrap_or_else(PoisonError::into_inner).0
                    }
                };
            }
        }

        /// Nothing to close.
        pub(crate) fn close_in_child(&self) {}
    }
}

pub(crate) use implementation::Ticker;
