//! A machine that has no room for another worker: no process, no descriptor. Calls wait, and are told what was missing. A
//! program of its own, because it changes what its process may. Rows A15 and A16 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, getuid, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities, set_thread_res_uid};
use snakebridge::error::{ErrorKind, Executed, StartFailure};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{Ledger, eventually, kill};

/// Has the kernel count the processes of this thread, and of those that it starts. It does not for root, who therefore goes
/// on under another real number and without the right to be above all limits.
fn be_counted() {
    const NOBODY: u32 = 65534;
    if getuid().is_root() {
        let root = rustix::process::Uid::ROOT;
        set_thread_res_uid(rustix::process::Uid::from_raw(NOBODY), root, root).unwrap();
        let mut mine = capabilities(None).unwrap();
        mine.effective.remove(CapabilitySet::SYS_RESOURCE | CapabilitySet::SYS_ADMIN);
        set_capabilities(None, mine).unwrap();
    }
}

fn set(resource: Resource, current: Option<u64>) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current, maximum }).unwrap();
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

// A15, A16. One test: limits are the process's.
#[tokio::test]
async fn without_room_for_a_worker_the_others_serve_and_calls_wait_and_are_told_what_is_missing() -> Result<()> {
    be_counted();
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(2).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let descriptors = open_descriptors();
    // No process beyond those that there are; no descriptor beyond 0, 1 and 2.
    for (resource, least, expected) in [(Resource::Nproc, 0, Errno::AGAIN), (Resource::Nofile, 3, Errno::MFILE)] {
        let limit = getrlimit(resource).current;
        let mut events = bridge.events();
        let [first, second] = &bridge.workers()[..] else { panic!("two workers") };
        set(resource, Some(least));
        kill(first.pid);
        let (error, retry_in) = loop {
            if let Event::StartFailed { error, retry_in, .. } = events.recv().await.unwrap() {
                break (error, retry_in);
            }
        };
        assert!(retry_in.is_some() && error.contains("cannot start"), "{error}");
        assert_eq!(bridge.call::<u32>("pid", args! {}).await?, second.pid, "the other one serves");

        kill(second.pid);
        let waiting = tokio::spawn(bridge.call::<u32>("pid", args! {}).timeout(Duration::from_secs(100)));
        let begun = std::time::Instant::now();
        let error = loop {
            // One that was sent before the end of the second is answered by it, or by its end.
            match bridge.call::<u32>("pid", args! {}).timeout(Duration::from_secs(1)).await {
                Ok(pid) => assert_eq!(pid, second.pid),
                Err(error) if error.code() == "worker_lost" => {}
                Err(error) => break error,
            }
        };
        let ErrorKind::Resource { source, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(source.raw_os_error(), Some(expected.raw_os_error()), "{error}");
        assert_eq!((error.executed(), error.is_retryable()), (Executed::Never, true));
        assert!(begun.elapsed() >= Duration::from_secs(1), "it waited for its deadline");
        assert!(!waiting.is_finished());

        set(resource, limit);
        assert!(waiting.await.unwrap().is_ok(), "and is served when there is room again");
        eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
        eventually("as many descriptors as before", || (open_descriptors() <= descriptors).then_some(())).await;
    }

    // What is known before the first worker is said before it.
    let limit = getrlimit(Resource::Nofile).current;
    set(Resource::Nofile, Some(256));
    let error = ledger.tools().workers(64).start().await.unwrap_err();
    set(Resource::Nofile, limit);
    let ErrorKind::StartFailed { why, message } = error.kind() else { panic!("{error}") };
    assert_eq!(*why, StartFailure::Configuration);
    assert!(message.contains("64 workers need 384 open files") && message.contains("may have 256"), "{message}");
    bridge.shutdown().await
}
