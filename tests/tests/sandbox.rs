//! What a sandboxed worker may do, tried by real workers against the real kernel.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use snakebridge::body::Arguments;
use snakebridge::error::{ErrorKind, Exit, StartFailure};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge::{Builder, Restrictions, Sandbox};
use snakebridge_tests::python_folder;
use tempfile::TempDir;

fn builder() -> Builder {
    Bridge::builder().adapter("sandbox_tools:SandboxAdapter").python_path(python_folder()).workers(1)
}

/// A bridge with a sandboxed worker; `None`, and a line about it, where this kernel cannot do it. Then it has to say so.
async fn sandboxed(restrictions: Restrictions) -> Option<Bridge> {
    match builder().sandbox(restrictions).start().await {
        Ok(bridge) => Some(bridge),
        Err(error) => {
            let ErrorKind::StartFailed { why: StartFailure::Sandbox, message } = error.kind() else {
                panic!("{error}")
            };
            assert!(message.contains("this kernel cannot"), "{message}");
            // Not by a macro, whose output the test harness keeps to itself.
            let _ = writeln!(std::io::stderr(), "left out: {message}");
            None
        }
    }
}

/// The class of the exception that the tool raises.
async fn raised(bridge: &Bridge, tool: &str, arguments: Arguments) -> String {
    let error = bridge.execute(tool, arguments).await.expect_err("the sandbox forbids it");
    error.exception().unwrap_or_else(|| panic!("{error}")).type_name.clone()
}

/// The version of the running kernel.
fn kernel() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// A folder with a file in it.
fn folder() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "content").unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_hardened_worker_may_what_its_user_may() -> Result<()> {
    let (folder, file) = folder();
    let bridge = builder().sandbox(Sandbox::Hardened).start().await?;
    assert_eq!(bridge.call::<String>("read", args! { path: &file }).await?, "content");
    let other = folder.path().join("other");
    assert_eq!(bridge.call::<u64>("write", args! { path: &other, text: "text" }).await?, 4);
    assert_eq!(bridge.call::<String>("run", args! {}).await?, "ran");
    assert!(!bridge.workers()[0].sandboxed);
    bridge.shutdown().await
}

#[tokio::test]
async fn files_are_read_everywhere_and_written_only_where_that_is_allowed() -> Result<()> {
    let ((scratch, inside), (elsewhere, outside)) = (folder(), folder());
    let Some(bridge) = sandboxed(Restrictions::new().writable(scratch.path())).await else { return Ok(()) };
    assert!(bridge.workers()[0].sandboxed);
    for file in [&inside, &outside] {
        assert_eq!(bridge.call::<String>("read", args! { path: file }).await?, "content");
    }
    let target = scratch.path().join("new");
    assert_eq!(bridge.call::<u64>("write", args! { path: &target, text: "text" }).await?, 4);
    let target = elsewhere.path().join("new");
    assert_eq!(raised(&bridge, "write", args! { path: &target, text: "text" }).await, "PermissionError");
    assert_eq!(raised(&bridge, "truncate", args! { path: &outside }).await, "PermissionError");
    assert_eq!(raised(&bridge, "rename", args! { source: &inside, target: &target }).await, "PermissionError");
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "content");
    assert_eq!(bridge.call::<String>("sleeps", args! {}).await?, "slept");
    bridge.shutdown().await
}

#[tokio::test]
async fn with_a_list_of_what_is_read_nothing_else_is_and_python_still_works() -> Result<()> {
    let ((data, listed), (_elsewhere, outside)) = (folder(), folder());
    let Some(bridge) = sandboxed(Restrictions::new().readable(data.path())).await else { return Ok(()) };
    assert_eq!(bridge.call::<String>("read", args! { path: &listed }).await?, "content");
    assert_eq!(raised(&bridge, "read", args! { path: &outside }).await, "PermissionError");
    assert_eq!(raised(&bridge, "write", args! { path: &listed, text: "" }).await, "PermissionError");
    assert_eq!(raised(&bridge, "protect", args! { path: &listed }).await, "PermissionError");
    assert_eq!(raised(&bridge, "limit", args! { pid: std::process::id() }).await, "PermissionError");
    // The host's variables and memory are files, too, and of the same user.
    let environment = format!("/proc/{}/environ", std::process::id());
    assert_eq!(raised(&bridge, "read", args! { path: environment }).await, "PermissionError");
    assert_eq!(bridge.call::<String>("run", args! {}).await?, "ran");
    if kernel() >= (6, 12) {
        assert_eq!(raised(&bridge, "signals", args! { pid: std::process::id() }).await, "PermissionError");
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn there_is_no_network_unless_it_is_allowed() -> Result<()> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("socket");
    let _receiver = UnixDatagram::bind(&path).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            connection.unwrap().write_all(b"hello").unwrap();
        }
    });
    let Some(bridge) = sandboxed(Restrictions::new()).await else { return Ok(()) };
    assert_eq!(raised(&bridge, "connect", args! { port: port }).await, "PermissionError");
    assert_eq!(raised(&bridge, "send_past", args! { path: &path }).await, "PermissionError");
    bridge.shutdown().await?;
    let Some(bridge) = sandboxed(Restrictions::new().with_network()).await else { return Ok(()) };
    assert_eq!(bridge.call::<String>("connect", args! { port: port }).await?, "hello");
    bridge.shutdown().await
}

#[tokio::test]
async fn calls_of_administrators_and_debuggers_are_denied() -> Result<()> {
    const EPERM: u64 = 1;
    #[cfg(target_arch = "x86_64")]
    const CALLS: [(&str, u64); 6] =
        [("ptrace", 101), ("mount", 165), ("unshare", 272), ("bpf", 321), ("keyctl", 250), ("io_uring_setup", 425)];
    #[cfg(target_arch = "aarch64")]
    const CALLS: [(&str, u64); 6] =
        [("ptrace", 117), ("mount", 40), ("unshare", 97), ("bpf", 280), ("keyctl", 219), ("io_uring_setup", 425)];
    let Some(bridge) = sandboxed(Restrictions::new()).await else { return Ok(()) };
    for (name, number) in CALLS {
        assert_eq!(bridge.call::<u64>("calls", args! { number: number }).await?, EPERM, "{name}");
    }
    bridge.shutdown().await?;
    // Without the sandbox it is another error, or none: the numbers above are of calls that exist.
    let bridge = builder().start().await?;
    assert_eq!(bridge.call::<u64>("calls", args! { number: CALLS[2].1 }).await?, 0, "unshare of nothing");
    bridge.shutdown().await
}

#[tokio::test]
async fn without_processes_a_worker_has_threads_and_no_child() -> Result<()> {
    let Some(bridge) = sandboxed(Restrictions::new().processes(0)).await else { return Ok(()) };
    assert_eq!(raised(&bridge, "fork", args! {}).await, "PermissionError");
    assert_eq!(raised(&bridge, "run", args! {}).await, "PermissionError");
    assert_eq!(bridge.call::<u64>("children", args! { number: 1000 }).await?, 0, "a bomb of forks");
    assert_eq!(bridge.call::<u64>("threads", args! { number: 20 }).await?, 20);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_number_of_processes_bounds_a_bomb_of_forks_and_is_refused_to_root() -> Result<()> {
    let bounded = builder().sandbox(Restrictions::new().processes(20)).start().await;
    if rustix::process::getuid().is_root() {
        let error = bounded.expect_err("it could not be enforced");
        assert!(error.is_permanent() && error.to_string().contains("does not count what root starts"), "{error}");
        return Ok(());
    }
    let bridge = bounded?;
    assert_eq!(bridge.call::<u64>("children", args! { number: 10 }).await?, 10);
    // The one that finds no room is its worker's end, whose own thread finds none either.
    let error = bridge.execute("children", args! { number: 1000 }).await.unwrap_err();
    let ErrorKind::WorkerLost { exit, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(*exit, Exit::Code(75));
    bridge.shutdown().await
}

#[tokio::test]
async fn memory_open_files_and_processor_time_are_bounded() -> Result<()> {
    let restrictions = Restrictions::new().memory(2 << 30).open_files(200).cpu_time(Duration::from_secs(2));
    let Some(bridge) = sandboxed(restrictions).await else { return Ok(()) };
    assert_eq!(raised(&bridge, "allocate", args! { size: 8_u64 << 30 }).await, "MemoryError");
    assert_eq!(bridge.call::<u64>("allocate", args! { size: 1 << 20 }).await?, 1 << 20, "the worker lives");
    assert_eq!(bridge.call::<u64>("open_files", args! {}).await?, 200);
    let error = bridge.execute("burns", args! {}).await.unwrap_err();
    let ErrorKind::WorkerLost { exit: Exit::Signal(signal), .. } = error.kind() else { panic!("{error}") };
    assert_eq!(*signal, rustix::process::Signal::XCPU.as_raw());
    bridge.shutdown().await
}

#[tokio::test]
async fn the_size_of_files_is_bounded_and_the_capabilities_of_root_are_gone() -> Result<()> {
    let (scratch, _) = folder();
    let Some(bridge) = sandboxed(Restrictions::new().writable(scratch.path()).file_size(1000)).await else {
        return Ok(());
    };
    let path = scratch.path().join("new");
    assert_eq!(bridge.call::<u64>("write", args! { path: &path, text: "x".repeat(1000) }).await?, 1000);
    assert_eq!(raised(&bridge, "write", args! { path: &path, text: "x".repeat(1001) }).await, "OSError");
    let status: String = bridge.call("read", args! { path: "/proc/self/status" }).await?;
    for set in ["CapInh", "CapPrm", "CapEff"] {
        assert!(status.contains(&format!("{set}:\t0000000000000000\n")), "{status}");
    }
    assert!(status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n"), "{status}");
    bridge.shutdown().await
}

#[tokio::test]
async fn what_is_enforced_is_told_of_each_worker() -> Result<()> {
    let Some(bridge) = sandboxed(Restrictions::new().memory(2 << 30)).await else { return Ok(()) };
    let mut events = bridge.events();
    snakebridge_tests::kill(bridge.workers()[0].pid);
    loop {
        if let Event::WorkerSandboxed { enforced, .. } = events.recv().await.unwrap() {
            for sentence in ["files are written nowhere", "no sockets", "at most 2147483648 bytes of address space"] {
                assert!(enforced.iter().any(|found| found == sentence), "{sentence} in {enforced:?}");
            }
            return bridge.shutdown().await;
        }
    }
}

/// A Python in front of the real one, which makes the kernel deny a system call with `ENOSYS`, as one would that does not
/// know it.
fn python_without(call: u64, folder: &Path) -> std::path::PathBuf {
    let real = std::path::absolute(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python")).unwrap();
    let real = std::env::var("SNAKEBRIDGE_PYTHON").map_or(real, Into::into);
    let real = real.display();
    let script = format!(
        r#"#!{real}
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
# Load the call's number; if it is this one: ENOSYS (38); else: allow.
filter = [(0x20, 0, 0, 0), (0x15, 0, 1, {call}), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in filter))
program = struct.pack("HxxxxxxP", len(filter), ctypes.addressof(code))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv({real:?}, [{real:?}, *sys.argv[1:]])
"#,
        real = real.to_string()
    );
    let path = folder.join("python");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_kernel_that_cannot_do_it_and_a_folder_that_is_not_there_let_no_worker_start() {
    const LANDLOCK_CREATE_RULESET: u64 = 444;
    let refused = |builder: Builder| async move {
        let error = builder.start().await.expect_err("it could not be enforced");
        let ErrorKind::StartFailed { why, message } = error.kind() else { panic!("{error}") };
        assert_eq!(*why, StartFailure::Sandbox, "{message}");
        assert!(why.is_permanent());
        message.clone()
    };
    let folder = TempDir::new().unwrap();
    let python = python_without(LANDLOCK_CREATE_RULESET, folder.path());
    let message = refused(builder().python(&python).sandbox(Restrictions::new())).await;
    assert!(message.contains("Landlock"), "{message}");
    assert!(builder().python(&python).start().await.is_ok(), "it is the sandbox alone that cannot be had there");
    let message = refused(builder().sandbox(Restrictions::new().writable("/no/such/folder"))).await;
    assert!(message.contains("/no/such/folder") || message.contains("this kernel cannot"), "{message}");
}
