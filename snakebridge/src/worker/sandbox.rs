//! How much of the operating system a worker may use. What is asked for here is enforced by the worker on itself, before
//! it imports anything of the user's; one that cannot does not start.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result, StartFailure};

/// The fewest open files with which a worker works: its own descriptors begin at 64.
const LEAST_FILES: u64 = 128;
/// The least memory with which an interpreter starts, in bytes.
const LEAST_MEMORY: u64 = 128 << 20;

/// How much of the operating system a worker may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sandbox {
    /// All that the user may whose process it is. It has few of the host's variables, dumps no core, gains no privileges,
    /// and dies with the host: a boundary for crashes, none against code that means harm.
    #[default]
    Hardened,
    /// That, and only what the restrictions leave. Linux 6.2 or newer; elsewhere workers do not start.
    Sandboxed(Restrictions),
}

/// What a sandboxed worker may do: by default read files, and write none; neither use the network nor call what
/// administers a system (mounts, namespaces, tracing, kernel modules, keys and the like). What root may beyond others it
/// gives up. `SECURITY.md` says what this holds and what not.
///
/// ```
/// use snakebridge::{Bridge, Restrictions};
///
/// let builder = Bridge::builder()
///     .adapter("text_tools:TextAdapter")
///     .sandbox(Restrictions::new().readable("models").writable("scratch").memory(2 << 30).processes(0));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Restrictions {
    readable: Option<Vec<PathBuf>>,
    writable: Vec<PathBuf>,
    network: bool,
    memory: Option<u64>,
    file_size: Option<u64>,
    processes: Option<u64>,
    open_files: Option<u64>,
    cpu_seconds: Option<u64>,
}

impl Restrictions {
    /// Files are read everywhere and written nowhere; no network.
    pub fn new() -> Self {
        Self::default()
    }

    /// A folder or file that may be read. As soon as one is named, nothing else may be, except what is writable and what
    /// Python needs: its own installation, the module path, and the system's libraries and settings (`/usr`, `/lib`,
    /// `/etc`, `/proc` and a few devices).
    pub fn readable(mut self, path: impl Into<PathBuf>) -> Self {
        self.readable.get_or_insert_default().push(path.into());
        self
    }

    /// A folder or file that may be read and written.
    pub fn writable(mut self, path: impl Into<PathBuf>) -> Self {
        self.writable.push(path.into());
        self
    }

    /// Lets the worker use the network, and every other kind of socket.
    pub fn with_network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Address space in bytes, at least 128 MiB. A tool that wants more gets a `MemoryError`.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// The largest file that may be written, in bytes. Beyond it writing is an `OSError`.
    pub fn file_size(mut self, bytes: u64) -> Self {
        self.file_size = Some(bytes);
        self
    }

    /// How many processes and threads the worker's user may have beyond those that there are when it starts; 0: the worker
    /// starts no process at all, and threads as it likes. The worker needs one of them itself: a tool whose fork finds none
    /// left costs the worker. The kernel does not count for root, so only 0 is possible there.
    pub fn processes(mut self, number: u64) -> Self {
        self.processes = Some(number);
        self
    }

    /// How many files may be open at once, at least 128.
    pub fn open_files(mut self, number: u64) -> Self {
        self.open_files = Some(number);
        self
    }

    /// Processor time of a worker over its whole life, in whole seconds; then it is killed (`SIGXCPU`).
    pub fn cpu_time(mut self, time: Duration) -> Self {
        self.cpu_seconds = Some(time.as_secs());
        self
    }

    fn checked(mut self) -> Result<Self> {
        let refuse = |message: String| Err(Error::start_failed(StartFailure::Configuration, message));
        for path in self.readable.iter_mut().flatten().chain(&mut self.writable) {
            match std::path::absolute(&*path) {
                Ok(absolute) if absolute.to_str().is_some() => *path = absolute,
                Ok(_) => return refuse(format!("`.sandbox(..)`: the path `{}` is not UTF-8", path.display())),
                Err(error) => return refuse(format!("`.sandbox(..)`: `{}`: {error}", path.display())),
            }
        }
        let checks = [
            ("memory", self.memory, LEAST_MEMORY),
            ("open_files", self.open_files, LEAST_FILES),
            ("cpu_time", self.cpu_seconds, 1),
        ];
        for (name, value, least) in checks {
            if let Some(value) = value.filter(|value| *value < least) {
                return refuse(format!("`.sandbox(..)`: `{name}({value})`: expected at least {least}"));
            }
        }
        Ok(self)
    }

    /// A sentence for each thing that is enforced.
    fn describe(&self) -> Vec<String> {
        let paths =
            |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        let mut sentences = vec![
            match &self.readable {
                None => "files are read everywhere".to_owned(),
                Some(folders) => format!("files are read in {} and in what Python needs", paths(folders)),
            },
            match &*self.writable {
                [] => "files are written nowhere".to_owned(),
                folders => format!("files are written in {}", paths(folders)),
            },
            if self.network { "sockets of every kind" } else { "no sockets" }.to_owned(),
            "no capabilities, and no system calls of administrators and debuggers".to_owned(),
        ];
        let limits = [
            (self.memory, "bytes of address space"),
            (self.file_size, "bytes in a file"),
            (self.processes, "more processes"),
            (self.open_files, "open files"),
            (self.cpu_seconds, "seconds of processor time"),
        ];
        sentences.extend(limits.iter().filter_map(|(limit, of)| limit.map(|limit| format!("at most {limit} {of}"))));
        sentences
    }
}

impl From<Restrictions> for Sandbox {
    fn from(restrictions: Restrictions) -> Self {
        Self::Sandboxed(restrictions)
    }
}

impl Sandbox {
    /// Refuses what makes no sense, and makes paths absolute.
    pub(crate) fn checked(self) -> Result<Self> {
        match self {
            Self::Hardened => Ok(Self::Hardened),
            Self::Sandboxed(restrictions) => restrictions.checked().map(Self::Sandboxed),
        }
    }

    /// What the worker is told to give up.
    pub(super) fn restrictions(&self) -> Option<&Restrictions> {
        match self {
            Self::Hardened => None,
            Self::Sandboxed(restrictions) => Some(restrictions),
        }
    }

    /// What a worker that is ready enforces beyond the hardened default, a sentence for each thing.
    pub(crate) fn enforced(&self) -> Option<Vec<String>> {
        self.restrictions().map(Restrictions::describe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restrictions_that_leave_no_room_for_an_interpreter_are_refused_by_name() {
        let refused = |restrictions: Restrictions| Sandbox::from(restrictions).checked().unwrap_err().to_string();
        assert!(refused(Restrictions::new().memory(1 << 20)).contains("`memory(1048576)`: expected at least"));
        assert!(refused(Restrictions::new().open_files(64)).contains("`open_files(64)`"));
        assert!(refused(Restrictions::new().cpu_time(Duration::from_millis(900))).contains("`cpu_time(0)`"));
        assert!(Sandbox::from(Restrictions::new()).checked().is_ok() && Sandbox::Hardened.checked().is_ok());
    }

    #[test]
    fn what_is_enforced_is_said_in_sentences_and_paths_are_absolute_in_them() {
        let restrictions = Restrictions::new().readable("/data").writable("scratch").memory(1 << 30).processes(0);
        let sandbox = Sandbox::from(restrictions).checked().unwrap();
        let enforced = sandbox.enforced().unwrap().join("; ");
        for part in
            ["read in /data and", "/scratch", "no sockets", "1073741824 bytes of address space", "0 more processes"]
        {
            assert!(enforced.contains(part), "{part} in {enforced}");
        }
        assert!(!enforced.contains("in scratch"), "{enforced}");
        assert_eq!(Sandbox::Hardened.enforced(), None);
    }
}
