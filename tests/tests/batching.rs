//! Calls of tools that take many at once go together, and each caller notices nothing of the others.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures::future::join_all;
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::{Builder, Session};
use snakebridge_tests::{eventually, python_folder};
use tempfile::TempDir;

/// What ran, by run, and gates that are files.
struct Runs(TempDir);

impl Runs {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("runs")
    }

    fn bridge(&self) -> Builder {
        Bridge::builder()
            .adapter("batch_tools:BatchAdapter")
            .python_path(python_folder())
            .config(&BTreeMap::from([("runs", self.path())]))
            .workers(1)
    }

    fn all(&self) -> Vec<String> {
        std::fs::read_to_string(self.path()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    async fn noted(&self, run: &str) {
        eventually(run, || self.all().iter().any(|line| line == run).then_some(())).await;
    }

    fn gate(&self) -> String {
        self.0.path().join("gate").to_str().unwrap().to_owned()
    }

    async fn two_workers(&self, bridge: &Bridge) {
        eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    }

    fn open(&self) {
        std::fs::write(self.gate(), "").unwrap();
    }

    /// A call of `tool` that is under way until the gate is open.
    async fn first(&self, bridge: &Bridge, tool: &str, n: i64) -> tokio::task::JoinHandle<Result<i64>> {
        let first = tokio::spawn(bridge.call::<i64>(tool, args! { n: n, gate: self.gate() }));
        self.noted(&n.to_string()).await;
        first
    }
}

fn spawn_all(
    bridge: &Bridge,
    tool: &str,
    numbers: impl IntoIterator<Item = i64>,
) -> Vec<tokio::task::JoinHandle<Result<i64>>> {
    let calls = numbers.into_iter().map(|n| bridge.call(tool, args! { n: n }));
    calls.map(tokio::spawn).collect()
}

fn codes<T: std::fmt::Debug>(outcomes: Vec<Result<T>>) -> Vec<(String, Executed)> {
    let code = |outcome: Result<T>| outcome.map_err(|error| (error.code().to_owned(), error.executed())).unwrap_err();
    outcomes.into_iter().map(code).collect()
}

async fn answers<T>(calls: Vec<tokio::task::JoinHandle<Result<T>>>) -> Vec<Result<T>> {
    join_all(calls).await.into_iter().map(std::result::Result::unwrap).collect()
}

#[tokio::test]
async fn calls_of_one_moment_run_together_and_one_that_is_alone_waits_for_nobody() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    for n in 0..3 {
        assert_eq!(bridge.call::<i64>("double", args! { n: n }).await?, 2 * n);
    }
    let together = answers(spawn_all(&bridge, "double", 3..8)).await;
    assert_eq!(together.into_iter().collect::<Result<Vec<_>>>()?, [6, 8, 10, 12, 14]);
    let in_one_task = join_all((8..11).map(|n| bridge.call::<i64>("double_later", args![n]))).await;
    assert_eq!(in_one_task.into_iter().collect::<Result<Vec<_>>>()?, [16, 18, 20]);
    assert_eq!(runs.all(), ["0", "1", "2", "3 4 5 6 7", "8 9 10"]);
    let statistics = bridge.statistics();
    let of =
        |tool: &str| (statistics.tools[tool].requests, statistics.tools[tool].batches, statistics.tools[tool].batched);
    assert_eq!((of("double"), of("double_later")), ((8, 1, 5), (3, 1, 3)));
    assert_eq!((statistics.calls.succeeded, statistics.calls.outstanding()), (11, 0));
    assert_eq!(statistics.calls.run_time.count, 11);
    bridge.shutdown().await
}

#[tokio::test]
async fn behind_others_calls_gather_until_they_are_enough_or_the_others_are_back() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().workers(2).start().await?;
    runs.two_workers(&bridge).await;
    let first = runs.first(&bridge, "double", 0).await;
    let enough = spawn_all(&bridge, "double", 1..9);
    let left = spawn_all(&bridge, "double", 9..12);
    assert!(answers(enough).await.iter().all(Result::is_ok), "the other worker ran them");
    assert_eq!(bridge.statistics().waiting, 3);
    runs.open();
    assert_eq!(first.await.unwrap()?, 0);
    assert!(answers(left).await.iter().all(Result::is_ok));
    assert_eq!(runs.all(), ["0", "1 2 3 4 5 6 7 8", "9 10 11"]);
    bridge.shutdown().await
}

#[tokio::test]
async fn behind_others_a_call_waits_no_longer_than_its_tool_says() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().workers(2).start().await?;
    runs.two_workers(&bridge).await;
    let first = runs.first(&bridge, "double_soon", 0).await;
    assert!(answers(spawn_all(&bridge, "double_soon", 1..3)).await.iter().all(Result::is_ok), "though that runs on");
    assert_eq!(runs.all(), ["0", "1 2"]);
    runs.open();
    assert_eq!(first.await.unwrap()?, 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn each_caller_has_its_own_result_or_error() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let picky = |n: Value| bridge.call::<i64>("picky", args! { n: n });
    let all = join_all([0.into(), 1.into(), "x".into(), 2.into(), 3.into(), Value::from(4)].map(picky)).await;
    let [zero, one, text, two, object, four] = all.try_into().unwrap();
    assert_eq!((zero?, four?), (0, 4));
    let told =
        |error: Result<i64>| error.map_err(|error| (error.code().to_owned(), error.executed(), error)).unwrap_err();
    let (code, executed, error) = told(one);
    assert_eq!((&*code, executed, &*error.exception().unwrap().type_name), ("tool", Executed::Yes, "ValueError"));
    assert_eq!((error.worker(), error.attempts(), error.tool()), (Some(1), 1, Some("picky")));
    let (code, executed, error) = told(text);
    assert_eq!((&*code, executed), ("invalid_argument", Executed::Never), "{error}");
    assert!(error.to_string().contains("expected `int`, got `str`"), "{error}");
    let (.., error) = told(two);
    assert_eq!(error.exception().unwrap().code.as_deref(), Some("two"));
    assert_eq!(error.exception().unwrap().data, Some(2.into()));
    let (code, executed, error) = told(object);
    assert_eq!((&*code, executed), ("unserializable", Executed::Yes), "{error}");
    assert_eq!(runs.all(), ["0 1 2 3 4"], "and what did not fit never ran");
    bridge.shutdown().await
}

#[tokio::test]
async fn what_the_function_raises_or_answers_too_little_is_everybodys() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let error = |tool: &'static str| {
        let bridge = &bridge;
        async move { answers(spawn_all(bridge, tool, 0..3)).await }
    };
    for outcome in error("raises").await {
        let error = outcome.unwrap_err();
        assert_eq!((error.executed(), &*error.exception().unwrap().message), (Executed::Yes, "3"));
    }
    for outcome in error("short").await {
        let error = outcome.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("tool", Executed::Yes));
        assert!(error.to_string().contains("3 calls at once and returned 2 results"), "{error}");
    }
    let statistics = bridge.statistics().calls;
    assert_eq!((statistics.errors, statistics.outstanding()), (6, 0));
    bridge.shutdown().await
}

#[tokio::test]
async fn who_is_cancelled_leaves_before_the_batch_goes_and_is_not_missed_after() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let first = runs.first(&bridge, "double", 0).await;
    let waiting = spawn_all(&bridge, "double", 1..4);
    let full = spawn_all(&bridge, "double", 4..9);
    eventually("nine calls", || (bridge.statistics().calls.requests == 9).then_some(())).await;
    waiting[1].abort();
    full[2].abort();
    eventually("two cancelled", || (bridge.statistics().calls.cancelled == 2).then_some(())).await;
    runs.open();
    first.await.unwrap()?;
    for call in waiting.into_iter().chain(full) {
        if let Ok(answer) = call.await {
            answer?;
        }
    }
    assert_eq!(runs.all(), ["0", "1 3 4 5 7 8"], "they were in the queue, and two of them left");

    std::fs::remove_file(runs.gate()).unwrap();
    let gated = |n: i64| tokio::spawn(bridge.call::<i64>("double", args! { n: n, gate: runs.gate() }));
    let (stays, goes) = (gated(20), gated(21));
    runs.noted("20 21").await;
    goes.abort();
    eventually("three cancelled", || (bridge.statistics().calls.cancelled == 3).then_some(())).await;
    runs.open();
    assert_eq!(stays.await.unwrap()?, 40);

    std::fs::remove_file(runs.gate()).unwrap();
    let both = [gated(30), gated(31)];
    runs.noted("30 31").await;
    both.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(bridge.call::<i64>("double", args! { n: 32 }).await?, 64, "nobody wanted it: it was stopped");
    assert_eq!(bridge.statistics().calls.outstanding(), 0);
    bridge.shutdown().await
}

#[tokio::test]
async fn each_caller_has_its_own_deadline() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let soon = Duration::from_millis(50);
    let gated = |n: i64| bridge.call::<i64>("double", args! { n: n, gate: runs.gate() });
    let first = runs.first(&bridge, "double", 0).await;
    let error = bridge.call::<i64>("double", args! { n: 1 }).timeout(soon).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Never), "it waited for company");
    runs.open();
    first.await.unwrap()?;
    std::fs::remove_file(runs.gate()).unwrap();
    let (late, stays) = (tokio::spawn(gated(2).timeout(soon)), tokio::spawn(gated(3)));
    let error = late.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed(), error.worker()), ("deadline_exceeded", Executed::Maybe, Some(1)));
    runs.open();
    assert_eq!(stays.await.unwrap()?, 6);
    assert_eq!(runs.all(), ["0", "2 3"]);
    bridge.shutdown().await
}

#[tokio::test]
async fn sessions_and_metadata_are_not_mixed_and_correlation_ids_are() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().create_sessions().start().await?;
    let call = |n: i64| bridge.execute("context", args! { n: n });
    let calls = [
        call(0).session("a").correlation_id("one"),
        call(1).session("b").correlation_id("same"),
        call(2).session("a").correlation_id("two"),
        call(3).session("b").correlation_id("same"),
        call(4).metadata("tenant", "t"),
        call(5),
        call(6).metadata("tenant", "t").correlation_id("six"),
    ];
    let seen: Vec<Value> = join_all(calls).await.into_iter().collect::<Result<_>>()?;
    let text = |n: usize, key: &str| seen[n].get(key).and_then(Value::as_str).map(str::to_owned);
    let mut all = runs.all();
    all.sort();
    assert_eq!(all, ["0 2", "1 3", "4 6", "5"]);
    let sessions: Vec<_> = (0..7).map(|n| text(n, "session").unwrap()).collect();
    assert_eq!(sessions, ["a", "b", "a", "b", "", "", ""]);
    let own: Vec<_> = [0, 1, 2, 3, 6].into_iter().filter_map(|n| text(n, "own")).collect();
    assert_eq!(own, ["one", "same", "two", "same", "six"]);
    assert_eq!(text(1, "correlation_id").as_deref(), Some("same"));
    let made_up = text(0, "correlation_id").unwrap();
    assert!(made_up != "one" && made_up != "two" && Some(&made_up) == text(2, "correlation_id").as_ref(), "{made_up}");
    // A call without an id of its own has that of all.
    assert_eq!((text(4, "own"), text(5, "own")), (text(4, "correlation_id"), text(5, "correlation_id")));
    assert_eq!(seen[6].get("metadata").and_then(|map| map.get("tenant")).and_then(Value::as_str), Some("t"));
    bridge.shutdown().await
}

#[tokio::test]
async fn calls_that_go_together_keep_to_the_worker_of_their_session() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().workers(2).start().await?;
    runs.two_workers(&bridge).await;
    let session: Session = bridge.session("s").await?;
    let pids = |numbers: std::ops::Range<i64>| {
        let calls = numbers.map(|n| bridge.call::<u32>("pid", args! { n: n }).session(&session));
        join_all(calls.collect::<Vec<_>>())
    };
    let mut seen: Vec<u32> = Vec::new();
    for round in 0..4 {
        seen.extend(pids(3 * round..3 * round + 3).await.into_iter().collect::<Result<Vec<_>>>()?);
    }
    assert!(seen.iter().all(|pid| *pid == seen[0]), "{seen:?}");
    assert_eq!(runs.all().len(), 4);
    let closed = bridge.call::<i64>("double", args! { n: 0, gate: runs.gate() }).session(&session);
    let waits = bridge.call::<i64>("double", args! { n: 1 }).session(&session);
    let (closed, waits) = (tokio::spawn(closed), {
        runs.noted("9 10 11").await;
        tokio::spawn(waits)
    });
    runs.noted("0 1").await;
    session.close_now().await?;
    let outcomes = vec![closed.await.unwrap(), waits.await.unwrap()];
    assert_eq!(codes(outcomes), vec![("cancelled".to_owned(), Executed::Maybe); 2]);
    bridge.shutdown().await
}

#[tokio::test]
async fn nobody_knows_which_call_has_cost_the_worker_so_each_goes_alone_after_that() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let outcomes = answers(spawn_all(&bridge, "crashes", 0..3)).await;
    assert_eq!(codes(outcomes), vec![("worker_lost".to_owned(), Executed::Maybe); 3]);
    let [zero, one, two] = answers(spawn_all(&bridge, "crashes", 0..3)).await.try_into().unwrap();
    assert_eq!((codes(vec![zero])[0].1, one?, two?), (Executed::Maybe, 1, 2));
    let mut all = runs.all();
    all.sort();
    assert_eq!(all, ["0", "0 1 2", "1", "2"]);
    answers(spawn_all(&bridge, "crashes", 1..3)).await.into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(runs.all().last().unwrap(), "1 2", "who has done no harm is in company again");
    let [again, refused] =
        [bridge.call::<i64>("crashes", args! { n: 0 }).await, bridge.call("crashes", args! { n: 0 }).await];
    assert_eq!(
        codes(vec![again, refused]),
        [("worker_lost".into(), Executed::Maybe), ("poison".into(), Executed::Never)]
    );
    bridge.shutdown().await
}

#[tokio::test]
async fn calls_that_may_be_repeated_are_each_by_itself() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let [zero, one, two] = answers(spawn_all(&bridge, "dies_again", 0..3)).await.try_into().unwrap();
    let error = zero.unwrap_err();
    assert_eq!((error.code(), error.executed(), error.attempts()), ("worker_lost", Executed::Maybe, 2));
    assert_eq!((one?, two?), (1, 2));
    let mut all = runs.all();
    all.sort();
    assert_eq!(all, ["0", "0 1 2", "1", "2"]);
    let statistics = &bridge.statistics().tools["dies_again"];
    assert_eq!((statistics.requests, statistics.retries, statistics.outstanding()), (3, 3, 0));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_batch_that_never_ran_goes_elsewhere_unnoticed() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let first = runs.first(&bridge, "double", 0).await;
    let full = spawn_all(&bridge, "double", 1..9);
    eventually("a queue", || (bridge.statistics().waiting == 8).then_some(())).await;
    snakebridge_tests::kill(bridge.workers()[0].pid);
    assert_eq!(codes(vec![first.await.unwrap()]), [("worker_lost".into(), Executed::Maybe)]);
    assert!(answers(full).await.iter().all(Result::is_ok));
    assert_eq!(runs.all(), ["0", "1 2 3 4 5 6 7 8"]);
    bridge.shutdown().await
}

/// Doubles by way of Python, all at once.
#[tool]
async fn double_all(context: &ToolContext, n: Vec<i64>) -> Result<Vec<i64>> {
    let caller = snakebridge::client::AsCaller::caller(context);
    let calls = n.into_iter().map(|n| caller.call_named::<i64>("double", args! { n: n }));
    join_all(calls).await.into_iter().collect()
}

#[tokio::test]
async fn nested_calls_go_together_and_wait_for_nothing_that_waits_for_them() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().tools(tools![double_all]).start().await?;
    assert_eq!(bridge.call::<Vec<i64>>("asks_for_many", args! { n: [1, 2, 3] }).await?, [2, 4, 6]);
    assert_eq!(runs.all(), ["1 2 3"]);
    let asked = answers(spawn_all(&bridge, "asks", 4..6)).await;
    assert_eq!(asked.into_iter().collect::<Result<Vec<_>>>()?, [8, 10]);
    assert_eq!(runs.all(), ["1 2 3", "4 5", "4", "5"]);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_shutdown_answers_those_that_wait_for_company() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let first = runs.first(&bridge, "double", 0).await;
    let waiting = spawn_all(&bridge, "double", 1..3);
    eventually("two waiting", || (bridge.statistics().waiting == 2).then_some(())).await;
    let shutdown = tokio::spawn({
        let bridge = bridge.clone();
        async move { bridge.shutdown().await }
    });
    assert_eq!(codes(answers(waiting).await), vec![("shutting_down".to_owned(), Executed::Never); 2]);
    runs.open();
    assert_eq!(first.await.unwrap()?, 0);
    shutdown.await.unwrap()
}

#[tokio::test]
async fn large_arguments_do_not_pile_up() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let data = Bytes::from(vec![7; 7 << 20]);
    let calls = (0..3).map(|_| bridge.call::<usize>("lengths", args! { data: data.clone() }));
    let lengths: Vec<usize> = join_all(calls).await.into_iter().collect::<Result<_>>()?;
    assert_eq!(lengths, [data.len(); 3]);
    let one = data.len().to_string();
    assert_eq!(runs.all(), [format!("{one} {one}"), one]);
    bridge.shutdown().await
}

#[tokio::test]
async fn the_manifest_describes_one_call() -> Result<()> {
    let runs = Runs::new();
    let bridge = runs.bridge().start().await?;
    let manifest = bridge.manifest().unwrap();
    let double = manifest.tool("double").unwrap();
    assert_eq!((double.parameters[0].type_name.as_str(), double.returns.type_name.as_str()), ("int", "int"));
    assert_eq!(double.parameters[1].default, Some("".into()));
    let batch = double.batch.unwrap();
    assert_eq!((batch.max_size, batch.max_wait_ms), (8, 60_000.0));
    bridge.shutdown().await
}
