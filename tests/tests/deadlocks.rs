//! Waits that could never end are refused when they begin, row I8 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use snakebridge::prelude::*;
use snakebridge_tests::python_folder;
use tokio::sync::Barrier;

#[python_tool(adapter = "deadlock_tools:DeadlockAdapter", timeout = "60s")]
trait Deadlocks {
    #[py(session = "exclusive")]
    async fn visit(&self, path: &[&str]) -> Result<Vec<String>>;

    async fn work(&self, depth: u32) -> Result<u32>;
}

/// Lets as many chains as it is for come to the same point, the first time that each comes.
struct Meeting {
    barrier: Barrier,
    /// How many are still to come.
    expected: AtomicUsize,
}

impl Meeting {
    fn of(chains: usize) -> Self {
        Self { barrier: Barrier::new(chains), expected: AtomicUsize::new(chains) }
    }

    async fn meet(&self) {
        if self.expected.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            self.barrier.wait().await;
        }
    }
}

/// Visits the next session of the path, and those behind it.
#[tool]
async fn visit_next(context: &ToolContext, #[py(state)] meeting: &Meeting, path: Vec<String>) -> Result<Vec<String>> {
    meeting.meet().await;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    DeadlocksClient::new(context).visit(&path[1..]).session(path[0]).await
}

/// Holds one of two places, and asks for another one deeper down.
#[tool(max_concurrency = 2)]
async fn in_place(context: &ToolContext, #[py(state)] meeting: &Meeting, depth: u32) -> Result<u32> {
    meeting.meet().await;
    match depth {
        0 => Ok(1),
        depth => DeadlocksClient::new(context).work(depth - 1).await,
    }
}

async fn bridge(workers: usize, meeting: Meeting) -> Result<Bridge> {
    let builder = Bridge::builder().client::<DeadlocksClient>().python_path(python_folder()).workers(workers);
    let bridge = builder.state(meeting).tools(tools![visit_next, in_place]).start().await?;
    while bridge.workers().len() < workers {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(bridge)
}

#[tokio::test]
async fn of_two_chains_that_want_each_others_session_one_is_refused_at_once_and_the_other_goes_on() -> Result<()> {
    let bridge = bridge(2, Meeting::of(2)).await?;
    let (one, other) = (bridge.session("one").await?, bridge.session("other").await?);
    let (from_one, from_other) = (DeadlocksClient::new(&one), DeadlocksClient::new(&other));
    let begun = Instant::now();
    let outcomes = join_all([from_one.visit(&["other"]), from_other.visit(&["one"])]).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "nobody waited for a deadline");
    let refused: Vec<String> =
        outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().err()?.to_string())).collect();
    assert_eq!(refused.len(), 1, "{outcomes:?}");
    assert!(refused[0].contains("would_deadlock") && refused[0].contains("waits, in the end"), "{refused:?}");
    // Both sessions are free again.
    assert_eq!(from_one.visit(&["other"]).await?, ["one", "other"]);
    assert_eq!(from_other.visit(&["one"]).await?, ["other", "one"]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_chain_comes_back_to_its_own_session_without_waiting_for_itself() -> Result<()> {
    let bridge = bridge(1, Meeting::of(1)).await?;
    let session = bridge.session("one").await?;
    let visited = DeadlocksClient::new(&session).visit(&["one", "one", "one"]).await?;
    assert_eq!(visited, ["one"; 4]);
    bridge.shutdown().await
}

#[tokio::test]
async fn of_chains_that_hold_all_places_of_a_tool_and_each_want_another_one_is_refused_and_the_others_go_on()
-> Result<()> {
    let bridge = bridge(2, Meeting::of(2)).await?;
    let client = bridge.client::<DeadlocksClient>()?;
    let outcomes = join_all([client.work(1), client.work(1)]).await;
    let refused: Vec<String> =
        outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().err()?.to_string())).collect();
    assert_eq!(refused.len(), 1, "{outcomes:?}");
    assert!(refused[0].contains("a place in tool `in_place`"), "{refused:?}");
    // One alone has a place for each of its two steps.
    assert_eq!(client.work(1).await?, 2);
    // And three steps need one more than there are, whoever else is there.
    let error = client.work(2).await.unwrap_err();
    assert!(error.to_string().contains("would_deadlock"), "{error}");
    bridge.shutdown().await
}
