//! That sessions which have come and gone leave nothing behind. Alone in its process: memory is the whole process's.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::session::SessionConfig;
use snakebridge_tests::{eventually, host_memory, showcase};

#[tokio::test]
async fn sessions_that_come_and_go_leave_the_memory_as_it_was() -> Result<()> {
    // All million with SNAKEBRIDGE_SESSIONS=1000000.
    let number = std::env::var("SNAKEBRIDGE_SESSIONS").map_or(20_000, |number| number.parse().unwrap());
    // So many at once that the bound is reached in any build: the most memory that they take is the same in each round.
    let (ttl, max_sessions) = (Duration::from_millis(50), 2000);
    let bridge =
        showcase().workers(1).sessions(SessionConfig { ttl, max_sessions, ..Default::default() }).start().await?;
    let come_and_go = async |count: usize| {
        for index in 0..count {
            // What has expired makes room, and else it is waited for.
            let session = loop {
                match bridge.session(index.to_string()).await {
                    Ok(session) => break session,
                    Err(error) => {
                        assert_eq!(error.code(), "session_quota");
                        tokio::task::yield_now().await;
                    }
                }
            };
            // On a busy machine it may be over by now.
            if let Err(error) = session.state().set("key", &"x".repeat(64)).await {
                assert_eq!(error.code(), "session_expired");
            }
        }
        eventually("all to expire", || bridge.sessions().is_empty().then_some(())).await;
    };
    come_and_go(20_000).await;
    let before = host_memory("VmRSS");
    come_and_go(number).await;
    let after = host_memory("VmRSS");
    println!("{before} KiB before, {after} KiB after {number} sessions");
    // This process is so small that what the allocator keeps for the next time is more than 5 % of it. So much it may; it would
    // be 200 bytes of each session in the gate, and four of each of a million.
    let allowed = (before / 20).max(4 << 10);
    assert!(after.saturating_sub(before) < allowed, "{before} KiB before, {after} KiB after");
    bridge.shutdown().await
}
