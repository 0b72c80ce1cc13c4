//! Forks. The child of a fork is no worker: it has no wire, must never write a frame, and touches nothing of the core, whose
//! locks a thread may have held that is not there any more.
//!
//! The watcher is stopped around a fork, so that it is a process of one thread that forks: CPython 3.12 and later warn
//! otherwise.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use pyo3::prelude::*;

use super::{CORE, objects};
use crate::core::Core;
use crate::system::exit;

/// Whether this process is a forked child of a worker.
static FORKED: AtomicBool = AtomicBool::new(false);
/// The running watcher.
static WATCHER: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);
/// Whether there should be one.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// Whether this process is a forked child of a worker.
pub(super) fn is_forked() -> bool {
    FORKED.load(SeqCst)
}

/// A child that comes back into our loop has finished what it was forked for.
pub(super) fn end_if_forked() {
    if is_forked() {
        exit::at_once(0);
    }
}

/// Starts the watcher for as long as this process serves.
pub(super) fn begin_watching(core: &'static Core) -> std::io::Result<()> {
    *watcher() = Some(core.start_watcher()?);
    WATCHED.store(true, SeqCst);
    Ok(())
}

/// Ends the watcher for good.
pub(super) fn end_watching(core: &Core) {
    WATCHED.store(false, SeqCst);
    join(core);
}

/// For `os.register_at_fork(before=...)`.
#[pyfunction]
pub(crate) fn before_fork() {
    if let Some(core) = CORE.get()
        && !is_forked()
    {
        // With the GIL, which the watcher never takes.
        join(core);
    }
}

/// For `os.register_at_fork(after_in_parent=...)`.
#[pyfunction]
pub(crate) fn after_fork_in_parent() {
    if CORE.get().is_some_and(Core::is_main_thread) {
        // CPython 3.13 counts threads after this hook: start again once fork() has returned.
        objects::run_soon(watch_again);
    } else {
        // There are two threads anyway, and the main one may be long in coming back to where `run_soon` is heard.
        watch_again();
    }
}

/// For `os.register_at_fork(after_in_child=...)`.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    if let Some(core) = CORE.get()
        && !FORKED.swap(true, SeqCst)
    {
        core.close_in_child();
    }
}

fn watch_again() {
    let Some(core) = CORE.get() else { return };
    let mut watcher = watcher();
    if !WATCHED.load(SeqCst) || is_forked() || watcher.is_some() {
        return;
    }
    match core.start_watcher() {
        Ok(started) => *watcher = Some(started),
        Err(error) => exit::because(exit::WATCHER_LOST, format_args!("the watcher cannot be started again: {error}")),
    }
}

fn join(core: &Core) {
    if let Some(running) = watcher().take() {
        core.stop_watcher();
        // A watcher that panicked has ended the process.
        let _ = running.join();
    }
}

fn watcher() -> MutexGuard<'static, Option<JoinHandle<()>>> {
    WATCHER.lock().unwrap_or_else(PoisonError::into_inner)
}
