//! Sessions that live on when their host ends, in whatever way it does.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::session::{RedbStore, SessionConfig};
use snakebridge_tests::{Ledger, kill, showcase};

async fn open(path: &Path) -> Result<Bridge> {
    showcase().workers(1).session_store(RedbStore::open(path)?).start().await
}

/// The last acknowledged number and version of each key of each session.
type Acknowledged = BTreeMap<(String, String), (u64, u64)>;

/// Lets a host write until it has told of so many writes, and kills it while it goes on.
fn written_by_a_doomed_host(path: &Path, ledger: &Ledger, writes: usize) -> Acknowledged {
    let mut host = Command::new(env!("CARGO_BIN_EXE_doomed_writer"))
        .args([path, &ledger.path()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Acknowledged::new();
    let mut note = |line: &str| {
        let [session, key, number, version] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        acknowledged.insert((session.into(), key.into()), (number.parse().unwrap(), version.parse().unwrap()));
    };
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    lines.by_ref().take(writes).for_each(|line| note(&line.unwrap()));
    kill(host.id());
    host.wait().unwrap();
    // What it had told before it died counts, too; nothing was told by halves.
    lines.map_while(Result::ok).for_each(|line| note(&line));
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_is_there_when_the_host_was_killed_in_the_middle_of_writing() -> Result<()> {
    let ledger = Ledger::new();
    let path = ledger.path().with_extension("redb");
    for round in 1..=3_u64 {
        let acknowledged = written_by_a_doomed_host(&path, &ledger, 150);
        let bridge = open(&path).await?;
        assert_eq!(bridge.sessions().len(), 4);
        for ((session, key), (number, version)) in &acknowledged {
            let session = bridge.session(session).await?;
            let (stored, value) = session.state().get_versioned::<u64>(key).await?.unwrap();
            // The write after the acknowledged one may have been stored without anybody having heard of it.
            let next = stored == version + 1 && value == number + 3;
            assert!((stored, value) == (*version, *number) || next, "{key}: {stored} {value}, {version} {number} told");
            assert_eq!(session.metadata().await?.len(), 1);
        }
        // Over all rounds: the writers begin anew, and versions go on.
        assert!(acknowledged.values().all(|(number, version)| *version > number / 3 + (round - 1)), "{acknowledged:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_session_goes_on_in_the_next_host_with_the_time_that_it_had_left() -> Result<()> {
    let ledger = Ledger::new();
    let path = ledger.path().with_extension("redb");
    let bridge = open(&path).await?;
    let (kept, closed) = (bridge.session("kept").await?, bridge.session("closed").await?);
    kept.state().set("key", "value").await?;
    kept.state().set("deleted", "value").await?;
    kept.state().delete("deleted").await?;
    closed.close().await?;
    let created = bridge.sessions()[0].created;
    bridge.shutdown().await?;
    assert_eq!(kept.state().get::<String>("key").await.unwrap_err().code(), "shutting_down");
    let bridge = open(&path).await?;
    let [info] = &bridge.sessions()[..] else { panic!("one is left") };
    assert_eq!((info.id.as_str(), info.keys, info.last_worker), ("kept", 1, None));
    let off = info.created.duration_since(created).unwrap_or_else(|error| error.duration());
    assert!(off < Duration::from_millis(2), "{off:?}");
    let left = info.expires_in.unwrap();
    assert!(left < Duration::from_secs(3600) && left > Duration::from_secs(3500), "{left:?}");
    let session = bridge.session("kept").await?;
    assert_eq!(session.state().get_versioned::<String>("key").await?, Some((1, "value".to_owned())));
    assert_eq!(session.state().set("deleted", "again").await?, 2);
    bridge.shutdown().await?;
    // What it has been down for counts.
    tokio::time::sleep(Duration::from_millis(10)).await;
    let ttl = Duration::from_millis(5);
    let builder = showcase().workers(1).sessions(SessionConfig { ttl, ..Default::default() });
    let bridge = builder.session_store(RedbStore::open(&path)?).start().await?;
    assert!(bridge.sessions().is_empty());
    bridge.shutdown().await
}

#[tokio::test]
async fn a_store_is_one_bridges_at_a_time() -> Result<()> {
    let ledger = Ledger::new();
    let path = ledger.path().with_extension("redb");
    let bridge = open(&path).await?;
    let error = open(&path).await.unwrap_err();
    assert!(error.code() == "resource" && error.to_string().contains(path.to_str().unwrap()), "{error}");
    bridge.shutdown().await?;
    open(&path).await?.shutdown().await
}
