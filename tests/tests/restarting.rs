//! Starts that take long, end badly or bring something else than before, above all in a pool that has served already.
//! Group A of the fault catalogue, with `starting.rs`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use snakebridge::error::{ErrorKind, Executed, StartFailure};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge::{Builder, Restrictions};
use snakebridge_tests::{eventually, is_alive, kill};
use tempfile::TempDir;

/// An adapter's module in a folder of its own, where files tell it what to do.
struct Module {
    folder: TempDir,
}

/// What each of them begins with.
const BEGINNING: &str = "import os, signal, time
from snakebridge import BaseAdapter, tool
HERE = os.path.dirname(__file__)
def there(name):
    return os.path.exists(os.path.join(HERE, name))
";

const ONE_TOOL: &str = "@tool
def f() -> int:
    return 1
";

impl Module {
    fn new(text: &str) -> Self {
        let module = Self { folder: TempDir::new().unwrap() };
        module.write(text);
        module
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path("edited.py"), format!("{BEGINNING}{text}")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn add(&self, name: &str) {
        std::fs::write(self.path(name), "").unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    fn builder(&self) -> Builder {
        Bridge::builder().adapter("edited").python_path(self.folder.path())
    }
}

/// The error of the next start that fails, and whether there is to be another.
async fn failed_start(events: &mut tokio::sync::broadcast::Receiver<Event>) -> (String, Option<Duration>) {
    loop {
        if let Event::StartFailed { error, retry_in, .. } = events.recv().await.unwrap() {
            return (error, retry_in);
        }
    }
}

// A5
#[tokio::test]
async fn an_adapter_that_cannot_be_initialised_for_a_while_is_tried_again_and_calls_wait() -> Result<()> {
    let module = Module::new(
        "class A(BaseAdapter):
    def __init__(self):
        super().__init__()
        if there('down'):
            raise RuntimeError('no database')
    @tool
    def f(self) -> int:
        return 1
",
    );
    let bridge = module.builder().workers(1).start().await?;
    let mut events = bridge.events();
    module.add("down");
    kill(bridge.workers()[0].pid);
    let waiting = tokio::spawn(bridge.call::<i64>("f", args! {}).timeout(Duration::from_secs(300)));
    for _ in 0..3 {
        let (error, retry_in) = failed_start(&mut events).await;
        assert!(error.contains("RuntimeError: no database") && error.contains("edited.py"), "{error}");
        assert!(retry_in.is_some(), "a database may come back");
    }
    assert!(!waiting.is_finished());
    module.remove("down");
    assert_eq!(waiting.await.unwrap()?, 1);
    bridge.shutdown().await
}

// A6
#[tokio::test]
async fn calls_wait_for_a_slow_import_by_their_own_deadlines() -> Result<()> {
    let module = Module::new(&format!("while there('slow'):\n    time.sleep(0.002)\n{ONE_TOOL}"));
    let bridge = module.builder().workers(1).queue_timeout(Duration::from_secs(300)).start().await?;
    let mut events = bridge.events();
    module.add("slow");
    kill(bridge.workers()[0].pid);
    let patient = tokio::spawn(bridge.call::<i64>("f", args! {}));
    let error = bridge.call::<i64>("f", args! {}).timeout(Duration::from_millis(500)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Never));
    assert!(!patient.is_finished());
    module.remove("slow");
    assert_eq!(patient.await.unwrap()?, 1);
    let ready = std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
        Event::WorkerReady { worker, after, .. } => Some((worker, after)),
        _ => None,
    });
    assert!(ready.is_some_and(|(worker, after)| worker == 2 && after >= Duration::from_millis(400)), "{ready:?}");
    bridge.shutdown().await
}

// A7
#[tokio::test]
async fn an_import_that_hangs_in_c_is_killed_with_all_that_it_has_started() {
    let module = Module::new(
        "import ctypes
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
with open(os.path.join(HERE, 'pids'), 'w') as file:
    file.write(f'{os.getpid()} {child}')
ctypes.PyDLL(None).sleep(60)
",
    );
    let error = module.builder().workers(1).start_timeout(Duration::from_secs(8)).start().await.unwrap_err();
    let ErrorKind::StartFailed { why, message } = error.kind() else { panic!("{error}") };
    assert_eq!(*why, StartFailure::Timeout, "{message}");
    let pids = std::fs::read_to_string(module.path("pids")).unwrap();
    for pid in pids.split(' ').map(|pid| pid.parse().unwrap()) {
        eventually("its end", || (!is_alive(pid)).then_some(())).await;
    }
}

// A8
#[tokio::test]
async fn a_worker_that_is_killed_between_its_greeting_and_ready_is_started_again_and_no_call_hears_of_it() -> Result<()>
{
    // Python code runs when both have said HELLO.
    let module = Module::new(&format!(
        "if there('kill'):
    os.remove(os.path.join(HERE, 'kill'))
    os.kill(os.getpid(), signal.SIGKILL)
{ONE_TOOL}"
    ));
    module.add("kill");
    let bridge = module.builder().workers(1).start().await?;
    let mut events = bridge.events();
    module.add("kill");
    kill(bridge.workers()[0].pid);
    assert_eq!(bridge.call::<i64>("f", args! {}).await?, 1);
    let (error, retry_in) = failed_start(&mut events).await;
    assert!(error.contains("signal 9") && retry_in.is_some(), "{error}");
    bridge.shutdown().await
}

// A14
#[tokio::test]
async fn a_module_that_is_edited_under_its_pool_is_refused_with_the_difference_and_the_old_tools_serve_on() -> Result<()>
{
    let module = Module::new(ONE_TOOL);
    let bridge = module.builder().workers(2).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let mut events = bridge.events();
    module.write("@tool\ndef f(x: str) -> int:\n    return 2\n@tool\ndef g() -> int:\n    return 3\n");
    let [old, other] = &bridge.workers()[..] else { panic!("two workers") };
    let error = bridge.recycle(old.number).await.unwrap_err();
    let ErrorKind::StartFailed { why: StartFailure::Changed, .. } = error.kind() else { panic!("{error}") };
    kill(old.pid);
    let (error, retry_in) = failed_start(&mut events).await;
    for part in ["`edited`", "`g` is new", "`f` was `() -> int` and is `(x: str) -> int`", "a new bridge"] {
        assert!(error.contains(part), "`{part}` in {error}");
    }
    assert!(retry_in.is_some());
    for _ in 0..10 {
        assert_eq!(bridge.call::<i64>("f", args! {}).await?, 1);
    }
    let alone = || bridge.workers().iter().all(|worker| worker.pid == other.pid).then_some(());
    eventually("the killed worker to be gone", alone).await;

    // When nobody is left who has the old tools, callers are told at once, and not served by something else.
    kill(other.pid);
    let error = loop {
        match bridge.call::<i64>("f", args! {}).await {
            Ok(value) => assert_eq!(value, 1),
            Err(error) => break error,
        }
    };
    let ErrorKind::StartFailed { why, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((*why, error.executed()), (StartFailure::Changed, Executed::Never));

    // Words may change.
    module.write("@tool\ndef f() -> int:\n    \"\"\"Return one.\"\"\"\n    return 1\n");
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    assert_eq!(bridge.call::<i64>("f", args! {}).await?, 1);
    bridge.shutdown().await
}

// A17
#[tokio::test]
async fn a_worker_starts_and_serves_where_nothing_can_be_written_and_nobody_is_at_home() -> Result<()> {
    let module = Module::new(ONE_TOOL);
    let wrapper = module.path("python");
    let real = std::env::var("SNAKEBRIDGE_PYTHON")
        .unwrap_or_else(|_| format!("{}/../.venv/bin/python", env!("CARGO_MANIFEST_DIR")));
    let text = format!("#!/bin/sh\nunset HOME USER\nexec '{real}' \"$@\"\n");
    std::fs::write(&wrapper, text).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let builder = || module.builder().python(&wrapper).env("TMPDIR", "/no/such/folder").workers(1);
    // For root, folders are read-only where Landlock says so; where the kernel has none, the rest is tried.
    let bridge = match builder().sandbox(Restrictions::new()).start().await {
        Ok(bridge) => bridge,
        Err(error) => {
            assert!(error.to_string().contains("this kernel cannot"), "{error}");
            builder().start().await?
        }
    };
    assert_eq!(bridge.call::<i64>("f", args! {}).await?, 1);
    let compiled = module.path("__pycache__").exists();
    assert!(!(bridge.workers()[0].sandboxed && compiled), "it could write");
    bridge.shutdown().await
}

// A18
#[tokio::test]
async fn sixty_four_workers_start_a_few_at_a_time_while_the_first_already_serves() -> Result<()> {
    let module = Module::new(
        "LOG = os.open(os.path.join(HERE, 'log'), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(LOG, b'+')
class A(BaseAdapter):
    def initialize(self):
        os.write(LOG, b'-')
    @tool
    def f(self) -> int:
        return 1
",
    );
    let bridge = module.builder().workers(64).start().await?;
    assert_eq!(bridge.call::<i64>("f", args! {}).await?, 1);
    assert!(bridge.workers().len() < 64, "nobody waits for the last");
    let begun = std::time::Instant::now();
    while bridge.workers().len() < 64 {
        assert!(begun.elapsed() < Duration::from_secs(300), "{} of 64 workers", bridge.workers().len());
        assert_eq!(bridge.call::<i64>("f", args! {}).await?, 1);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let log = std::fs::read_to_string(module.path("log")).unwrap();
    let (mut starting, mut most) = (0_usize, 0);
    for step in log.chars() {
        if step == '+' {
            starting += 1;
        } else {
            starting -= 1;
        }
        most = most.max(starting);
    }
    assert_eq!((starting, log.len()), (0, 128));
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(most <= cores, "{most} at a time, there are {cores} cores");
    bridge.shutdown().await
}
