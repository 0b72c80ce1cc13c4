//! Chains of nested calls that lead through several workers and come back to one that waits further up.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use snakebridge::client::{AsCaller, Caller};
use snakebridge::prelude::*;
use snakebridge::session::Affinity;
use snakebridge::{Builder, PoolBuilder};
use snakebridge_tests::{eventually, python_folder};

/// Long enough for a slow machine, and far below the time that a call may wait.
const SOON: Duration = Duration::from_secs(20);
/// How long a call may wait here.
const LONG: Duration = Duration::from_secs(60);

/// A step of a path: a tool, and where to call it: `main in b` in that pool, `main of one` in that session, which is bound
/// to its worker.
fn step(caller: &Caller, path: &[String]) -> Call<Vec<String>> {
    let (step, rest) = path.split_first().unwrap();
    let call = |tool: &str| caller.call_named(tool, args! { path: rest }).timeout(LONG);
    if let Some((tool, pool)) = step.split_once(" in ") {
        call(tool).pool(pool)
    } else if let Some((tool, session)) = step.split_once(" of ") {
        call(tool).session(session).affinity(Affinity::StrictQueue)
    } else {
        call(step)
    }
}

/// Makes the first step of the path, which goes on with the rest. Steps with `|` between them are made at once, each with the
/// rest of the path behind it.
#[tool]
async fn go_on(context: &ToolContext, path: Vec<String>) -> Result<Vec<String>> {
    let Some((first, rest)) = path.split_first() else { return Ok(Vec::new()) };
    let branches = first.split(" | ").map(|first| {
        let path: Vec<String> = [first.to_owned()].into_iter().chain(rest.iter().cloned()).collect();
        step(&context.caller(), &path)
    });
    Ok(try_join_all(branches).await?.concat())
}

async fn go(bridge: &Bridge, path: &[&str]) -> Result<Vec<String>> {
    let path: Vec<String> = path.iter().map(|&step| step.to_owned()).collect();
    let begun = Instant::now();
    let outcome = step(&bridge.caller(), &path).await;
    assert!(begun.elapsed() < SOON, "{path:?} waited for a deadline: {outcome:?}");
    outcome
}

/// Pools of one each, `default` and `b`.
fn two_pools(profile: Profile) -> Builder {
    let load = move |pool: PoolBuilder| {
        pool.adapter("nested_tools:NestedAdapter")
            .python_path(python_folder())
            .workers(1)
            .profile(profile)
            .queue_timeout(LONG)
    };
    let builder = Bridge::builder().adapter("nested_tools:NestedAdapter").python_path(python_folder()).workers(1);
    builder.profile(profile).queue_timeout(LONG).pool("b", load).tools(tools![go_on])
}

/// A pool of two, with a session bound to each of them.
async fn bound(profile: Profile) -> Result<(Bridge, [Session; 2])> {
    let builder = Bridge::builder().adapter("nested_tools:NestedAdapter").python_path(python_folder()).workers(2);
    let bridge = builder.profile(profile).queue_timeout(LONG).tools(tools![go_on]).start().await?;
    eventually("both workers", || (bridge.workers().len() == 2).then_some(())).await;
    let sessions = [bridge.session("one").await?, bridge.session("two").await?];
    for session in &sessions {
        session.execute("pid", args! {}).affinity(Affinity::StrictQueue).await?;
    }
    assert_ne!(sessions[0].last_worker(), sessions[1].last_worker());
    Ok((bridge, sessions))
}

const PLACES: [(Profile, &str, &str); 4] = [
    (Profile::Process, "main", "main on main"),
    (Profile::Threads(1), "thread", "thread"),
    (Profile::Async, "coroutine", "coroutine on main"),
    (Profile::Async, "main", "main on main"),
];

#[tokio::test]
async fn a_chain_comes_back_to_a_pool_of_one_through_another_and_is_served_by_the_worker_that_waits() -> Result<()> {
    for (profile, tool, ran) in PLACES {
        let bridge = two_pools(profile).start().await?;
        let (here, there) = (tool, format!("{tool} in b"));
        let mut path = vec![here, &there, here];
        assert_eq!(go(&bridge, &path).await?, [ran; 3], "{profile:?}");
        // And to and fro, down to the bottom.
        path = [here, &there].repeat(4);
        assert_eq!(go(&bridge, &path).await?, [ran; 8], "{profile:?}");
        // Each pool twice in a row, so that either one waits twice when the chain comes back.
        path = vec![here, here, &there, &there, here, &there, here, here];
        assert_eq!(go(&bridge, &path).await?, [ran; 8], "{profile:?}");
        path = [here, &there].repeat(5);
        let error = go(&bridge, &path).await.unwrap_err();
        assert!(error.to_string().contains("call_depth"), "{profile:?}: {error}");
        assert!(bridge.workers().iter().all(|worker| worker.in_flight == 0), "{profile:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_chain_comes_back_to_the_worker_of_its_first_session_through_that_of_another() -> Result<()> {
    for (profile, tool, ran) in PLACES {
        let (bridge, sessions) = bound(profile).await?;
        let (one, two) = (format!("{tool} of one"), format!("{tool} of two"));
        assert_eq!(go(&bridge, &[&one, &two, &one]).await?, [ran; 3], "{profile:?}");
        assert_eq!(go(&bridge, &[&*one, &two].repeat(4)).await?, [ran; 8], "{profile:?}");
        assert_eq!(go(&bridge, &[&two, &two, &one, &one, &two, &one]).await?, [ran; 6], "{profile:?}");
        drop(sessions);
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn branches_that_come_back_to_the_same_waiting_worker_all_return_with_their_own_results() -> Result<()> {
    for (profile, tool, ran) in PLACES {
        let bridge = two_pools(profile).start().await?;
        let path = [tool, &format!("{tool} in b | {tool} in b"), &format!("{tool} | {tool}"), &format!("{tool} in b")];
        // One, then two beside each other, each of which makes two.
        assert_eq!(go(&bridge, &path).await?, [ran; 11], "{profile:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn several_chains_at_once_come_back_each_to_its_own_wait() -> Result<()> {
    let bridge = two_pools(Profile::Threads(4)).start().await?;
    let path = ["thread", "thread in b", "main", "thread in b", "thread"];
    let chains = (0..4).map(|_| go(&bridge, &path));
    for outcome in join_all(chains).await {
        let places: Vec<String> = outcome?.iter().map(|ran| ran.trim_end_matches(" on main").to_owned()).collect();
        assert_eq!(places, ["thread", "thread", "main", "thread", "thread"]);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn what_would_need_an_event_loop_that_waits_further_up_is_refused_at_once() -> Result<()> {
    let bridge = two_pools(Profile::Async).start().await?;
    let error = go(&bridge, &["blocking", "coroutine in b", "coroutine"]).await.unwrap_err();
    assert!(error.to_string().contains("would_deadlock"), "{error}");
    // What the thread itself can run goes on there.
    assert_eq!(go(&bridge, &["blocking", "coroutine in b", "main"]).await?.len(), 3);
    bridge.shutdown().await
}
