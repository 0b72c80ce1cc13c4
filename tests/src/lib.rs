//! What the end-to-end tests share: bridges to the test tools, and the ledger of what ran.

pub mod chaos;
mod orphans;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use snakebridge::{Bridge, Builder};
use tempfile::TempDir;

pub use self::orphans::{OrphanState, WayToDie};

/// The folder with the Python side of the tests.
pub fn python_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// A builder that loads the showcase adapter of the Python package.
pub fn showcase() -> Builder {
    Bridge::builder().adapter("snakebridge.adapters.showcase:ShowcaseAdapter")
}

/// A builder that loads the test tools that call tools of the host.
pub fn rust_tools() -> Builder {
    Bridge::builder().adapter("rust_tools:RustToolsAdapter").python_path(python_folder())
}

/// A builder for one worker in Node with the tools of `file`: a path from the repository's root, or an absolute one.
pub fn node_worker(file: &str) -> Builder {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let worker = root.join("examples/workers/node/worker.js");
    Bridge::builder()
        .command([PathBuf::from("node"), worker, root.join(file)])
        .profile(snakebridge::Profile::Async)
        .workers(1)
}

/// Whether tests with Node have to be left out, because there is none or it is too old. Says so where it is seen.
pub fn left_out_without_node() -> bool {
    let version = std::process::Command::new("node").arg("--version").output().map(|output| output.stdout);
    let version = version.map(|version| String::from_utf8_lossy(&version).into_owned()).unwrap_or_default();
    let major = version.strip_prefix('v').and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    let left_out = major.is_none_or(|major| major < 20);
    if left_out {
        // Not by a macro, whose output the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "left out: no Node 20 or newer on PATH");
    }
    left_out
}

/// What ran, as noted by the tools themselves.
#[derive(Debug)]
pub struct Ledger {
    folder: TempDir,
}

/// One line of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The number that the test gave the call.
    pub call: u64,
    /// Counted by the tool.
    pub attempt: u32,
    /// Where it ran.
    pub pid: u32,
}

impl Ledger {
    /// An empty ledger.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    pub fn new() -> Self {
        Self { folder: TempDir::new().expect("a temporary folder") }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// A builder that loads the test tools, which note what they do here.
    pub fn tools(&self) -> Builder {
        self.adapter("ledger_tools:LedgerAdapter")
    }

    /// A builder that loads the tools which show what the options of a call do; they note it here.
    pub fn options(&self) -> Builder {
        self.adapter("option_tools:OptionAdapter")
    }

    fn adapter(&self, adapter: &str) -> Builder {
        Bridge::builder()
            .adapter(adapter)
            .python_path(python_folder())
            .config(&BTreeMap::from([("ledger", self.path())]))
    }

    /// Everything noted so far, in order.
    ///
    /// # Panics
    /// When a line is not `call attempt pid`.
    pub fn entries(&self) -> Vec<Entry> {
        let text = std::fs::read_to_string(self.path()).unwrap_or_default();
        text.lines()
            .map(|line| {
                let fields: Vec<u64> =
                    line.split(' ').map(|field| field.parse().expect("a number in the ledger")).collect();
                let [call, attempt, pid] = fields[..] else { panic!("not a ledger line: {line}") };
                Entry { call, attempt: attempt.try_into().expect("small"), pid: pid.try_into().expect("a pid") }
            })
            .collect()
    }

    /// How often each call ran.
    pub fn runs(&self) -> BTreeMap<u64, usize> {
        self.entries().iter().fold(BTreeMap::new(), |mut runs, entry| {
            *runs.entry(entry.call).or_default() += 1;
            runs
        })
    }

    /// Waits until `call` has been noted and tells where it ran.
    pub async fn noted(&self, call: u64) -> Entry {
        eventually(&format!("call {call} in the ledger"), || {
            self.entries().into_iter().find(|entry| entry.call == call)
        })
        .await
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits until `look` finds something; fails the test when that takes absurdly long.
///
/// # Panics
/// After 30 seconds.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "waited 30 s for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Sends SIGKILL to a process.
///
/// # Panics
/// When there is no such process.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Sends a signal to a process.
///
/// # Panics
/// When there is no such process.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().expect("a pid")).expect("not 0");
    kill_process(pid, signal).expect("the process lives");
}

/// Whether a process exists and is more than a zombie.
pub fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the program's name, which stands in parentheses and may hold anything.
    status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

/// Processes that this one has started, zombies included.
///
/// # Panics
/// Where there is no `/proc`.
pub fn children() -> Vec<u32> {
    let this = std::process::id();
    let pids = std::fs::read_dir("/proc")
        .expect("Linux has it")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|&pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = status.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields.get(1) == Some(&this.to_string().as_str())
    })
    .collect()
}

/// Awaits all futures at once, in order.
///
/// # Panics
/// When one of them does.
pub async fn join_all<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut outputs = Vec::with_capacity(tasks.len());
    for task in tasks {
        outputs.push(task.await.expect("the task does not panic"));
    }
    outputs
}

/// A figure of this process from `/proc/self/status`, such as `VmRSS`, in KiB.
///
/// # Panics
/// When there is no such line.
pub fn host_memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with(what)).expect("a line of that name");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of KiB")
}

/// A builder that loads the tools for tests of sessions, which note what they do in `ledger`.
pub fn session_tools(ledger: &Ledger) -> Builder {
    Bridge::builder()
        .adapter("stateful_tools:SessionAdapter")
        .python_path(python_folder())
        .config(&BTreeMap::from([("ledger", ledger.path())]))
}

/// A file for which tools wait.
#[derive(Debug)]
pub struct Gate {
    path: PathBuf,
}

impl Gate {
    /// A closed one, beside the ledger.
    pub fn new(ledger: &Ledger, name: &str) -> Self {
        Self { path: ledger.path().with_extension(name) }
    }

    /// Its path, for Python.
    ///
    /// # Panics
    /// When the temporary folder has a name that is no text.
    pub fn path(&self) -> &str {
        self.path.to_str().expect("text")
    }

    /// Lets everybody go on.
    ///
    /// # Panics
    /// When the file cannot be made.
    pub fn open(&self) {
        std::fs::write(&self.path, "").expect("the gate opens");
    }
}
