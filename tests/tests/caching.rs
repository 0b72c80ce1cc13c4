//! Results that are kept for calls with the same arguments.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::body::Input;
use snakebridge::client::{AsCaller, ToolDeclaration};
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::{Ledger, python_folder};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_result_that_is_kept_is_not_computed_again() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let notes = |call: u64| bridge.call::<u64>("notes", args! { call: call });
    assert_eq!((notes(1).cache(HOUR).await?, notes(1).cache(HOUR).await?), (1, 1));
    assert_eq!(notes(2).cache(HOUR).await?, 2);
    assert_eq!(ledger.runs(), BTreeMap::from([(1, 1), (2, 1)]));
    notes(1).await?;
    notes(1).cache(HOUR).no_cache().await?;
    assert_eq!(ledger.runs()[&1], 3, "who does not ask for it runs");
    let statistics = bridge.cache_statistics();
    assert_eq!((statistics.hits, statistics.misses, statistics.entries), (1, 2, 2));
    bridge.shutdown().await
}

#[tokio::test]
async fn what_may_make_a_difference_is_kept_apart() -> Result<()> {
    let ledger = Ledger::new();
    let second = |pool: snakebridge::PoolBuilder| {
        let config = BTreeMap::from([("ledger", ledger.path())]);
        pool.adapter("option_tools:OptionAdapter").python_path(python_folder()).config(&config).workers(1)
    };
    let bridge = ledger.options().workers(1).pool("second", second).create_sessions().start().await?;
    let context = || bridge.execute("context", args! {}).cache(HOUR);
    let plain = context().await?;
    assert_ne!(context().session("s").await?, plain);
    assert_ne!(context().session("t").await?, context().session("s").await?);
    assert_ne!(context().metadata("tenant", "a").await?, context().metadata("tenant", "b").await?);
    let pid = |pool: &str| bridge.call::<u32>("pid", args! {}).cache(HOUR).pool(pool);
    assert_ne!(pid("default").await?, pid("second").await?);
    assert_eq!(context().await?, plain);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_session_has_nothing_of_one_that_had_its_id_before() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let notes = || bridge.call::<u64>("notes", args! { call: 1 }).cache(HOUR);
    let session = bridge.session("s").await?;
    notes().session(&session).await?;
    notes().session("s").await?;
    assert_eq!(ledger.runs()[&1], 1, "it is the same one");
    session.close().await?;
    assert_eq!(notes().session(&session).await.unwrap_err().code(), "session_expired");
    assert_eq!(notes().session("s").await.unwrap_err().code(), "session_not_found");
    notes().session(&bridge.session("s").await?).await?;
    assert_eq!(ledger.runs()[&1], 2);
    bridge.shutdown().await
}

#[tokio::test]
async fn errors_are_not_kept() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    for _ in 0..2 {
        bridge.execute("notes_and_raises", args! { call: 1 }).cache(HOUR).await.unwrap_err();
    }
    assert_eq!(ledger.runs()[&1], 2);
    bridge.shutdown().await
}

#[tokio::test]
async fn the_builder_bounds_what_is_kept() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).cache_entries(2).cache_bytes(1000).start().await?;
    let notes = |call: u64| bridge.call::<u64>("notes", args! { call: call }).cache(HOUR);
    for call in [1, 2, 3, 1] {
        notes(call).await?;
    }
    assert_eq!(ledger.runs()[&1], 2, "it had to go for the third");
    let statistics = bridge.cache_statistics();
    assert_eq!((statistics.evicted, statistics.entries), (2, 2));
    for _ in 0..2 {
        bridge.execute("echo_bytes", args! { data: Bytes::from(vec![0; 1000]) }).cache(HOUR).await?;
    }
    assert_eq!(bridge.cache_statistics().hits, 0, "too large to be kept");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_declaration_may_say_it_and_streams_are_never_kept() -> Result<()> {
    const NOTES: ToolDeclaration = ToolDeclaration::call("notes").cache(HOUR);
    const STREAMS: ToolDeclaration = ToolDeclaration::stream("streams").cache(HOUR);
    let ledger = Ledger::new();
    let bridge = ledger.options().workers(1).start().await?;
    let caller = bridge.caller();
    for _ in 0..2 {
        assert_eq!(caller.call::<u64, Error>(&NOTES, args! { call: 1 }).await?, 1);
    }
    assert_eq!(ledger.runs()[&1], 1);
    let arguments = args! { n: 1, size: 1, ended: 2, whole: 3 };
    let error = caller.stream::<Bytes, Error>(&STREAMS, arguments).next().await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{error}");
    let input = Input::new(futures::stream::iter([1_u64]));
    let error = bridge.execute("notes", args! { call: input }).cache(HOUR).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{error}");
    bridge.shutdown().await
}
