//! Rust calls Python, which calls Rust, which calls Python: on a pool of one, on each profile, to the bottom and back.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use futures::future::try_join_all;
use snakebridge::Builder;
use snakebridge::client::{AsCaller, SessionUse, ToolDeclaration};
use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge::tools::{Answer, Descriptor, HostTool, Tools};
use snakebridge_tests::{eventually, python_folder};

#[python_tool(adapter = "nested_tools:NestedAdapter")]
trait Nested {
    async fn squared(&self, number: u32) -> Result<u32>;
    async fn squared_async(&self, number: u32) -> Result<u32>;
    fn count(&self, n: u32) -> impl Stream<Item = Result<u32>>;
    async fn whose(&self) -> Result<String>;
    async fn correlation(&self) -> Result<Option<String>>;
    #[py(timeout = "30s")]
    async fn sleeps(&self, seconds: f64) -> Result<String>;
    async fn sleeps_async(&self, seconds: f64) -> Result<String>;
    async fn dies(&self) -> Result<()>;
    async fn naps_and_tells_pid(&self) -> Result<u32>;
}

/// Calls the first tool of the path, which goes on with the rest.
#[tool]
async fn go_on(context: &ToolContext, path: Vec<String>) -> Result<Vec<String>> {
    match path.split_first() {
        Some((tool, rest)) => context.caller().call_named(tool, args! { path: rest }).await,
        None => Ok(Vec::new()),
    }
}

#[tool]
async fn square(number: u32) -> Result<u32> {
    // No context: the task itself says what it is part of.
    here().squared(number).await
}

#[tool]
async fn square_all(context: &ToolContext, count: u32) -> Result<Vec<u32>> {
    let nested = NestedClient::new(context);
    try_join_all((0..count).map(|number| nested.squared(number))).await
}

#[tool]
async fn add_up(context: &ToolContext, n: u32) -> Result<u32> {
    let mut numbers = NestedClient::new(context).count(n);
    let mut total = 0;
    while let Some(number) = numbers.next().await {
        total += number?;
    }
    Ok(total)
}

#[tool]
async fn session_inside(context: &ToolContext, session: Option<String>) -> Result<String> {
    let call = NestedClient::new(context).whose();
    match session {
        Some(session) => call.session(session).await,
        None => call.await,
    }
}

#[tool]
async fn correlation_inside(context: &ToolContext, own: Option<String>) -> Result<[Option<String>; 2]> {
    let call = NestedClient::new(context).correlation();
    let nested = match own {
        Some(own) => call.correlation_id(own).await?,
        None => call.await?,
    };
    Ok([context.correlation_id(), nested])
}

#[tool]
async fn nap(context: &ToolContext, seconds: f64, limit: f64) -> Result<String> {
    NestedClient::new(context).sleeps(seconds).timeout(Duration::from_secs_f64(limit)).await
}

#[tool]
async fn nap_async(context: &ToolContext, seconds: f64, limit: f64) -> Result<String> {
    NestedClient::new(context).sleeps_async(seconds).timeout(Duration::from_secs_f64(limit)).await
}

#[tool]
async fn kill_it(context: &ToolContext) -> Result<()> {
    NestedClient::new(context).dies().await
}

/// Makes a nested call in a task of its own, and leaves another task behind.
#[tool]
async fn delegate(context: &ToolContext, number: u32) -> Result<u32> {
    let nested = NestedClient::new(context);
    let context = context.clone();
    let task = tokio::spawn(async move { nested.squared(number).await });
    let result = task.await.unwrap()?;
    *LATER.lock().await = Some(tokio::spawn(async move {
        ENDED.notified().await;
        NestedClient::new(&context).squared(number + 1).await
    }));
    Ok(result)
}

#[tool]
async fn pids(context: &ToolContext, count: usize) -> Result<Vec<u32>> {
    let nested = NestedClient::new(context);
    try_join_all((0..count).map(|_| nested.naps_and_tells_pid())).await
}

/// A tool that has its session to itself, and its worker by that.
const ALONE: ToolDeclaration = ToolDeclaration::call("alone").session(SessionUse::Exclusive);

#[tool]
async fn go_down_alone(context: &ToolContext, levels: u32) -> Result<u32> {
    match levels.checked_sub(1) {
        Some(levels) => Ok(1 + context.caller().call::<u32, Error>(&ALONE, args! { levels: levels }).await?),
        None => Ok(0),
    }
}

/// Begins to read a nested stream, and leaves the rest to `rest_of_it`.
#[tool]
async fn begin_to_read(context: &ToolContext, n: u32) -> Result<u32> {
    let mut numbers = NestedClient::new(context).count(n);
    let first = numbers.next().await.unwrap()?;
    *REST.lock().await = Some(numbers);
    Ok(first)
}

/// A stream whose items come of a nested stream and a nested call each.
struct NestedSquares;

impl HostTool for NestedSquares {
    fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::new("nested_squares");
        descriptor.streaming = true;
        descriptor
    }

    fn call(&self, context: ToolContext, arguments: Bytes) -> Answer {
        let arguments: std::collections::BTreeMap<String, u32> = snakebridge::body::decode(&arguments).unwrap();
        let nested = NestedClient::new(&context);
        let numbers = nested.count(arguments["n"]);
        let squares = numbers.then(move |number| {
            let square = number.map(|number| nested.squared(number));
            async move { snakebridge::body::encode(&square?.await?) }
        });
        Answer::Stream(Box::pin(squares))
    }
}

/// Told when `delegate` has been answered.
static ENDED: tokio::sync::Notify = tokio::sync::Notify::const_new();
/// What `begin_to_read` has left behind.
static REST: tokio::sync::Mutex<Option<ToolStream<u32>>> = tokio::sync::Mutex::const_new(None);
/// What `delegate` has left behind.
static LATER: tokio::sync::Mutex<Option<tokio::task::JoinHandle<Result<u32>>>> = tokio::sync::Mutex::const_new(None);

/// Where `square` finds its bridge.
static BRIDGE: std::sync::Mutex<Option<snakebridge::client::Caller>> = std::sync::Mutex::new(None);

fn here() -> NestedClient {
    NestedClient::new(BRIDGE.lock().unwrap().as_ref().unwrap())
}

fn tools() -> Tools {
    tools![
        go_on,
        square,
        square_all,
        add_up,
        session_inside,
        correlation_inside,
        nap,
        nap_async,
        kill_it,
        delegate,
        pids,
        begin_to_read,
        go_down_alone
    ]
    .with(NestedSquares)
}

/// A pool of one.
fn one() -> Builder {
    Bridge::builder().adapter("nested_tools:NestedAdapter").python_path(python_folder()).workers(1).tools(tools())
}

/// Each profile, with a tool that waits for a nested call in the profile's own way.
const WAITING: [(Profile, &str); 3] =
    [(Profile::Process, "waits_inside"), (Profile::Threads(1), "waits_inside"), (Profile::Async, "waits_inside_async")];
const PROFILES: [Profile; 3] = [Profile::Process, Profile::Threads(1), Profile::Async];

/// Where each tool of `path` ran.
async fn go(bridge: &Bridge, path: &[&str]) -> Result<Vec<String>> {
    bridge.call(path[0], args! { path: &path[1..] }).timeout(Duration::from_secs(20)).await
}

#[tokio::test]
async fn a_chain_goes_eight_calls_deep_through_one_worker_and_the_ninth_is_refused() -> Result<()> {
    for (profile, tool, place) in [
        (Profile::Process, "main", "main on main"),
        (Profile::Threads(1), "thread", "thread"),
        (Profile::Async, "coroutine", "coroutine on main"),
        (Profile::Async, "main", "main on main"),
    ] {
        let bridge = one().profile(profile).start().await?;
        assert_eq!(go(&bridge, &[tool; 8]).await?, [place; 8], "{profile:?}");
        let error = go(&bridge, &[tool; 9]).await.unwrap_err();
        let ErrorKind::Tool(exception) = error.kind() else { panic!("{profile:?}: {error}") };
        assert_eq!((exception.type_name.as_str(), error.executed()), ("snakebridge.HostToolError", Executed::Yes));
        assert!(error.to_string().contains("calls nest deeper than 8"), "{profile:?}: {error}");
        // Nothing of it is left, and the worker is the same.
        assert_eq!(go(&bridge, &[tool; 8]).await?, [place; 8], "{profile:?}");
        assert_eq!((bridge.workers()[0].number, bridge.workers()[0].in_flight), (1, 0));
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_nested_call_runs_where_its_tool_says_or_on_the_thread_that_waits() -> Result<()> {
    let bridge = one().profile(Profile::Threads(1)).start().await?;
    for (path, ran) in [
        (["thread", "main", "thread", "main"], ["thread", "main on main", "thread on main", "main on main"]),
        (["main", "thread", "thread", "main"], ["main on main", "thread on main", "thread on main", "main on main"]),
        (
            ["coroutine", "thread", "coroutine", "main"],
            ["coroutine on main", "thread", "coroutine on main", "main on main"],
        ),
        (["helper", "main", "thread", "main"], ["helper", "main", "thread", "main"]),
        (["thread", "helper", "main", "main"], ["thread", "helper", "main", "main"]),
    ] {
        assert_eq!(go(&bridge, &path).await?, ran);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn a_coroutine_nested_in_what_blocks_its_loop_is_refused_instead_of_waited_for() -> Result<()> {
    let bridge = one().profile(Profile::Async).start().await?;
    for first in ["main", "blocking"] {
        let error = go(&bridge, &[first, "coroutine"]).await.unwrap_err();
        assert!(error.to_string().contains("acall_tool"), "{first}: {error}");
        assert_eq!(go(&bridge, &[first, "main"]).await?.len(), 2);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn every_mixture_of_places_comes_back() -> Result<()> {
    let places = ["main", "thread", "coroutine", "blocking", "helper"];
    let seed: u64 = std::env::var("SNAKEBRIDGE_SEED").map_or(0x5eed, |seed| seed.parse().unwrap());
    println!("SNAKEBRIDGE_SEED={seed}");
    let mut state = seed;
    let mut pick = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        places[usize::try_from(state >> 33).unwrap() % places.len()]
    };
    for profile in PROFILES {
        let bridge = one().profile(profile).start().await?;
        // Many at once, so that chains meet in the worker.
        for _ in 0..5 {
            let paths: Vec<Vec<_>> = (0..8).map(|_| (0..5).map(|_| pick()).collect()).collect();
            let chains = paths.iter().map(|path| go(&bridge, path));
            for (path, outcome) in paths.iter().zip(futures::future::join_all(chains).await) {
                match outcome {
                    Ok(ran) => {
                        let names: Vec<_> = ran.iter().map(|ran| ran.trim_end_matches(" on main")).collect();
                        assert_eq!(names, *path, "{profile:?}");
                    }
                    // The one wait that cannot end is refused.
                    Err(error) => assert!(error.to_string().contains("acall_tool"), "{profile:?} {path:?}: {error}"),
                }
            }
        }
        assert_eq!(bridge.workers()[0].in_flight, 0);
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_tool_makes_many_nested_calls_at_once() -> Result<()> {
    let squares: Vec<u32> = (0..12).map(|number| number * number).collect();
    for profile in PROFILES {
        let bridge = one().profile(profile).start().await?;
        let fanned: Vec<u32> = bridge.call("fan_out", args! { count: 12 }).await?;
        assert_eq!(fanned, squares, "{profile:?}");
        let fanned: Vec<u32> = bridge.call("fan_out_async", args! { count: 12 }).await?;
        assert_eq!(fanned, squares, "{profile:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn each_of_many_threads_that_wait_runs_what_is_nested_in_it() -> Result<()> {
    let bridge = one().start().await?;
    *BRIDGE.lock().unwrap() = Some(bridge.caller());
    let fanned: Vec<u32> = bridge.call("fan_out_here", args! { count: 12 }).await?;
    assert_eq!(fanned, (0..12).map(|number| number * number).collect::<Vec<_>>());
    *BRIDGE.lock().unwrap() = None;
    bridge.shutdown().await
}

#[tokio::test]
async fn nested_streams_flow_through_the_thread_that_waits() -> Result<()> {
    for profile in PROFILES {
        let bridge = one().profile(profile).start().await?;
        for tool in ["sum_of_nested", "sum_of_nested_async"] {
            // More than a window, so that credit has to come while the thread waits.
            let total: u32 = bridge.call(tool, args! { n: 10_000 }).await?;
            assert_eq!(total, 49_995_000, "{profile:?}");
            assert_eq!(bridge.call::<Vec<String>>("noted", args! {}).await?, ["count ended"]);
        }
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_of_the_host_may_come_of_nested_streams_and_calls() -> Result<()> {
    for profile in PROFILES {
        let bridge = one().profile(profile).start().await?;
        for tool in ["streams_of_streams", "streams_of_streams_async"] {
            let all: u64 = bridge.call(tool, args! { n: 1000, take: Value::Nil }).await?;
            assert_eq!(all, (0..1000).map(|number| number * number).sum::<u64>(), "{profile:?} {tool}");
            let some: u64 = bridge.call(tool, args! { n: 1_000_000, take: 10 }).await?;
            assert_eq!(some, 285, "{profile:?} {tool}");
            assert_eq!(bridge.call::<Vec<String>>("noted", args! {}).await?[0], "count ended", "{profile:?} {tool}");
        }
        assert_eq!(bridge.workers()[0].number, 1);
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_nested_stream_goes_on_when_nobody_waits_inside_any_more() -> Result<()> {
    for profile in PROFILES {
        let bridge = one().profile(profile).start().await?;
        // More than a window, so that the rest has to be pulled.
        assert_eq!(bridge.call::<u32>("keeps_a_nested_stream", args! { n: 10_000 }).await?, 0, "{profile:?}");
        let rest = REST.lock().await.take().unwrap();
        let rest: Vec<u32> = rest.map(Result::unwrap).collect().await;
        assert!(rest.into_iter().eq(1..10_000), "{profile:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_nested_call_runs_in_the_session_of_its_chain_unless_it_names_one() -> Result<()> {
    for profile in PROFILES {
        let bridge = one().profile(profile).start().await?;
        let (outer, _inner) = (bridge.session("outer").await?, bridge.session("inner").await?);
        let seen: Vec<String> = bridge.call("sessions", args! { other: "inner" }).session(&outer).await?;
        assert_eq!(seen, ["outer", "outer", "inner", "outer"], "{profile:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_correlation_id_goes_down_the_whole_chain_until_a_call_has_its_own() -> Result<()> {
    let bridge = one().start().await?;
    let seen = async |id: Option<&str>, own: Option<&str>| -> Result<[Option<String>; 3]> {
        let call = bridge.call("correlates", args! { own: own });
        match id {
            Some(id) => call.correlation_id(id).await,
            None => call.await,
        }
    };
    let some = |id: &str| Some(id.to_owned());
    assert_eq!(seen(Some("c-1"), None).await?, [some("c-1"), some("c-1"), some("c-1")]);
    assert_eq!(seen(Some("c-1"), Some("c-2")).await?, [some("c-1"), some("c-1"), some("c-2")]);
    // One is made up for the call at the top, and is that of all.
    let [top, tool, nested] = seen(None, None).await?;
    assert!(
        top.as_ref().is_some_and(|id| id.contains('-')) && top == tool && top == nested,
        "{top:?}, {tool:?}, {nested:?}"
    );
    assert_ne!(seen(None, None).await?[0], top);
    bridge.shutdown().await
}

#[tokio::test]
async fn calls_of_a_chain_share_a_session_that_nobody_else_may_enter() -> Result<()> {
    let bridge = one().workers(2).profile(Profile::Threads(2)).start().await?;
    eventually("both workers", || (bridge.workers().len() == 2).then_some(())).await;
    let session = bridge.session("s").await?;
    let down = || session.caller().call::<u32, Error>(&ALONE, args! { levels: 6 }).timeout(Duration::from_secs(20));
    // Each chain has the session to itself from its top to its bottom; another waits for all of it.
    assert_eq!(try_join_all((0..4).map(|_| down().into_future())).await?, [6; 4]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_nested_call_that_takes_too_long_ends_alone() -> Result<()> {
    for (profile, tool) in WAITING {
        let bridge = one().profile(profile).start().await?;
        let said: String = bridge.call(tool, args! { seconds: 20.0, limit: 0.3 }).await?;
        assert!(said.contains("the deadline of 300ms passed"), "{profile:?}: {said}");
        assert_eq!(bridge.call::<Vec<String>>("noted", args! {}).await?, ["asleep", "inner cancelled"], "{profile:?}");
        assert_eq!(bridge.workers()[0].number, 1);
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_gives_up_the_outer_call_gives_up_the_inner_one_and_both_hear_of_it() -> Result<()> {
    for (profile, tool) in WAITING {
        let bridge = one().profile(profile).cancel_grace(Duration::from_secs(10)).start().await?;
        let mut call =
            Box::pin(bridge.execute(tool, args! { seconds: 30.0, limit: 30.0 }).timeout(Duration::from_secs(60)));
        let noted = async |bridge: &Bridge| bridge.call::<Vec<String>>("noted", args! {}).await;
        // On `Process` nobody else gets in before the end.
        if profile == Profile::Process {
            assert!(tokio::time::timeout(Duration::from_millis(150), &mut call).await.is_err());
        } else {
            let mut seen = Vec::new();
            while !seen.contains(&"asleep".to_owned()) {
                tokio::select! {
                    _ = &mut call => panic!("{profile:?}: the call waits"),
                    more = noted(&bridge) => seen.extend(more?),
                }
            }
        }
        drop(call);
        let mut cancelled = Vec::new();
        let all = async {
            while cancelled.len() < 2 {
                let more = noted(&bridge).await?.into_iter().filter(|note| note.ends_with("cancelled"));
                cancelled.extend(more);
            }
            Ok::<_, Error>(())
        };
        tokio::time::timeout(Duration::from_secs(20), all).await.unwrap()?;
        // One thread hears of the inner one first; two coroutines hear of theirs in any order.
        if profile == Profile::Async {
            cancelled.sort();
        }
        assert_eq!(cancelled, ["inner cancelled", "outer cancelled"], "{profile:?}");
        assert_eq!(bridge.workers()[0].number, 1);
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_that_dies_in_a_nested_call_costs_the_whole_chain_and_nobody_else() -> Result<()> {
    for profile in PROFILES {
        let bridge = one().profile(profile).start().await?;
        let error = bridge.execute("die_inside", args! {}).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WorkerLost { .. }), "{profile:?}: {error}");
        assert_eq!(error.executed(), Executed::Maybe);
        eventually("another worker", || bridge.workers().first().map(|worker| worker.number == 2)).await;
        assert_eq!(go(&bridge, &["main", "main"]).await?.len(), 2);
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_idle_worker_takes_what_the_waiting_one_is_busy_with_already() -> Result<()> {
    let bridge = one().workers(2).start().await?;
    eventually("both workers", || (bridge.workers().len() == 2).then_some(())).await;
    let pids: Vec<u32> = bridge.call("where_they_run", args! { count: 2 }).await?;
    assert_ne!(pids[0], pids[1]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_context_makes_calls_of_the_chain_from_any_task_and_those_of_no_chain_once_the_tool_has_ended() -> Result<()>
{
    let bridge = one().start().await?;
    // On a pool of one the first of them could not run if it were not nested.
    assert_eq!(bridge.call::<u32>("delegates", args! { number: 5 }).await?, 25);
    ENDED.notify_one();
    let later = LATER.lock().await.take().unwrap();
    assert_eq!(later.await.unwrap()?, 36);
    bridge.shutdown().await
}
