//! Tools that disturb their own process: its descriptors, streams, children and signals. What that costs, and whom not.
//! Group D of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use snakebridge::Builder;
use snakebridge::error::{ErrorKind, Executed, Exit};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{eventually, is_alive, kill, python_folder};

fn unruly() -> Builder {
    Bridge::builder().adapter("unruly_tools:UnrulyAdapter").python_path(python_folder())
}

/// Two workers: what one does to itself the other does not notice.
async fn two_workers() -> Result<Bridge> {
    let bridge = unruly().workers(2).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    Ok(bridge)
}

/// A call that keeps the other worker busy until `gate` is there, and the process that runs it.
struct Neighbour {
    gate: tempfile::TempDir,
    call: tokio::task::JoinHandle<Result<u32>>,
}

impl Neighbour {
    async fn of(bridge: &Bridge) -> Self {
        let gate = tempfile::TempDir::new().unwrap();
        let path = gate.path().join("open");
        let call = tokio::spawn(bridge.call::<u32>("waits", args! { path: path }));
        let busy = || bridge.workers().iter().any(|worker| worker.current.is_some()).then_some(());
        eventually("a busy worker", busy).await;
        Self { gate, call }
    }

    /// Its call ends well, in the process that it was in all the time.
    async fn ends_unharmed(self, bridge: &Bridge) -> Result<()> {
        let pids: Vec<u32> = bridge.workers().iter().map(|worker| worker.pid).collect();
        std::fs::write(self.gate.path().join("open"), "").unwrap();
        let pid = self.call.await.unwrap()?;
        assert!(pids.contains(&pid), "{pid} in {pids:?}");
        Ok(())
    }
}

// D4
#[tokio::test]
async fn standard_streams_may_be_closed_and_who_closes_everything_loses_its_worker() -> Result<()> {
    let bridge = two_workers().await?;
    let neighbour = Neighbour::of(&bridge).await;
    let before: u32 = bridge.call("pid", args! {}).await?;
    assert_eq!(bridge.call::<String>("closes", args! { first: 0, last: 3 }).await?, "closed");
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, before, "the worker stays");
    let error = bridge.execute("closes", args! { first: 0, last: 256 }).await.unwrap_err();
    let ErrorKind::WorkerLost { exit, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((*exit, error.executed()), (Exit::Code(74), Executed::Maybe), "the code for lost descriptors");
    assert_ne!(bridge.call::<u32>("pid", args! {}).await?, before);
    neighbour.ends_unharmed(&bridge).await?;
    bridge.shutdown().await
}

// D5
#[tokio::test]
async fn what_a_tool_writes_into_the_wire_costs_its_worker_and_nobody_elses_call() -> Result<()> {
    let bridge = two_workers().await?;
    let neighbour = Neighbour::of(&bridge).await;
    let before: u32 = bridge.call("pid", args! {}).await?;
    for garbage in [&[0xff; 64][..], b"Traceback (most recent call last):\n"] {
        let data = snakebridge::Value::Bytes(garbage.to_vec().into());
        let error = bridge.execute("disturbs_the_wire", args! { data: data }).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("protocol", Executed::Maybe), "{error}");
    }
    assert_ne!(bridge.call::<u32>("pid", args! {}).await?, before);
    neighbour.ends_unharmed(&bridge).await?;
    bridge.shutdown().await
}

// D6
#[tokio::test]
async fn a_tool_that_asks_the_terminal_gets_the_end_of_its_input() -> Result<()> {
    let bridge = unruly().workers(1).start().await?;
    let error = bridge.execute("asks", args! {}).timeout(Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(error.exception().map(|exception| exception.type_name.as_str()), Some("EOFError"), "{error}");
    bridge.shutdown().await
}

// D7, D9
#[tokio::test]
async fn of_a_fork_the_parent_answers_once_and_the_child_ends_in_silence() -> Result<()> {
    let bridge = unruly().workers(1).start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    for _ in 0..10 {
        let answer: snakebridge::Value = bridge.call("forks", args! {}).await?;
        assert_eq!((answer[0].as_str(), answer[1].as_i64()), (Some("the parent"), Some(0)));
        let exit: i64 = bridge.call("forks_with_something_unwritten", args! {}).await?;
        assert_eq!(exit, 0);
        // A second answer of the one before would be taken for that of the next, or end the worker as a breach.
        assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
    }
    assert_eq!(bridge.workers()[0].number, 1);
    bridge.shutdown().await
}

// D8
#[tokio::test]
async fn tools_have_other_processes_work_for_them_which_inherit_nothing_of_ours() -> Result<()> {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let links =
        links.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()?.into_os_string().into_string().ok());
    // What whoever runs the tests lets everybody have.
    let everybodys: Vec<String> = links.collect();
    let bridge = unruly().workers(1).start().await?;
    for how in ["fork", "spawn", "forkserver"] {
        assert_eq!(bridge.call::<Vec<u64>>("multiplies", args! { how: how }).await?, [0, 1, 4, 9, 16], "{how}");
    }
    let mut inherited: Vec<String> = bridge.call("inherited", args! {}).await?;
    inherited.retain(|link| !everybodys.contains(link));
    assert!(inherited.is_empty(), "{inherited:?}");
    bridge.shutdown().await
}

// D10
#[tokio::test]
async fn what_a_tool_leaves_behind_ends_with_its_worker_unless_it_is_a_daemon() -> Result<()> {
    let bridge = unruly().workers(1).start().await?;
    let child: u32 = bridge.call("outlives", args! { how: "child" }).await?;
    let daemon: u32 = bridge.call("outlives", args! { how: "daemon" }).await?;
    let worker: u32 = bridge.call("pid", args! {}).await?;
    bridge.shutdown().await?;
    eventually("the end of the worker and its child", || (!is_alive(worker) && !is_alive(child)).then_some(())).await;
    // As SECURITY.md says: what has left the group is found by nobody.
    assert!(is_alive(daemon));
    kill(daemon);
    Ok(())
}

/// The only process of a group.
struct OtherGroup(Child);

impl Drop for OtherGroup {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

// D13
#[tokio::test]
async fn a_worker_that_ignores_every_signal_still_ends() -> Result<()> {
    let bridge = unruly().workers(1).start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    assert_eq!(bridge.call::<String>("ignores_signals", args! {}).await?, "ignored");
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
    let resisting = bridge.execute("resists", args! {}).timeout(Duration::from_millis(300));
    assert_eq!(resisting.await.unwrap_err().code(), "deadline_exceeded");
    eventually("its end", || (!is_alive(pid)).then_some(())).await;
    assert_ne!(bridge.call::<u32>("pid", args! {}).await?, pid);
    bridge.shutdown().await
}

/// Why the next worker leaves.
async fn draining(events: &mut tokio::sync::broadcast::Receiver<Event>) -> (u64, String) {
    loop {
        if let Event::WorkerDraining { worker, reason, .. } = events.recv().await.unwrap() {
            return (worker, reason);
        }
    }
}

// D13
#[tokio::test]
async fn a_worker_that_leaves_its_group_is_found_out_and_replaced_and_is_killed_where_it_is() -> Result<()> {
    let bridge = unruly().workers(1).health_interval(Duration::from_millis(100)).start().await?;
    let mut events = bridge.events();
    // Not ours: in a container that is often one from outside, which no process inside can join.
    let other = OtherGroup(Command::new("sleep").arg("600").process_group(0).spawn().unwrap());
    let group = other.0.id();
    for (number, session) in [(1, false), (2, true)] {
        let moved: u32 = bridge.call("moves", args! { group: group, session: session }).await?;
        let (worker, reason) = draining(&mut events).await;
        assert_eq!(worker, number);
        assert!(reason.contains("left its process group"), "{reason}");
        eventually("its end", || (!is_alive(moved)).then_some(())).await;
        assert_ne!(bridge.call::<u32>("pid", args! {}).await?, moved);
    }
    bridge.shutdown().await?;

    // And while nobody has looked yet, the number of its process reaches it where its group does not.
    let bridge = unruly().workers(1).health_interval(Duration::from_secs(3600)).start().await?;
    let moved: u32 = bridge.call("moves", args! { group: group, session: false }).await?;
    let resisting = bridge.execute("resists", args! {}).timeout(Duration::from_millis(300));
    assert_eq!(resisting.await.unwrap_err().code(), "deadline_exceeded");
    eventually("its end", || (!is_alive(moved)).then_some(())).await;
    assert_ne!(bridge.call::<u32>("pid", args! {}).await?, moved);
    bridge.shutdown().await
}

// D14
#[tokio::test]
async fn traces_of_a_call_are_seen_by_later_ones_of_its_worker_and_by_none_of_another() -> Result<()> {
    let bridge = unruly().workers(1).start().await?;
    assert_eq!(bridge.call::<String>("leaves_traces", args! {}).await?, "/");
    let found: snakebridge::Value = bridge.call("finds_traces", args! {}).await?;
    assert_eq!((found[0].as_bool(), found[1].as_str(), found[2].as_bool()), (Some(true), Some("here"), Some(true)));
    bridge.recycle(1).await?;
    let found: snakebridge::Value = bridge.call("finds_traces", args! {}).await?;
    assert_eq!((found[1].as_str(), found[2].as_bool()), (None, Some(false)));
    bridge.shutdown().await
}

// D14
#[tokio::test]
async fn with_one_call_for_each_worker_no_call_sees_another_ones_traces() -> Result<()> {
    let bridge = unruly().workers(2).max_calls(1).queue_timeout(Duration::from_secs(300)).start().await?;
    let mut pids = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let (left, found, pid) = tokio::join!(
            bridge.call::<String>("leaves_traces", args! {}),
            bridge.call::<snakebridge::Value>("finds_traces", args! {}),
            bridge.call::<u32>("pid", args! {}),
        );
        assert_eq!((left?.as_str(), found?[1].as_str()), ("/", None));
        assert!(pids.insert(pid?), "each has a process of its own");
    }
    bridge.shutdown().await
}

// D16
#[tokio::test]
async fn what_is_allowed_and_rarely_done_disturbs_no_call() -> Result<()> {
    let bridge = unruly().workers(1).start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    for how in ["gc", "trace", "thread", "nice"] {
        assert_eq!(bridge.call::<String>("is_odd", args! { how: how }).await?, how);
        assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
        let answer: snakebridge::Value = bridge.call("forks", args! {}).await?;
        assert_eq!(answer[0].as_str(), Some("the parent"), "{how}");
    }
    bridge.shutdown().await
}

// M7
#[tokio::test]
async fn a_worker_that_leaks_descriptors_gets_an_os_error_in_its_tool_and_is_replaced() -> Result<()> {
    let bridge = unruly().workers(1).health_interval(Duration::from_millis(100)).start().await?;
    let mut events = bridge.events();
    let leaking = bridge.execute("leaks_descriptors", args! { limit: 256, number: 1000 });
    let exception = leaking.await.unwrap_err().exception().cloned().unwrap();
    assert_eq!(exception.type_name, "OSError");
    assert!(exception.message.contains("Too many open files"), "{}", exception.message);
    let (worker, reason) = draining(&mut events).await;
    assert!(worker == 1 && reason.contains("files open and may have 256"), "{reason}");
    eventually("the second worker alone", || {
        (bridge.workers().iter().map(|worker| worker.number).collect::<Vec<_>>() == [2]).then_some(())
    })
    .await;
    bridge.call::<u32>("leaks_descriptors", args! { limit: 256, number: 10 }).await?;
    bridge.shutdown().await
}
