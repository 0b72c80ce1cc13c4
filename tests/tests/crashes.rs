//! Workers that die: who is told what, who is served by another worker, and what the ledger says about it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use snakebridge::error::{Crash, ErrorKind, Executed, Exit};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{Ledger, eventually, is_alive, kill, python_folder};

#[tokio::test]
async fn a_thousand_calls_and_one_killed_worker_lose_exactly_what_it_had_started() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(4).start().await?;
    eventually("four workers", || (bridge.workers().len() == 4).then_some(())).await;
    let calls = (0..1000u64).map(|call| {
        let seconds = if call == 500 { 30.0 } else { 0.0005 };
        let answer = bridge.call::<u64>("work", args! { call: call, seconds: seconds });
        async move { (call, answer.await) }
    });
    let answers = tokio::spawn(snakebridge_tests::join_all(calls.collect::<Vec<_>>()));
    // Call 500 keeps its worker busy, so that the kill finds a worker that has started something for certain.
    let victim = ledger.noted(500).await.pid;
    kill(victim);
    let mut maybe = BTreeSet::new();
    let mut succeeded = BTreeSet::new();
    for (call, answer) in answers.await.unwrap() {
        match answer {
            Ok(square) => {
                assert_eq!(square, call * call);
                succeeded.insert(call);
            }
            Err(error) => {
                assert_eq!(error.executed(), Executed::Maybe, "{error}");
                let ErrorKind::WorkerLost { exit, .. } = error.kind() else { panic!("{error}") };
                assert_eq!(*exit, Exit::Signal(9));
                maybe.insert(call);
            }
        }
    }
    assert!(maybe.contains(&500));
    assert_eq!(maybe.len() + succeeded.len(), 1000);
    let entries = ledger.entries();
    let started_by_victim: BTreeSet<u64> =
        entries.iter().filter(|entry| entry.pid == victim).map(|entry| entry.call).collect();
    let unanswered: BTreeSet<u64> = started_by_victim.difference(&succeeded).copied().collect();
    assert_eq!(maybe, unanswered, "`maybe` is what the killed worker had started and not answered, and nothing else");
    assert!(ledger.runs().values().all(|&runs| runs == 1), "nothing ran twice");
    assert_eq!(ledger.runs().len(), 1000, "everything ran");
    eventually("the pool to be whole again", || (bridge.workers().len() == 4).then_some(())).await;
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_that_is_to_be_repeated_waits_anew_and_its_end_says_that_it_may_have_run() -> Result<()> {
    let (ledger, folder, patience) = (Ledger::new(), tempfile::TempDir::new().unwrap(), Duration::from_millis(300));
    // Workers get ready while the door is open.
    let door = folder.path().join("door");
    std::fs::write(&door, "").unwrap();
    let config = BTreeMap::from([("ledger", ledger.path()), ("door", door.clone())]);
    let builder = Bridge::builder().adapter("load_tools:LoadAdapter").python_path(python_folder()).config(&config);
    let bridge = builder.workers(1).queue_timeout(patience).start().await?;
    let arguments = args! { call: 1, gate: folder.path().join("gate").to_str().unwrap() };
    let call = tokio::spawn(bridge.call::<u64>("wait", arguments).idempotent().into_future());
    let worker = ledger.noted(1).await.pid;
    // It has run for longer than a call may wait.
    tokio::time::sleep(patience).await;
    std::fs::remove_file(&door).unwrap();
    let killed = Instant::now();
    kill(worker);
    let error = call.await.unwrap().unwrap_err();
    assert!(killed.elapsed() >= patience, "it waited for {:?}", killed.elapsed());
    assert_eq!((error.code(), error.executed(), error.attempts()), ("queue_timeout", Executed::Maybe, 1));
    assert_eq!(ledger.runs()[&1], 1);
    std::fs::write(&door, "").unwrap();
    bridge.shutdown().await
}

#[tokio::test]
async fn an_idempotent_call_is_repeated_by_another_worker_and_a_plain_one_is_not() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).start().await?;
    let mut events = bridge.events();
    // Declared by `@tool(idempotent=True)`; `.idempotent()` on a call does the same.
    let again = tokio::spawn(bridge.call::<u64>("work_again", args! { call: 7, seconds: 0.3 }));
    let worker = ledger.noted(7).await.pid;
    let killed = Instant::now();
    kill(worker);
    assert_eq!(again.await.unwrap()?, 49);
    // The pause is 100 ms, give or take a quarter.
    assert!(killed.elapsed() >= Duration::from_millis(300 + 75), "again after {:?}", killed.elapsed());
    assert_eq!(ledger.runs()[&7], 2);
    let repeated = std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
        Event::CallRepeated { tool, executed, attempts, .. } => Some((tool, executed, attempts)),
        _ => None,
    });
    assert_eq!(repeated, Some(("work_again".to_owned(), Executed::Maybe, 1)));

    let plain = tokio::spawn(bridge.call::<u64>("work", args! { call: 8, seconds: 30 }));
    kill(ledger.noted(8).await.pid);
    let error = plain.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed(), error.attempts()), ("worker_lost", Executed::Maybe, 1));
    assert_eq!(ledger.runs()[&8], 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn every_way_to_die_is_told_apart_and_the_pool_recovers() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let ways = [
        ("kill", Exit::Signal(9), Crash::Killed),
        ("segfault", Exit::Signal(11), Crash::Segfault),
        ("abort", Exit::Signal(6), Crash::Abort),
        ("illegal instruction", Exit::Signal(4), Crash::IllegalInstruction),
        ("endless recursion", Exit::Signal(11), Crash::Segfault),
        ("processor time", Exit::Signal(24), Crash::ProcessorTime),
        ("gpu", Exit::Signal(6), Crash::Gpu),
        ("_exit", Exit::Code(0), Crash::Exited),
    ];
    for (call, (how, expected, meaning)) in (0u64..).zip(ways) {
        let error = bridge.execute("ends", args! { call: call, how: how }).await.unwrap_err();
        let ErrorKind::WorkerLost { exit, crash, .. } = error.kind() else { panic!("{how}: {error}") };
        assert_eq!((*exit, *crash, error.executed()), (expected, meaning, Executed::Maybe), "{how}");
        // The next worker serves, and a call of that tool that goes well keeps its circuit closed.
        let call = 100 + call;
        assert_eq!(bridge.call::<String>("ends", args! { call: call, how: "nothing" }).await?, "nothing");
    }
    // No core of any of them was written: the limit for cores is one byte, which forbids those too that are piped.
    assert_eq!(bridge.call::<u64>("core_limit", args! {}).await?, 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn exceptions_that_end_programs_end_only_the_call() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    for (call, (how, name)) in (0u64..).zip([("sys.exit", "SystemExit"), ("keyboard", "KeyboardInterrupt")]) {
        let error = bridge.execute("ends", args! { call: call, how: how }).await.unwrap_err();
        assert_eq!(error.exception().map(|exception| exception.type_name.as_str()), Some(name), "{error}");
    }
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_delay_the_news_and_does_not_survive() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let error = bridge
        .execute("ends", args! { call: 1, how: "grandchild" })
        .timeout(Duration::from_secs(10))
        .await
        .unwrap_err();
    let ErrorKind::WorkerLost { exit, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(*exit, Exit::Code(9));
    let worker = ledger.noted(1).await.pid;
    eventually("the group to be gone", || members_of_group(worker).is_empty().then_some(())).await;
    bridge.shutdown().await
}

/// Processes of the group that `leader` led.
fn members_of_group(leader: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|&pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = status.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        // State, parent, group.
        is_alive(pid) && fields.get(2) == Some(&leader.to_string().as_str())
    })
    .collect()
}

#[tokio::test]
async fn a_worker_killed_while_idle_is_replaced_and_nobody_notices() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    for call in 0..5u64 {
        let pid: u32 = bridge.call("pid", args! {}).await?;
        kill(pid);
        // Sent to a dying worker or to its successor: it never ran on the dead one, so it is served.
        assert_eq!(bridge.call::<u64>("work", args! { call: call }).await?, call * call);
        assert_eq!(ledger.runs()[&call], 1);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn dropping_the_last_bridge_ends_the_workers() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let pids: Vec<u32> = bridge.workers().iter().map(|worker| worker.pid).collect();
    let kept = bridge.clone();
    drop(bridge);
    assert_eq!(kept.call::<u64>("echo", args! { value: 1 }).await?, 1);
    drop(kept);
    for pid in pids {
        eventually("the worker to end", || (!is_alive(pid)).then_some(())).await;
    }
    Ok(())
}

#[test]
fn dropping_a_bridge_after_its_runtime_ends_the_workers_without_a_panic() {
    let ledger = Ledger::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bridge = runtime.block_on(ledger.tools().workers(1).start()).unwrap();
    let pid = bridge.workers()[0].pid;
    drop(runtime);
    drop(bridge);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(eventually("the worker to end", || (!is_alive(pid)).then_some(())));
    runtime.block_on(eventually("the zombie to be reaped", || (!exists(pid)).then_some(())));
}

/// Whether the system still knows a process, be it as a zombie.
fn exists(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_bridge_whose_runtime_is_gone_answers_every_call_with_an_error() {
    let ledger = Ledger::new();
    let first = tokio::runtime::Runtime::new().unwrap();
    let bridge = first.block_on(ledger.tools().workers(1).start()).unwrap();
    let pid = bridge.workers()[0].pid;
    let mut running = Box::pin(bridge.execute("hangs", args! { call: 1, how: "sleep", seconds: 60 }));
    first.block_on(async {
        tokio::select! {
            answer = &mut running => panic!("{answer:?}"),
            _ = ledger.noted(1) => {}
        }
    });
    drop(first);
    let second = tokio::runtime::Runtime::new().unwrap();
    let error = second.block_on(running).unwrap_err();
    assert_eq!((error.code(), error.executed()), ("shutting_down", Executed::Maybe));
    let error = second.block_on(bridge.execute("pid", args! {})).unwrap_err();
    assert_eq!((error.code(), error.executed()), ("shutting_down", Executed::Never));
    second.block_on(bridge.shutdown()).unwrap();
    second.block_on(eventually("the zombie to be reaped", || (!exists(pid)).then_some(())));
}

#[tokio::test]
async fn the_last_words_of_a_worker_are_in_the_error() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    bridge.execute("noisy", args! { text: "the last words" }).await?;
    let error = bridge.execute("ends", args! { call: 1, how: "kill" }).await.unwrap_err();
    let ErrorKind::WorkerLost { stderr_tail, .. } = error.kind() else { panic!("{error}") };
    assert!(stderr_tail.contains("the last words\n") && stderr_tail.contains("from C\n"), "{stderr_tail}");
    assert!(error.to_string().contains("signal 9 (SIGKILL)"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_does_not_end_when_told_to_is_ended() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let pid: u32 = bridge.call("linger", args! {}).await?;
    bridge.shutdown().await?;
    assert!(!is_alive(pid));
    Ok(())
}

// B14
#[tokio::test]
async fn a_stopped_worker_costs_its_call_the_deadline_and_then_itself() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let timeout = Duration::from_millis(500);
    let call = tokio::spawn(bridge.call::<u64>("work", args! { call: 1, seconds: 30 }).timeout(timeout));
    let stopped = ledger.noted(1).await.pid;
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(stopped.try_into().unwrap()).unwrap(),
        rustix::process::Signal::STOP,
    )
    .unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
    let successor: u32 = bridge.call("pid", args! {}).await?;
    assert_ne!(successor, stopped);
    eventually("the stopped worker's end", || (!is_alive(stopped)).then_some(())).await;
    bridge.shutdown().await
}
