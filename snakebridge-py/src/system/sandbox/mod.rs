//! What a worker takes away from itself when its host asks for it: files, system calls and resources. All of it or nothing:
//! where the kernel cannot do a part, the worker does not start.

mod calls;
mod files;
mod landlock;
mod limits;

use std::path::PathBuf;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use serde::Deserialize;

/// What the host's HELLO says under `sandbox`. An entry of a later version is refused: it would not be enforced.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restrictions {
    /// What may be read beside what Python needs; everything if nothing is named.
    readable: Option<Vec<PathBuf>>,
    /// What may be read and written.
    writable: Vec<PathBuf>,
    /// Whether sockets may be made.
    network: bool,
    /// Bytes of address space.
    memory: Option<u64>,
    /// Bytes of a file.
    file_size: Option<u64>,
    /// Processes and threads of this user beyond those that there are; 0: no process is started.
    processes: Option<u64>,
    /// Open files.
    open_files: Option<u64>,
    /// Seconds of processor time.
    cpu_seconds: Option<u64>,
}

impl Restrictions {
    /// Enforces them on this process, for good, and on all that it starts. `needed` is what Python reads for itself.
    ///
    /// To be called while the process has one thread: the kernel restricts the thread that asks, and those it starts.
    pub(crate) fn enforce(&self, needed: &[PathBuf]) -> Result<(), String> {
        match std::fs::read_dir("/proc/self/task").map(Iterator::count) {
            Ok(1) => {}
            Ok(threads) => {
                return Err(format!("{threads} threads run already, and only one of them would be restricted"));
            }
            Err(error) => return Err(format!("cannot count the threads in /proc/self/task: {error}")),
        }
        limits::set(self)?;
        give_up_capabilities()?;
        files::restrict(self, needed)?;
        // Last: the others make system calls.
        calls::deny(self)
    }
}

/// What root may beyond other users: among much else, read the memory and the variables of every process. A program that
/// is started later does not get it back, because the worker has given up new privileges.
fn give_up_capabilities() -> Result<(), String> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).map_err(|error| format!("cannot give up capabilities: {error}"))
}
