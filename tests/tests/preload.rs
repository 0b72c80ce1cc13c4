//! Workers that are forked from a template.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::Deserialize;
use snakebridge::Builder;
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::{eventually, is_alive, join_all, kill, python_folder};

#[derive(Debug, Deserialize)]
struct Whereabouts {
    pid: u32,
    parent: u32,
    imported_by: u32,
    group: u32,
    calls: u32,
}

fn preloaded() -> Builder {
    Bridge::builder().adapter("preloaded_tools:PreloadedAdapter").python_path(python_folder()).preload(true)
}

async fn whereabouts(bridge: &Bridge) -> Result<Whereabouts> {
    bridge.call("whereabouts", args! {}).await
}

#[tokio::test]
async fn twenty_workers_are_ready_for_the_price_of_one_import_and_are_processes_of_their_own() -> Result<()> {
    let begun = Instant::now();
    let bridge = preloaded().workers(20).start().await?;
    eventually("twenty workers", || (bridge.workers().len() == 20).then_some(())).await;
    let took = begun.elapsed();
    println!("twenty workers after {took:?}; by themselves they would import for 10 s of processor time");
    let calls = (0..20).map(|_| bridge.call::<u32>("work", args! { seconds: 0.2 }));
    let pids: BTreeSet<u32> = join_all(calls).await.into_iter().collect::<Result<_>>()?;
    assert_eq!(pids, bridge.workers().iter().map(|worker| worker.pid).collect());
    let here = whereabouts(&bridge).await?;
    assert_eq!((here.parent, here.group), (here.imported_by, here.pid), "of the template, and the leader of its group");
    assert!(here.pid != here.imported_by && here.parent != std::process::id());
    bridge.shutdown().await?;
    eventually("all of them to be gone", || pids.iter().all(|&pid| !is_alive(pid)).then_some(())).await;
    eventually("the template too", || (!is_alive(here.parent)).then_some(())).await;
    Ok(())
}

#[tokio::test]
async fn workers_share_nothing_that_one_of_them_changes() -> Result<()> {
    let bridge = preloaded().workers(2).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let both = join_all((0..2).map(|_| bridge.call::<f64>("draw", args! {}))).await;
    let drawn: Vec<f64> = both.into_iter().collect::<Result<_>>()?;
    assert_ne!(drawn[0].to_bits(), drawn[1].to_bits(), "each has random numbers of its own");
    let mut counts = Vec::new();
    for _ in 0..4 {
        counts.push(whereabouts(&bridge).await?.calls);
    }
    // Whoever was asked: nobody counted what another one did.
    assert!(counts.iter().max() <= Some(&4), "{counts:?}");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_forked_worker_that_dies_is_noticed_with_its_status_and_replaced_by_another_fork() -> Result<()> {
    let bridge = preloaded().workers(1).start().await?;
    let before = whereabouts(&bridge).await?;
    let call = tokio::spawn(bridge.call::<u32>("work", args! { seconds: 30.0 }));
    eventually("the call to run", || bridge.workers()[0].current.clone()).await;
    kill(before.pid);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed()), ("worker_lost", Executed::Maybe));
    assert!(error.to_string().contains("signal 9"), "{error}");
    let after = whereabouts(&bridge).await?;
    assert_eq!((after.parent, after.calls), (before.parent, 1), "of the same template, and new");
    assert_ne!(after.pid, before.pid);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_template_that_dies_takes_its_workers_along_and_another_one_is_made() -> Result<()> {
    let bridge = preloaded().workers(2).start().await?;
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let (before, workers) = (whereabouts(&bridge).await?, bridge.workers());
    kill(before.parent);
    for worker in workers {
        eventually("the worker to die with it", || (!is_alive(worker.pid)).then_some(())).await;
    }
    let call = bridge.call::<Whereabouts>("whereabouts", args! {}).idempotent().timeout(Duration::from_secs(20));
    assert_ne!(call.await?.parent, before.parent);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_module_that_starts_threads_is_not_forked() {
    let builder = Bridge::builder().adapter("threaded_import").python_path(python_folder());
    let error = builder.preload(true).start().await.unwrap_err();
    assert!(error.is_permanent(), "{error}");
    for part in ["`.preload(true)` of `threaded_import`", "2 threads", "leave it out"] {
        assert!(error.to_string().contains(part), "`{part}` in: {error}");
    }
}

#[tokio::test]
async fn a_module_that_cannot_be_imported_is_told_as_without_a_template() {
    let refused = async |preload| {
        let builder = Bridge::builder().adapter("no_such_module").python_path(python_folder());
        builder.preload(preload).start().await.unwrap_err()
    };
    let (with, without) = (refused(true).await, refused(false).await);
    assert!(with.is_permanent() && without.is_permanent());
    let head = |error: &Error| error.to_string().lines().next().unwrap().to_owned();
    assert_eq!(head(&with), head(&without));
}

#[tokio::test]
async fn starts_that_are_given_up_leave_no_process_behind() -> Result<()> {
    for millis in [100, 560, 580, 600, 620, 640] {
        drop(tokio::time::timeout(Duration::from_millis(millis), preloaded().workers(3).start()).await);
    }
    let this = std::process::id().to_string();
    let children = || {
        let pids =
            std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|&pid: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let parent = status.rsplit(')').next().unwrap_or_default().split_whitespace().nth(1).map(str::to_owned);
            parent.as_deref() == Some(&this) && command.contains("snakebridge.template") && is_alive(pid)
        })
        .count()
    };
    // Other tests of this program have templates too: all of them are gone in the end.
    eventually("all templates to be gone", || (children() == 0).then_some(())).await;
    Ok(())
}
