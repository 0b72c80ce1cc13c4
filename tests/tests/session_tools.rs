//! Tools that say what they need of their session: its worker, or the whole of it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::session::Affinity;
use snakebridge_tests::{Gate, Ledger, eventually, kill, session_tools};

#[python_tool(adapter = "stateful_tools:SessionAdapter")]
trait Tools {
    #[py(session = "affine")]
    async fn remember(&self, key: &str, value: usize) -> Result<u32>;
    #[py(session = "affine")]
    async fn recall(&self, key: &str) -> Result<Option<usize>>;
    #[py(session = "exclusive")]
    async fn hold(&self, call: u64, gate: &str) -> Result<u32>;
    #[py(session = "exclusive")]
    async fn ask_host(&self, tool: &str, arguments: BTreeMap<String, u64>) -> Result<Value>;
    async fn pid(&self) -> Result<u32>;
}

/// Call an exclusive tool of the session in which this tool is called.
#[tool]
async fn call_back(context: &ToolContext, depth: u64) -> Result<u64> {
    if depth == 0 {
        return Ok(0);
    }
    let deeper = BTreeMap::from([("depth".to_owned(), depth - 1)]);
    let answer = ToolsClient::new(context).ask_host("call_back", deeper).await?;
    Ok(answer.as_u64().unwrap_or_default() + 1)
}

fn hold(session: &Session, call: u64, gate: &Gate) -> Call<u32> {
    ToolsClient::new(session).hold(call, gate.path())
}

#[tokio::test]
async fn what_an_affine_tool_left_in_its_worker_is_found_by_the_next_or_lost_with_a_word() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(3).start().await?;
    eventually("all workers", || (bridge.workers().len() == 3).then_some(())).await;
    let sessions = [bridge.session("0").await?, bridge.session("1").await?, bridge.session("2").await?];
    let key = |index: usize| format!("number {index}");
    let remember = |index: usize| ToolsClient::new(&sessions[index]).remember(&key(index), index);
    let recall = |index: usize| ToolsClient::new(&sessions[index]).recall(&key(index));
    let (zero, one, two) = tokio::try_join!(remember(0), remember(1), remember(2))?;
    for _ in 0..3 {
        assert_eq!(tokio::try_join!(recall(2), recall(0), recall(1))?, (Some(2), Some(0), Some(1)));
    }
    assert!(zero != one && one != two, "they were idle: {zero} {one} {two}");
    kill(one);
    eventually("it to be gone", || bridge.workers().iter().all(|worker| worker.pid != one).then_some(())).await;
    assert_eq!(recall(1).await.unwrap_err().code(), "session_lost");
    assert_eq!(recall(1).await?, None);
    assert_eq!(tokio::try_join!(recall(0), recall(2))?, (Some(0), Some(2)));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_may_say_in_python_what_it_needs_of_its_session() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(3).start().await?;
    eventually("all workers", || (bridge.workers().len() == 3).then_some(())).await;
    let sessions = [bridge.session("0").await?, bridge.session("1").await?, bridge.session("2").await?];
    for (index, session) in sessions.iter().enumerate() {
        session.call::<()>("remember_here", args! { key: session.id(), value: index }).await?;
    }
    for (index, session) in sessions.iter().enumerate() {
        let recall = || session.call::<Option<usize>>("recall_here", args! { key: session.id() });
        assert_eq!(recall().await?, Some(index));
        let worker = bridge.workers().into_iter().find(|worker| Some(worker.number) == session.last_worker()).unwrap();
        kill(worker.pid);
        eventually("it to be gone", || bridge.workers().iter().all(|left| left.pid != worker.pid).then_some(())).await;
        assert_eq!(recall().await.unwrap_err().code(), "session_lost");
        assert_eq!(recall().await?, None);
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn calls_that_an_exclusive_call_makes_belong_to_it_and_do_not_wait_for_it() -> Result<()> {
    for profile in [Profile::Process, Profile::Threads(8)] {
        let ledger = Ledger::new();
        let bridge = session_tools(&ledger).workers(1).profile(profile).tools(tools![call_back]).start().await?;
        let session = bridge.session("s").await?;
        let ask = || ToolsClient::new(&session).ask_host("call_back", BTreeMap::from([("depth".to_owned(), 3)]));
        let twice = tokio::try_join!(ask().timeout(Duration::from_secs(20)), ask().timeout(Duration::from_secs(20)))?;
        assert_eq!(twice, (3.into(), 3.into()), "{profile:?}");
        // And it leaves the session to the next.
        let gate = Gate::new(&ledger, "gate");
        gate.open();
        hold(&session, 1, &gate).await?;
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn calls_of_exclusive_tools_run_one_at_a_time_in_each_session_on_workers_that_run_many() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).profile(Profile::Threads(8)).start().await?;
    let (session, other) = (bridge.session("s").await?, bridge.session("other").await?);
    let (first, second, third) = (Gate::new(&ledger, "1"), Gate::new(&ledger, "2"), Gate::new(&ledger, "3"));
    let one = tokio::spawn(hold(&session, 1, &first));
    ledger.noted(1).await;
    let two = tokio::spawn(hold(&session, 2, &second));
    let elsewhere = tokio::spawn(hold(&other, 3, &third));
    // The other session's has begun, though it came later; and whatever does not ask for the session runs, too.
    ledger.noted(3).await;
    ToolsClient::new(&session).pid().await?;
    let busy = hold(&session, 4, &first).affinity(Affinity::StrictFailFast).await.unwrap_err();
    assert_eq!(busy.code(), "session_worker_busy");
    let short = hold(&session, 5, &first).timeout(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((short.code(), short.executed()), ("deadline_exceeded", snakebridge::error::Executed::Never));
    assert_eq!(ledger.runs().keys().copied().collect::<Vec<_>>(), [1, 3]);
    first.open();
    one.await.unwrap()?;
    ledger.noted(2).await;
    second.open();
    third.open();
    two.await.unwrap()?;
    elsewhere.await.unwrap()?;
    bridge.shutdown().await
}

/// Of every session that registers it.
#[tool]
fn own() -> &'static str {
    "own"
}

/// Of everybody.
#[tool]
fn common() -> &'static str {
    "common"
}

#[tokio::test]
async fn a_call_of_a_session_that_is_over_has_the_tools_of_everybody_and_none_of_its_successors() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).tools(tools![common]).start().await?;
    let (session, gate) = (bridge.session("s").await?, Gate::new(&ledger, "gate"));
    session.register(tools![own])?;
    let late = args! { call: 1, gate: gate.path(), tools: ["own", "common"] };
    let late = tokio::spawn(session.execute("ask_late", late));
    ledger.noted(1).await;
    session.close().await?;
    let successor = bridge.session("s").await?;
    successor.register(tools![own])?;
    gate.open();
    assert_eq!(late.await.unwrap()?.to_string(), r#"["tool_not_found", "common", ["common"]]"#);
    let now = successor.execute("ask_late", args! { call: 2, gate: gate.path(), tools: ["own", "common"] }).await?;
    assert_eq!(now.to_string(), r#"["own", "common", ["common", "own"]]"#, "as if there had never been another");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_that_goes_leaves_its_session_to_the_next_however_it_goes() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    let (session, closed, open) =
        (bridge.session("s").await?, Gate::new(&ledger, "closed"), Gate::new(&ledger, "open"));
    open.open();
    // By its deadline, by being dropped, and by the death of its worker.
    let expired = tokio::spawn(hold(&session, 1, &closed).timeout(Duration::from_millis(100)));
    ledger.noted(1).await;
    hold(&session, 2, &open).await?;
    assert_eq!(expired.await.unwrap().unwrap_err().code(), "deadline_exceeded");
    let dropped = tokio::spawn(hold(&session, 3, &closed));
    ledger.noted(3).await;
    dropped.abort();
    hold(&session, 4, &open).await?;
    let killed = tokio::spawn(hold(&session, 5, &closed));
    let pid = ledger.noted(5).await.pid;
    let waiting: Vec<_> = [6, 7].map(|call| tokio::spawn(hold(&session, call, &open))).into();
    eventually("them to wait", || (bridge.sessions()[0].calls == 3).then_some(())).await;
    kill(pid);
    assert_eq!(killed.await.unwrap().unwrap_err().code(), "worker_lost");
    let mut outcomes = Vec::new();
    for call in waiting {
        outcomes.push(call.await.unwrap().map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned()));
    }
    assert_eq!(outcomes, ["session_lost", "ok"]);
    bridge.shutdown().await
}
