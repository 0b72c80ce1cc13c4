//! Workers that die again and again: the pool stops starting them, says so at once, and comes back by itself. Rows K7, L1
//! and L2 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{Duration, Instant};

use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{eventually, kill};

/// Workers that die 10 ms after they are ready, for as long as `file` is there.
fn mortal(file: &std::path::Path) -> snakebridge::Builder {
    Bridge::builder()
        .python(env!("CARGO_BIN_EXE_hostile_worker"))
        .adapter("lies")
        .env("LIE", format!("dies at once while there is {}", file.display()))
}

fn honest(bridge: &Bridge) -> Call<i64> {
    bridge.call("honest", args! {})
}

// L1, L2
#[tokio::test]
async fn a_pool_whose_workers_die_at_once_says_so_at_once_and_comes_back_by_itself() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let plague = folder.path().join("plague");
    let bridge = mortal(&plague).workers(4).start().await?;
    eventually("four workers", || (bridge.workers().len() == 4).then_some(())).await;
    assert_eq!(honest(&bridge).await?, 7);
    std::fs::write(&plague, "").unwrap();
    let mut events = bridge.events();
    for worker in bridge.workers() {
        kill(worker.pid);
    }
    let mut started = 0;
    let pause = loop {
        match events.recv().await.unwrap() {
            // On a busy machine some die before they are heard of.
            Event::WorkerReady { .. } | Event::StartFailed { .. } => started += 1,
            Event::CircuitOpened { tool: None, retry_after } => break retry_after,
            _ => {}
        }
    };
    let opened = Instant::now();
    assert!(started >= 10 - 4, "{started} were started");
    // Those that were being started may still come, and die.
    let error = loop {
        match honest(&bridge).await {
            Err(error) if error.code() == "circuit_open" => break error,
            other => assert!(opened.elapsed() < pause / 2, "{other:?}"),
        }
    };
    let &ErrorKind::CircuitOpen { retry_after } = error.kind() else { panic!("{error}") };
    assert!(retry_after <= pause && retry_after > pause / 2, "{retry_after:?} of {pause:?}");
    assert_eq!((error.executed(), error.is_retryable()), (Executed::Never, true));

    // Nothing else is started for as long as that, but for those that were being started.
    let mut stragglers = 0;
    while let Ok(event) = tokio::time::timeout_at((opened + pause * 4 / 5).into(), events.recv()).await {
        stragglers += u32::from(matches!(event.unwrap(), Event::WorkerReady { .. } | Event::StartFailed { .. }));
    }
    assert!(stragglers <= 3, "{stragglers} were started");
    std::fs::remove_file(&plague).unwrap();
    while !matches!(events.recv().await.unwrap(), Event::WorkerReady { .. }) {}
    assert!(opened.elapsed() >= pause * 9 / 10, "{:?} of {pause:?}", opened.elapsed());
    assert_eq!(honest(&bridge).await?, 7, "the probe serves");
    eventually("all to be back", || (bridge.workers().len() == 4).then_some(())).await;
    assert!(std::iter::from_fn(|| events.try_recv().ok()).any(|event| event == Event::CircuitClosed { tool: None }));
    bridge.shutdown().await
}

// K7
#[tokio::test]
async fn calls_that_wait_when_a_pool_gives_up_are_told_and_never_ran() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let plague = folder.path().join("plague");
    let gate = folder.path().join("gate");
    let bridge = mortal(&plague).env("GATE", &gate).workers(2).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    // Both are busy, and others wait.
    let call = || tokio::spawn(bridge.call::<i64>("slow", args! {}).into_future());
    let running = [call(), call()];
    eventually("both to be busy", || bridge.workers().iter().all(|worker| worker.in_flight == 1).then_some(())).await;
    let waiting: Vec<_> = (0..50).map(|_| call()).collect();
    std::fs::write(&plague, "").unwrap();
    let begun = Instant::now();
    for worker in bridge.workers() {
        kill(worker.pid);
    }
    for call in running {
        assert_eq!(call.await.unwrap().unwrap_err().executed(), Executed::Maybe);
    }
    let mut refused = 0;
    for call in waiting {
        let error = call.await.unwrap().unwrap_err();
        match error.code() {
            "circuit_open" => refused += 1,
            // It was given to one that died of its start.
            code => assert_eq!((code, error.executed()), ("worker_lost", Executed::Maybe), "{error}"),
        }
    }
    assert!(refused >= 30, "{refused} of 50 were told");
    // The arguments, which are the same, and the tool are not held to what they had no part in.
    std::fs::remove_file(&plague).unwrap();
    std::fs::write(&gate, "").unwrap();
    let answer = loop {
        match call().await.unwrap() {
            Err(error) if error.code() == "circuit_open" => tokio::time::sleep(Duration::from_millis(20)).await,
            answer => break answer?,
        }
    };
    assert_eq!(answer, 7);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    bridge.shutdown().await
}
