//! A process: noticing its end, ending it, and never signalling one that is not ours any more.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use super::template::Template;
use crate::error::{Error, Exit, Result};
use crate::seeded::{self, Bug};

/// How long a process that was killed may take to end. It does so at once, unless the kernel holds it in a wait that
/// nothing interrupts; then nobody knows for how long.
const RESISTANCE: Duration = Duration::from_secs(5);

/// A worker that is a child of its template.
#[derive(Debug)]
pub(super) struct Forked {
    pid: u32,
    template: Arc<Template>,
}

impl Forked {
    pub(super) fn new(pid: u32, template: Arc<Template>) -> Self {
        Self { pid, template }
    }
}

/// Whose child a process is.
#[derive(Debug)]
enum Parentage {
    Ours(Child),
    Templates(Forked),
}

/// The process group and the session of a process.
#[derive(Debug, PartialEq, Eq)]
struct Membership {
    group: u32,
    session: u32,
}

impl Membership {
    /// Those of process `pid`. `None` when there is no such process, or nobody may look.
    ///
    /// Not by `getsid`: what leads the session of a container is often outside of it and has no number inside. The kernel
    /// says 0 then, which rustix takes for a mistake and panics.
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(status: &str) -> Option<Self> {
        // The program's name is in brackets, and may hold some.
        let (_, behind) = status.rsplit_once(')')?;
        // Its state and its parent come first.
        let mut numbers = behind.split_whitespace().skip(2).map(str::parse);
        Some(Self { group: numbers.next()?.ok()?, session: numbers.next()?.ok()? })
    }
}

/// A child that is ended by whoever loses interest in it: no path leaves a process or a zombie behind.
#[derive(Debug)]
pub(super) struct OwnedChild {
    pid: u32,
    /// Present until its status is taken. While it is here its process id cannot be used again by the system, so
    /// signalling the id (and the group that has the same number) reaches nobody else.
    child: Mutex<Option<Parentage>>,
}

impl OwnedChild {
    pub(super) fn new(child: Child) -> Self {
        Self { pid: child.id(), child: Mutex::new(Some(Parentage::Ours(child))) }
    }

    pub(super) fn forked(child: Forked) -> Self {
        Self { pid: child.pid, child: Mutex::new(Some(Parentage::Templates(child))) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Parentage>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills it and its group.
    fn kill(&self) {
        if self.lock().is_some() {
            kill_group(self.pid);
            // A worker that moved itself to another group is reached by its own number. ESRCH: it has ended.
            let _ = as_pid(self.pid).map(|pid| kill_process(pid, Signal::KILL));
        }
    }

    /// Asks it to write down what its threads are doing. Not its group: others may not know the signal, which kills.
    fn ask_for_stacks(&self) {
        if self.lock().is_some()
            && let Ok(pid) = as_pid(self.pid)
        {
            // ESRCH: it has ended, and what it did is what it did.
            let _ = kill_process(pid, Signal::USR2);
        }
    }

    fn has_moved(&self) -> bool {
        // While its status is not taken, the number is its own. What has ended has not moved.
        self.lock().is_some()
            && Membership::of(self.pid).is_some_and(|member| member.group != self.pid || member.session == self.pid)
    }

    /// The status of a child that has ended. What is left of its group is killed first: afterwards its number may be
    /// another's.
    async fn take_status(&self) -> Option<ExitStatus> {
        let child = {
            let mut child = self.lock();
            kill_group(self.pid);
            child.take()?
        };
        match child {
            Parentage::Ours(_) if seeded::has(Bug::SkippedReap) => None,
            Parentage::Ours(mut child) => child.wait().ok(),
            Parentage::Templates(Forked { pid, template }) => template.reap(pid).await,
        }
    }
}

impl Drop for OwnedChild {
    fn drop(&mut self) {
        self.kill();
        match self.lock().take() {
            // It dies at once, but not before this returns, and a destructor must not wait. Without a thread it stays
            // a zombie until the host ends.
            Some(Parentage::Ours(mut child)) => {
                drop(std::thread::Builder::new().name("snakebridge-reap".into()).spawn(move || child.wait()));
            }
            Some(Parentage::Templates(Forked { pid, template })) => template.forget(pid),
            None => {}
        }
    }
}

/// A started process, watched.
#[derive(Debug)]
pub(super) struct Process {
    child: Arc<OwnedChild>,
    exit: watch::Receiver<Option<Exit>>,
    /// Whether it was killed.
    killed: watch::Sender<bool>,
}

impl Process {
    /// Watches `child`.
    pub(super) fn new(child: OwnedChild) -> Result<Self> {
        let child = Arc::new(child);
        let pidfd = watch_end(child.pid).map_err(|error| Error::resource("cannot watch a worker process", error))?;
        let (report, exit) = watch::channel(None);
        let watched = Arc::clone(&child);
        tokio::spawn(async move {
            // Readable means ended. An error, or no end at all, means that the runtime is going down.
            if pidfd.readable().await.is_ok() {
                // Received by the worker, unless it is gone too.
                let _ = report.send(Some(classify(watched.take_status().await)));
            }
        });
        Ok(Self { child, exit, killed: watch::Sender::new(false) })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.pid
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

    /// Waits until it has ended and tells how; `None` when it was killed and goes on.
    pub(super) async fn exit_unless_stuck(&self) -> Option<Exit> {
        let resists = async {
            // Never an error: the sender is here.
            drop(self.killed.subscribe().wait_for(|killed| *killed).await);
            tokio::time::sleep(RESISTANCE).await;
        };
        tokio::select! {
            exit = self.exit() => Some(exit),
            () = resists => None,
        }
    }

    /// Whether it has ended, as far as is known.
    pub(super) fn has_ended(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Whether it leads its process group no more, or leads a session of its own. What it starts is then not ended with it.
    pub(super) fn has_moved(&self) -> bool {
        self.child.has_moved()
    }

    /// Asks it to write the stacks of its threads to the status page.
    pub(super) fn ask_for_stacks(&self) {
        self.child.ask_for_stacks();
    }

    /// Kills it and its group.
    pub(super) fn kill(&self) {
        self.child.kill();
        self.killed.send_replace(true);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Now, and not when the watching task has let go of it too.
        self.kill();
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
    if seeded::has(Bug::NoGroupKill) {
        return;
    }
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    /// A process, leader of its group, that has the number `pid`, which is nobody's. `None` where one may not choose.
    fn with_the_number(pid: u32) -> Option<Child> {
        // Others start processes, too.
        for _ in 0..100 {
            std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).ok()?;
            let mut child = Command::new("sh").args(["-c", "sleep 0.3; exit 5"]).process_group(0).spawn().ok()?;
            if child.id() == pid {
                return Some(child);
            }
            child.kill().ok()?;
            child.wait().ok()?;
        }
        None
    }

    #[test]
    fn the_group_and_the_session_are_read_behind_the_name_whatever_that_is() {
        let mut child = Command::new("sleep").arg("10").process_group(0).spawn().unwrap();
        assert_eq!(Membership::of(child.id()).unwrap().group, child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        // Of a container whose session was begun outside.
        let inside = Membership::parse("31 (a) S 1 (b)) S 1 31 0 0 -1 4194304 110 0");
        assert_eq!(inside, Some(Membership { group: 31, session: 0 }));
        assert_eq!(Membership::parse("31 (cut"), None);
        assert_eq!(Membership::of(u32::MAX), None);
    }

    // M6
    #[tokio::test]
    async fn whoever_has_the_number_of_a_process_that_has_ended_is_not_signalled() {
        let child = Command::new("true").process_group(0).spawn().unwrap();
        let process = Process::new(OwnedChild::new(child)).unwrap();
        assert_eq!(process.exit().await, Exit::Code(0));
        let Some(mut innocent) = with_the_number(process.pid()) else {
            // Not by a macro, whose output the test harness keeps to itself.
            let _ = writeln!(std::io::stderr(), "left out: this user may not choose the number of a process");
            return;
        };
        process.ask_for_stacks();
        process.kill();
        assert!(!process.has_moved(), "nor is it asked about");
        drop(process);
        assert_eq!(innocent.wait().unwrap().code(), Some(5));
    }
}
