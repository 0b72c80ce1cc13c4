//! Nothing of a host outlives it, however it dies and whatever its workers are doing: every way to die meets every state.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use snakebridge_tests::{OrphanState, WayToDie, eventually, is_alive, join_all, kill, signal};
use tempfile::TempDir;

/// What is promised.
const PROMISE: Duration = Duration::from_secs(1);
/// What a test on a busy machine allows.
const BOUND: Duration = Duration::from_secs(10);

/// The processes of a state, once all are there; none where the kernel cannot bring it about.
async fn processes(state: OrphanState, folder: &Path) -> Vec<u32> {
    eventually(&format!("a worker to be {state:?}"), || {
        let text = std::fs::read_to_string(folder.join(state.name())).unwrap_or_default();
        let left_out = state == OrphanState::Sandboxed && folder.join("no sandbox").exists();
        let complete = text.lines().count() == state.processes() && text.ends_with('\n');
        (complete || left_out).then(|| text.lines().map(|line| line.parse().unwrap()).collect())
    })
    .await
}

/// Has the host die, and waits until it has.
fn die(way: WayToDie, host: &mut Child) {
    match way {
        WayToDie::Killed => kill(host.id()),
        WayToDie::Terminated => signal(host.id(), Signal::TERM),
        _ => host.stdin.take().unwrap().write_all(b"die\n").unwrap(),
    }
    if way == WayToDie::RuntimeGone {
        let line = BufReader::new(host.stdout.take().unwrap()).lines().next();
        assert_eq!(line.unwrap().unwrap(), "gone");
    } else {
        host.wait().unwrap();
    }
}

/// How long each state's processes outlived a host that died in this way; `None` for those that were left out.
async fn outlived(way: WayToDie) -> Vec<Option<Duration>> {
    let folder = TempDir::new().unwrap();
    let mut host = Command::new(env!("CARGO_BIN_EXE_doomed_host"))
        .args([way.name(), folder.path().to_str().unwrap()])
        .args(OrphanState::ALL.map(OrphanState::name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut alive = Vec::new();
    for state in OrphanState::ALL {
        alive.push(processes(state, folder.path()).await);
    }
    for (state, pids) in OrphanState::ALL.iter().zip(&alive) {
        assert!(pids.iter().all(|&pid| is_alive(pid)), "{way:?}, {state:?}");
    }
    die(way, &mut host);
    std::fs::write(folder.path().join("dead"), "").unwrap();
    let died = Instant::now();
    let mut lived: Vec<_> = alive.iter().map(|pids| (!pids.is_empty()).then_some(BOUND)).collect();
    while died.elapsed() < BOUND && alive.iter().any(|pids| !pids.is_empty()) {
        for (pids, lived) in alive.iter_mut().zip(&mut lived).filter(|(pids, _)| !pids.is_empty()) {
            pids.retain(|&pid| is_alive(pid));
            if pids.is_empty() {
                *lived = Some(died.elapsed());
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // What is left fails the test, and is not to be left by it.
    for pid in alive.into_iter().flatten().filter(|&pid| is_alive(pid)) {
        kill(pid);
    }
    let _ = host.kill();
    host.wait().unwrap();
    lived
}

fn table(rows: &[Vec<Option<Duration>>]) -> String {
    let mut table = String::from("| milliseconds |");
    for state in OrphanState::ALL {
        write!(table, " {} |", state.name().replace('_', " ")).unwrap();
    }
    write!(table, "\n|{}", "---|".repeat(1 + OrphanState::ALL.len())).unwrap();
    for (way, row) in WayToDie::ALL.iter().zip(rows) {
        write!(table, "\n| {} |", way.name()).unwrap();
        for lived in row {
            match lived {
                Some(lived) => write!(table, " {} |", lived.as_millis()).unwrap(),
                None => table.push_str(" left out |"),
            }
        }
    }
    table
}

/// Where whoever loses its parent becomes the child of a process that is in the host's session, and not of the machine's first.
#[test]
fn nothing_outlives_its_host_in_a_container_either() {
    let contained = |program: &Path| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).arg(program);
        command
    };
    if std::env::var_os("CONTAINED").is_some()
        || !contained(Path::new("true")).status().is_ok_and(|status| status.success())
    {
        // Not by a macro, whose output the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "left out: no process namespace can be made here");
        return;
    }
    let tests = contained(&std::env::current_exe().unwrap()).env("CONTAINED", "1").output().unwrap();
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn nothing_outlives_its_host_however_that_dies_and_whatever_it_was_doing() {
    let rows = join_all(WayToDie::ALL.map(outlived)).await;
    println!("{}\n\npromised: {PROMISE:?}; asserted: {BOUND:?}", table(&rows));
    for (way, row) in WayToDie::ALL.iter().zip(&rows) {
        for (state, lived) in OrphanState::ALL.iter().zip(row) {
            assert!(lived.is_none_or(|lived| lived < BOUND), "{state:?} outlived its host, which died by {way:?}");
        }
    }
}
