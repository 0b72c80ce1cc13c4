//! A process: noticing its end, ending it, and never signalling one that is not ours any more.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use super::spawner;
use crate::error::{Error, Exit, Result};

/// A started process.
#[derive(Debug)]
pub(super) struct Process {
    pid: u32,
    shared: Arc<Shared>,
    exit: watch::Receiver<Option<Exit>>,
}

#[derive(Debug)]
struct Shared {
    /// Present until its status is taken. While it is here its process id cannot be used again by the system, so
    /// signalling the id (and the group that has the same number) reaches nobody else.
    child: Mutex<Option<Child>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Watches `child`.
    pub(super) fn new(child: Child) -> Result<Self> {
        let pid = child.id();
        let shared = Arc::new(Shared { child: Mutex::new(Some(child)) });
        let (report, exit) = watch::channel(None);
        let process = Self { pid, shared: Arc::clone(&shared), exit };
        // From here on dropping `process` kills the child.
        let pidfd = watch_end(pid).map_err(|error| Error::resource("cannot watch a worker process", error))?;
        tokio::spawn(async move {
            // Readable means ended. An error here means that the runtime is going down.
            if pidfd.readable().await.is_ok() {
                let status = {
                    let mut child = shared.lock();
                    // Its group must be killed before its status is taken: afterwards its number may be another's.
                    kill_group(pid);
                    child.take().and_then(|mut child| child.wait().ok())
                };
                // Received by the worker, unless it is gone too.
                let _ = report.send(Some(classify(status)));
            }
        });
        Ok(process)
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// A receiver that has a value once the process has ended.
    pub(super) fn exited(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.clone()
    }

    /// Waits until it has ended.
    pub(super) async fn wait(&self) {
        self.exit().await;
    }

    /// Waits until it has ended and tells how.
    pub(super) async fn exit(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Unknown),
            // The watching task went down with the runtime.
            Err(_) => Exit::Unknown,
        }
    }

    /// Kills it and its group.
    pub(super) fn kill(&self) {
        let mut child = self.shared.lock();
        if let Some(child) = child.as_mut() {
            kill_group(self.pid);
            // A worker that moved itself to another group is reached by its own number.
            let _ = child.kill();
        }
    }
}

impl Drop for Process {
    /// Whoever loses interest in a process ends it: no path leaves one behind.
    fn drop(&mut self) {
        self.kill();
        // Inside a runtime that lives on, the watching task takes the status. Elsewhere nobody would.
        if tokio::runtime::Handle::try_current().is_err()
            && let Some(child) = self.shared.lock().take()
        {
            spawner::reap(child);
        }
    }
}

/// A descriptor that becomes readable when the process ends.
#[expect(unsafe_code, reason = "registers a descriptor with tokio, which wants a promise about who owns it")]
fn watch_end(pid: u32) -> std::io::Result<AsyncFd<OwnedFd>> {
    let pidfd = pidfd_open(as_pid(pid)?, PidfdFlags::NONBLOCK)?;
    // SAFETY: the `AsyncFd` owns the only handle to this new descriptor, which stays open and the same until it is
    // dropped.
    unsafe { AsyncFd::register(pidfd) }.map_err(std::io::Error::from)
}

fn as_pid(pid: u32) -> std::io::Result<Pid> {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| std::io::Error::other(format!("{pid} is no process id")))
}

/// Kills the group that the process leads. Only while its status has not been taken.
fn kill_group(pid: u32) {
    if let Ok(pid) = as_pid(pid) {
        // ESRCH: everybody in it is dead already.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

fn classify(status: Option<ExitStatus>) -> Exit {
    match status {
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Unknown,
        },
        None => Exit::Unknown,
    }
}
