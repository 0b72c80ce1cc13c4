//! Starting, and every way in which it can fail: the error says what was tried and what mends it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use snakebridge::error::{ErrorKind, StartFailure};
use snakebridge::prelude::*;
use snakebridge_tests::{eventually, kill, showcase};
use tempfile::TempDir;

async fn refused(builder: snakebridge::Builder) -> (StartFailure, String) {
    let error = builder.workers(1).start().await.expect_err("this cannot start");
    match error.kind() {
        ErrorKind::StartFailed { why, message } => (*why, message.clone()),
        _ => panic!("{error}"),
    }
}

/// A folder with one Python module.
fn module(name: &str, text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(name).with_extension("py"), text).unwrap();
    folder
}

/// A program that stands where an interpreter should.
fn program(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("python");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The interpreter that the other tests use.
fn this_python() -> String {
    let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    std::env::var("SNAKEBRIDGE_PYTHON").unwrap_or_else(|_| environment.to_str().unwrap().to_owned())
}

fn assert_names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` in: {message}");
    }
}

#[tokio::test]
async fn an_interpreter_that_is_not_there_or_not_executable_is_named() {
    let (why, message) = refused(showcase().python("/no/such/python")).await;
    assert_eq!(why, StartFailure::Interpreter);
    assert_names(&message, &["/no/such/python", "`.python(..)`", "SNAKEBRIDGE_PYTHON"]);
    let folder = TempDir::new().unwrap();
    let path = program(folder.path(), "\x7fELF not really");
    // Not for this machine, and then not executable.
    for mode in [0o755, 0o644] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let (why, message) = refused(showcase().python(&path)).await;
        assert_eq!(why, StartFailure::Interpreter);
        assert!(why.is_permanent(), "nobody tries again");
        assert_names(&message, &[path.to_str().unwrap()]);
    }
}

#[tokio::test]
async fn an_interpreter_without_the_package_is_told_apart_and_the_command_is_given() {
    let folder = TempDir::new().unwrap();
    // The tests' own interpreter with everything installed hidden from it.
    let real = this_python();
    let path = program(folder.path(), &format!("#!/bin/sh\nexec '{real}' -S \"$@\"\n"));
    let (why, message) = refused(showcase().python(&path)).await;
    assert_eq!(why, StartFailure::PackageMissing, "{message}");
    assert_names(&message, &[path.to_str().unwrap(), "-m pip install 'snakebridge=="]);
}

#[tokio::test]
async fn an_interpreter_that_is_too_old_is_told_its_version() {
    let folder = TempDir::new().unwrap();
    // No old interpreter can be expected on every machine: one that answers like Python 3.8 stands in for it.
    let path = program(folder.path(), "#!/bin/sh\ncase \"$2\" in -c) echo 3.8.18;; *) exit 1;; esac\n");
    let (why, message) = refused(showcase().python(&path)).await;
    assert_eq!(why, StartFailure::Interpreter);
    assert_names(&message, &["Python 3.8", "3.11 or newer"]);
}

#[tokio::test]
async fn a_package_of_another_version_is_refused_with_both_versions() {
    let folder = TempDir::new().unwrap();
    // A worker of the future: it greets properly, and is of version 9.9.9.
    let worker = r#"#!/bin/sh
# magic, then HELLO: [0, 1, 1, [six limits], nonce] and {"version": "9.9.9"}
printf 'SNKB\0\0\0\001'
printf '\0\0\0\116'
printf '\225\0\001\001\226\316\0\020\0\0\316\020\0\0\0\100\316\0\017\102\100\316\0\004\0\0\315\020\0\331\040%s' "$SNAKEBRIDGE_NONCE"
printf '\201\247version\2459.9.9'
sleep 10
"#;
    let path = program(folder.path(), worker);
    let (why, message) = refused(showcase().python(&path)).await;
    assert_eq!(why, StartFailure::PackageVersion, "{message}");
    assert_names(&message, &["9.9.9", env!("CARGO_PKG_VERSION"), "-m pip install 'snakebridge=="]);
}

#[tokio::test]
async fn a_program_that_does_not_speak_the_protocol_is_shown_with_its_first_words() {
    let folder = TempDir::new().unwrap();
    let path = program(folder.path(), "#!/bin/sh\nyes 'I am not a worker' | head -c 100000\nsleep 10\n");
    let (why, message) = refused(showcase().python(&path)).await;
    assert_eq!(why, StartFailure::Handshake, "{message}");
    assert_names(&message, &["I am not a worker"]);
}

#[tokio::test]
async fn noise_before_the_magic_is_skipped() -> Result<()> {
    let folder = TempDir::new().unwrap();
    let real = this_python();
    let path = program(folder.path(), &format!("#!/bin/sh\necho 'a banner'\nexec '{real}' \"$@\"\n"));
    let bridge = showcase().python(path).workers(1).start().await?;
    assert_eq!(bridge.call::<i64>("add", args! { a: 2, b: 2 }).await?, 4);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_is_killed_before_it_says_a_word_is_started_again() -> Result<()> {
    let folder = TempDir::new().unwrap();
    let text = "#!/bin/sh\nif [ ! -e \"$0.tried\" ]; then touch \"$0.tried\"; kill -9 $$; fi\nexec '{python}' \"$@\"\n";
    let path = program(folder.path(), &text.replace("{python}", &this_python()));
    let bridge = showcase().python(path).workers(1).start().await?;
    assert_eq!(bridge.call::<i64>("add", args! { a: 2, b: 2 }).await?, 4);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_missing_module_is_named_with_the_path_that_was_searched() {
    let (why, message) = refused(Bridge::builder().adapter("no_such_module:Adapter").python_path("elsewhere")).await;
    assert_eq!(why, StartFailure::Import);
    assert_names(&message, &["no_such_module", "elsewhere"]);
}

#[tokio::test]
async fn a_syntax_error_in_the_adapter_is_shown_with_its_line() {
    let folder = module("broken", "def oops(:\n    pass\n");
    let (why, message) = refused(Bridge::builder().adapter("broken").python_path(folder.path())).await;
    assert_eq!(why, StartFailure::Import);
    assert_names(&message, &["SyntaxError", "broken.py", "line 1"]);
}

#[tokio::test]
async fn a_class_that_is_not_there_is_named_with_the_nearest() {
    let (why, message) = refused(Bridge::builder().adapter("snakebridge.adapters.showcase:ShowcaseAdaptor")).await;
    assert_eq!(why, StartFailure::Adapter);
    assert_names(&message, &["ShowcaseAdaptor", "`ShowcaseAdapter`"]);
}

#[tokio::test]
async fn an_adapter_whose_constructor_raises_is_shown_with_its_traceback() {
    let text = "from snakebridge import BaseAdapter\nclass A(BaseAdapter):\n    def __init__(self):\n        raise RuntimeError('no database')\n";
    let folder = module("raises", text);
    let (why, message) = refused(Bridge::builder().adapter("raises:A").python_path(folder.path())).await;
    assert_eq!(why, StartFailure::Init);
    assert_names(&message, &["RuntimeError: no database", "raises.py"]);
}

#[tokio::test]
async fn two_tools_of_one_name_are_refused_with_both_their_origins() {
    let handler = |name: &str| format!("class {name}:\n    @tool\n    def same(self) -> int:\n        return 1\n");
    let text = format!(
        "from snakebridge import BaseAdapter, tool\n{}{}class A(BaseAdapter):\n    def __init__(self):\n        \
         super().__init__()\n        self.include(First())\n        self.include(Second())\n",
        handler("First"),
        handler("Second")
    );
    let folder = module("twice", &text);
    let (why, message) = refused(Bridge::builder().adapter("twice:A").python_path(folder.path())).await;
    assert_eq!(why, StartFailure::Adapter, "{message}");
    assert_names(&message, &["two tools are called `same`", "First", "Second"]);
}

#[tokio::test]
async fn an_import_that_does_not_end_is_ended_by_the_start_timeout() {
    let folder = module("slow", "import time\ntime.sleep(60)\n");
    let builder = Bridge::builder().adapter("slow").python_path(folder.path());
    let (why, message) = refused(builder.start_timeout(Duration::from_millis(500))).await;
    assert_eq!(why, StartFailure::Timeout);
    assert_names(&message, &["`slow`", "start_timeout"]);
}

#[tokio::test]
async fn an_import_that_ends_the_process_is_told_with_its_status() {
    let folder = module("quits", "import os, sys\nprint('about to quit', file=sys.stderr, flush=True)\nos._exit(0)\n");
    let (why, message) = refused(Bridge::builder().adapter("quits").python_path(folder.path())).await;
    assert_eq!(why, StartFailure::Exit, "{message}");
    assert_names(&message, &["exit code 0"]);
}

#[tokio::test]
async fn a_worker_that_cannot_come_back_leaves_its_callers_an_error_instead_of_a_wait() -> Result<()> {
    let text = "from snakebridge import tool\n@tool\ndef f() -> int:\n    return 1\n";
    let folder = module("vanishing", text);
    let bridge = Bridge::builder().adapter("vanishing").python_path(folder.path()).workers(1).start().await?;
    assert_eq!(bridge.call::<i64>("f", args! {}).await?, 1);
    std::fs::write(folder.path().join("vanishing.py"), "raise ImportError('gone')\n").unwrap();
    kill(bridge.workers()[0].pid);
    let error = bridge.call::<i64>("f", args! {}).await.unwrap_err();
    assert_eq!(error.code(), "start_failed", "{error}");
    let error = bridge.call::<i64>("f", args! {}).await.unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
    // And when it is back, so are the calls.
    std::fs::write(folder.path().join("vanishing.py"), text).unwrap();
    eventually("a worker", || (!bridge.workers().is_empty()).then_some(())).await;
    assert_eq!(bridge.call::<i64>("f", args! {}).await?, 1);
    bridge.shutdown().await
}
