//! Signals to a host: those that ask it to end, those that do not, and those that stop it for a while.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use snakebridge_tests::{Gate, Ledger, eventually, is_alive, signal};

const CTRL_C: Signal = Signal::INT;
const CTRL_Z: Signal = Signal::TSTP;

/// A host with two running calls and one that waits, in a process group of its own, as a shell's job is.
struct Host {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    workers: Vec<u32>,
    ledger: Ledger,
    gate: Gate,
}

impl Host {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(arguments: &[&str]) -> Self {
        let ledger = Ledger::new();
        let gate = Gate::new(&ledger, "gate");
        let mut process = Command::new(env!("CARGO_BIN_EXE_draining_host"))
            .args([ledger.path().to_str().unwrap(), gate.path()])
            .args(arguments)
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let workers = lines.by_ref().map(Result::unwrap).take_while(|line| line != "ready");
        let workers = workers.map(|line| line.parse().unwrap()).collect();
        ledger.noted(1).await;
        ledger.noted(2).await;
        Self { process, lines, workers, ledger, gate }
    }

    /// As a terminal does it: to all processes of the group in the foreground.
    fn press(&self, signal: Signal) {
        let group = Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        kill_process_group(group, signal).unwrap();
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// The last lines, in no particular order of the calls; the host ends well, and nothing is left of it.
    async fn ends_with<const N: usize>(mut self, calls: [&str; N], ran: &[u64]) {
        let mut rest: Vec<_> = self.lines.by_ref().map(Result::unwrap).collect();
        assert_eq!(rest.pop().as_deref(), Some("ended"));
        rest.sort();
        assert_eq!(rest, calls);
        assert!(self.process.wait().unwrap().success());
        let workers = std::mem::take(&mut self.workers);
        eventually("all workers to be gone", || workers.iter().all(|&pid| !is_alive(pid)).then_some(())).await;
        assert_eq!(self.ledger.runs().into_keys().collect::<Vec<_>>(), ran);
    }
}

// N2, O1
#[tokio::test]
async fn ctrl_c_reaches_the_host_alone_which_lets_running_calls_end() {
    let mut host = Host::start().await;
    host.press(CTRL_C);
    assert_eq!(host.line(), "call 3: shutting_down Never");
    assert!(host.workers.iter().all(|&pid| is_alive(pid)));
    host.gate.open();
    host.ends_with(["call 1: 1", "call 2: 2"], &[1, 2]).await;
}

// N2
#[tokio::test]
async fn a_host_that_is_terminated_lets_running_calls_end() {
    let mut host = Host::start().await;
    signal(host.process.id(), Signal::TERM);
    assert_eq!(host.line(), "call 3: shutting_down Never");
    host.gate.open();
    host.ends_with(["call 1: 1", "call 2: 2"], &[1, 2]).await;
}

// N2
#[tokio::test]
async fn a_second_signal_of_either_kind_ends_what_the_first_would_wait_for() {
    for second in [Signal::INT, Signal::TERM] {
        let mut host = Host::start().await;
        host.press(CTRL_C);
        assert_eq!(host.line(), "call 3: shutting_down Never");
        signal(host.process.id(), second);
        host.ends_with(["call 1: shutting_down Maybe", "call 2: shutting_down Maybe"], &[1, 2]).await;
    }
}

/// The letter of a process's state.
fn state(pid: u32) -> Option<char> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    status.rsplit(')').next()?.trim_start().chars().next()
}

// O3
#[tokio::test]
async fn a_host_that_is_stopped_for_a_while_goes_on_where_it_was_and_late_deadlines_fire_once() {
    let mut host = Host::start_with(&["3000"]).await;
    host.press(CTRL_Z);
    eventually("the host to be stopped", || (state(host.process.id()) == Some('T')).then_some(())).await;
    // The deadline of the first call passes meanwhile; its workers are not stopped.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(host.workers.iter().all(|&pid| is_alive(pid) && state(pid) != Some('T')));
    host.press(Signal::CONT);
    assert_eq!(host.line(), "call 1: deadline_exceeded Maybe");
    // Its place is free for the call that waits.
    host.ledger.noted(3).await;
    host.gate.open();
    let mut lines = [host.line(), host.line()];
    lines.sort();
    assert_eq!(lines, ["call 2: 2", "call 3: 3"]);
    host.press(CTRL_C);
    // The late one has heard of it.
    host.ends_with([], &[1, 2, 3, 101]).await;
}
