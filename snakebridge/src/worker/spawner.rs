//! Starting processes from one thread that never ends.
//!
//! Linux delivers a worker's parent-death signal when the *thread* that started it ends, not the process. A worker
//! started from a thread of tokio's blocking pool would be killed some seconds later, when that thread retires. So one
//! thread starts them all and lives as long as the program.
//!
//! Nothing runs between fork and exec (no `pre_exec`), which lets the standard library use `posix_spawn`: a large host
//! starts a worker as fast as a small one.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::process::OwnedChild;

/// What to start, to the last word.
pub(super) struct Invocation {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) input: Input,
}

/// Where a process reads from.
pub(super) enum Input {
    /// A pipe of which we get the other end.
    Pipe,
    /// This.
    Given(OwnedFd),
}

/// A running process and our ends of its pipes.
pub(super) struct Spawned {
    pub(super) child: OwnedChild,
    /// `None` where it was given something else to read.
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

struct Job {
    invocation: Invocation,
    reply: oneshot::Sender<io::Result<Spawned>>,
}

fn spawner() -> io::Result<&'static mpsc::Sender<Job>> {
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    if let Some(spawner) = SPAWNER.get() {
        return Ok(spawner);
    }
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::Builder::new().name("snakebridge-spawn".into()).spawn(move || {
        // Ends never: the sender is in a static. (A second thread, made in a race, has no sender left and ends at once,
        // before it has started anything.)
        for Job { invocation, reply } in jobs {
            if !reply.is_closed() {
                // A caller who has gone meanwhile leaves the child to its owner, which ends it.
                drop(reply.send(spawn_here(invocation)));
            }
        }
    })?;
    Ok(SPAWNER.get_or_init(|| sender))
}

/// Starts a process.
pub(super) async fn spawn(invocation: Invocation) -> io::Result<Spawned> {
    let (reply, spawned) = oneshot::channel();
    let gone = || io::Error::other("the thread that starts workers is gone");
    spawner()?.send(Job { invocation, reply }).map_err(|_| gone())?;
    spawned.await.map_err(|_| gone())?
}

fn spawn_here(invocation: Invocation) -> io::Result<Spawned> {
    let stdin = match invocation.input {
        Input::Pipe => Stdio::piped(),
        Input::Given(descriptor) => descriptor.into(),
    };
    let mut child = Command::new(&invocation.program)
        .args(&invocation.arguments)
        .env_clear()
        .envs(invocation.environment.iter().map(|(name, value)| (name, value)))
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Its own group: Ctrl-C in a terminal reaches the host only, and the group can be killed as one.
        .process_group(0)
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let child = OwnedChild::new(child);
    match (stdout, stderr) {
        (Some(stdout), Some(stderr)) => {
            Ok(Spawned { child, stdin: stdin.map(OwnedFd::from), stdout: stdout.into(), stderr: stderr.into() })
        }
        _ => unreachable!("both were asked for"),
    }
}
