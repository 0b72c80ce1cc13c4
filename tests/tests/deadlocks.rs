//! Waits that could never end are refused when they begin, row I8 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde::de::DeserializeOwned;
use snakebridge::prelude::*;
use snakebridge_tests::python_folder;
use tokio::sync::Barrier;

#[python_tool(adapter = "deadlock_tools:DeadlockAdapter", timeout = "60s")]
trait Deadlocks {
    #[py(session = "exclusive")]
    async fn visit(&self, path: &[&str]) -> Result<Vec<String>>;

    async fn work(&self, depth: u32) -> Result<u32>;

    async fn cross(&self, path: &[&str]) -> Result<u32>;

    async fn share(&self, path: &[&str]) -> Result<u32>;

    #[py(session = "exclusive")]
    async fn meet_and_enter(&self) -> Result<Vec<String>>;

    async fn enter_and_visit(&self, path: &[&str]) -> Result<Vec<String>>;
}

/// How long the calls here may wait. Nobody does.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What nobody needs who does not wait.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Makes calls at the same time. One of them is refused, at once and with the code that Python sees, and the others go on:
/// returns what it was told, and what they returned.
async fn one_refused<T: std::fmt::Debug + DeserializeOwned>(
    calls: impl IntoIterator<Item = Call<T>>,
) -> (String, Vec<T>) {
    let begun = Instant::now();
    let outcomes = join_all(calls).await;
    assert!(begun.elapsed() < AT_ONCE, "somebody waited: {outcomes:?}");
    let (gone_on, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let refused: Vec<String> = refused.into_iter().map(|outcome| outcome.unwrap_err().to_string()).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("Python saw would_deadlock: "), "{refused:?}");
    assert!(refused[0].contains("waits, in the end"), "{refused:?}");
    (refused[0].clone(), gone_on.into_iter().map(Result::unwrap).collect())
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

/// Crosses over to the next pool of the path, and those behind it.
#[tool]
async fn cross_next(context: &ToolContext, #[py(state)] meeting: &Meeting, path: Vec<String>) -> Result<u32> {
    meeting.meet().await;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    DeadlocksClient::new(context).cross(&path[1..]).pool(path[0]).await
}

/// Has a key of the next pool of the path, and those behind it.
#[tool]
async fn share_next(context: &ToolContext, #[py(state)] meeting: &Meeting, path: Vec<String>) -> Result<u32> {
    meeting.meet().await;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    DeadlocksClient::new(context).share(&path[1..]).pool(path[0]).await
}

#[tool]
async fn meet(#[py(state)] meeting: &Meeting) {
    meeting.meet().await;
}

/// Holds the only place, and visits a session from there.
#[tool(max_concurrency = 1)]
async fn only_place(context: &ToolContext, #[py(state)] meeting: &Meeting, path: Vec<String>) -> Result<Vec<String>> {
    meeting.meet().await;
    match path.first() {
        Some(session) => DeadlocksClient::new(context).visit(&[]).session(session.as_str()).await,
        None => Ok(vec!["place".to_owned()]),
    }
}

async fn bridge(workers: usize, meeting: Meeting) -> Result<Bridge> {
    let builder = Bridge::builder().client::<DeadlocksClient>().python_path(python_folder()).workers(workers);
    let bridge = builder
        .state(meeting)
        .tools(tools![visit_next, in_place, meet, only_place])
        .queue_timeout(TIMEOUT)
        .start()
        .await?;
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
    let (_, gone_on) = one_refused([from_one.visit(&["other"]), from_other.visit(&["one"])]).await;
    assert!(gone_on == [["one", "other"]] || gone_on == [["other", "one"]], "{gone_on:?}");
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
    let (refused, gone_on) = one_refused([client.work(1), client.work(1)]).await;
    assert!(refused.contains("a place in tool `in_place`") && gone_on == [2], "{refused} {gone_on:?}");
    // One alone has a place for each of its two steps.
    assert_eq!(client.work(1).await?, 2);
    // And three steps need one more than there are, whoever else is there.
    one_refused([client.work(2)]).await;
    bridge.shutdown().await
}

#[tokio::test]
async fn of_three_chains_in_a_circle_the_one_that_closes_it_is_refused_at_once_and_the_others_go_on() -> Result<()> {
    let bridge = bridge(3, Meeting::of(3)).await?;
    let names = ["one", "two", "three"];
    let sessions = [bridge.session("one").await?, bridge.session("two").await?, bridge.session("three").await?];
    let around = (0..3).map(|at| DeadlocksClient::new(&sessions[at]).visit(&[names[(at + 1) % 3]]));
    let (_, gone_on) = one_refused(around).await;
    assert_eq!(gone_on.len(), 2);
    for visited in gone_on {
        let at = names.iter().position(|name| *name == visited[0]).unwrap();
        assert_eq!(visited[1..], [names[(at + 1) % 3]]);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn of_a_chain_that_has_a_session_and_one_that_has_a_place_each_of_which_the_other_wants_one_is_refused_at_once()
-> Result<()> {
    let bridge = bridge(2, Meeting::of(2)).await?;
    let (client, session) = (bridge.client::<DeadlocksClient>()?, bridge.session("one").await?);
    let in_session = DeadlocksClient::new(&session);
    let (refused, gone_on) = one_refused([in_session.meet_and_enter(), client.enter_and_visit(&["one"])]).await;
    // Whichever was refused wanted what the other had.
    let wanted = if gone_on == [["place"]] { "session `one`" } else { "a place in tool `only_place`" };
    assert!(refused.contains(wanted) && gone_on.len() == 1, "{refused} {gone_on:?}");
    // Both are free again.
    assert_eq!(in_session.meet_and_enter().await?, ["place"]);
    assert_eq!(client.enter_and_visit(&["one"]).await?, ["one"]);
    bridge.shutdown().await
}

#[tokio::test]
async fn of_two_chains_that_want_each_others_place_of_a_tool_in_a_pool_one_is_refused_at_once() -> Result<()> {
    let limited = |pool: snakebridge::PoolBuilder| {
        let pool = pool.adapter("deadlock_tools:DeadlockAdapter").python_path(python_folder());
        pool.workers(2).queue_timeout(TIMEOUT).tool_concurrency("cross", 1)
    };
    let builder = Bridge::builder().pool("one", limited).pool("other", limited);
    let bridge = builder.state(Meeting::of(2)).tools(tools![cross_next]).start().await?;
    while bridge.workers().len() < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let client = bridge.client_in::<DeadlocksClient>("one")?;
    let crossing = || [client.cross(&["other"]).pool("one"), client.cross(&["one"]).pool("other")];
    let (refused, gone_on) = one_refused(crossing()).await;
    assert!(refused.contains("a place of the tool `cross`"), "{refused}");
    assert_eq!(gone_on, [2]);
    // Their places are free again, and a chain that comes back takes no second one.
    assert_eq!(client.cross(&["other", "one", "other"]).await?, 4);
    bridge.shutdown().await
}

#[tokio::test]
async fn of_two_chains_that_want_a_unit_of_which_the_other_has_the_last_one_is_refused_at_once() -> Result<()> {
    let limited = |pool: snakebridge::PoolBuilder| {
        let pool = pool.adapter("deadlock_tools:DeadlockAdapter").python_path(python_folder());
        pool.workers(2).queue_timeout(TIMEOUT).resource("key", 1)
    };
    let builder = Bridge::builder().pool("one", limited).pool("other", limited);
    let bridge = builder.state(Meeting::of(2)).tools(tools![share_next]).start().await?;
    while bridge.workers().len() < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let client = bridge.client_in::<DeadlocksClient>("one")?;
    let sharing = || [client.share(&["other"]).pool("one"), client.share(&["one"]).pool("other")];
    let (refused, gone_on) = one_refused(sharing()).await;
    assert!(refused.contains("what it needs of the resource `key`"), "{refused}");
    assert_eq!(gone_on, [2]);
    // Their units are free again, and a chain that comes back takes no second one.
    assert_eq!(client.share(&["other", "one", "other"]).await?, 4);
    bridge.shutdown().await
}
