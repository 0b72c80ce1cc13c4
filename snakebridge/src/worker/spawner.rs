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
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::sync::oneshot;

/// What to run.
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
}

/// A running process and our ends of its pipes.
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: ChildStderr,
}

enum Job {
    Spawn(Launch, oneshot::Sender<io::Result<Spawned>>),
    /// Wait for a killed process whose own watcher is gone, so that no zombie is left.
    Reap(Child),
}

fn spawner() -> io::Result<&'static mpsc::Sender<Job>> {
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    if let Some(spawner) = SPAWNER.get() {
        return Ok(spawner);
    }
    let (sender, jobs) = mpsc::channel();
    std::thread::Builder::new().name("snakebridge-spawn".into()).spawn(move || {
        // Ends never: the sender is in a static. (A second thread, made in a race, has no sender left and ends at once,
        // before it has started anything.)
        for job in jobs {
            match job {
                // The caller may have gone; dropping the result drops the child's pipes and `Process` kills it.
                Job::Spawn(launch, reply) => drop(reply.send(spawn_here(&launch))),
                Job::Reap(mut child) => drop(child.wait()),
            }
        }
    })?;
    Ok(SPAWNER.get_or_init(|| sender))
}

/// Starts a process.
pub(super) async fn spawn(launch: Launch) -> io::Result<Spawned> {
    let (reply, spawned) = oneshot::channel();
    let gone = || io::Error::other("the thread that starts workers is gone");
    spawner()?.send(Job::Spawn(launch, reply)).map_err(|_| gone())?;
    spawned.await.map_err(|_| gone())?
}

/// Waits for a process that was killed, on the spawner's thread.
pub(super) fn reap(child: Child) {
    if let Ok(spawner) = spawner() {
        // Without the thread the process stays a zombie until the host ends, which it is doing.
        let _ = spawner.send(Job::Reap(child));
    }
}

fn spawn_here(launch: &Launch) -> io::Result<Spawned> {
    let mut child = Command::new(&launch.program)
        // Isolated: no PYTHON* variables, no user site, no current folder in the module path. A module, not `-c`, so
        // that multiprocessing's spawn finds a `__main__` it can import again.
        .args(["-I", "-m", "snakebridge.worker"])
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Its own group: Ctrl-C in a terminal reaches the host only, and the group can be killed as one.
        .process_group(0)
        .spawn()?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => {
            Ok(Spawned { child, stdin: stdin.into(), stdout: stdout.into(), stderr })
        }
        _ => unreachable!("all three were asked for"),
    }
}
