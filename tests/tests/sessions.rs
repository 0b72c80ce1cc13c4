//! Sessions: how they begin and end, what they are told apart by, and which worker gets their calls.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::session::{Affinity, SessionConfig, SessionInfo};
use snakebridge::telemetry::{Event, SessionEnd};
use snakebridge_tests::{Gate, Ledger, eventually, join_all, kill, session_tools};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(60);

/// Tools of `stateful_tools.py`, as traits that say what they need of their session.
#[python_tool(adapter = "stateful_tools:SessionAdapter")]
trait Tools {
    async fn pid(&self) -> Result<u32>;
    async fn session(&self) -> Result<String>;
}

/// Call `call`, which runs until the gate is open; it runs when this returns.
async fn holding(session: &Session, ledger: &Ledger, call: u64, gate: &Gate) -> tokio::task::JoinHandle<Result<u32>> {
    let running = tokio::spawn(session.call("hold", args! { call: call, gate: gate.path() }).timeout(LONG));
    ledger.noted(call).await;
    running
}

fn told(result: Result<impl Sized>) -> (String, Executed) {
    let error = result.map(|_| ()).unwrap_err();
    (error.code().to_owned(), error.executed())
}

fn never(code: &str) -> (String, Executed) {
    (code.to_owned(), Executed::Never)
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_created_by_a_call_unless_that_was_said() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    assert_eq!(told(bridge.execute("pid", args! {}).session("s").await), never("session_not_found"));
    assert!(bridge.sessions().is_empty());
    let session = bridge.session("s").await?;
    for id in
        [bridge.call::<String>("session", args! {}).session("s"), bridge.call("session", args! {}).session(&session)]
    {
        assert_eq!(id.await?, "s");
    }
    assert!(session.close().await? && !session.close().await?, "once");
    assert_eq!(told(bridge.execute("pid", args! {}).session("s".to_owned()).await), never("session_not_found"));
    assert_eq!(told(session.execute("pid", args! {}).await), never("session_expired"));
    assert_eq!(told(session.state().keys().await), never("session_expired"));
    bridge.shutdown().await?;
    let bridge = session_tools(&ledger).workers(1).create_sessions().start().await?;
    assert_eq!(bridge.call::<String>("session", args! {}).session("s").await?, "s");
    assert_eq!(bridge.sessions().len(), 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn an_id_is_any_short_text_and_python_sees_it_as_it_is() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    for id in ["../../etc/passwd", "a b/c:d", "\u{430}\u{43a}\u{202e}", "'; drop table sessions; --", &"x".repeat(256)]
    {
        let session = bridge.session(id).await?;
        assert_eq!((session.id(), session.call::<String>("session", args! {}).await?.as_str()), (id, id));
    }
    for id in ["", "two\nlines", "\u{1b}[31m", &"x".repeat(10_000)] {
        assert_eq!(told(bridge.session(id).await), never("invalid_argument"));
        assert_eq!(told(bridge.execute("pid", args! {}).session(id).await), never("invalid_argument"));
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn a_list_tells_what_is_known_of_each_session_and_events_when_they_come_and_go() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    let mut events = bridge.events();
    let (two, one) = (bridge.session("2").await?, bridge.session("1").await?);
    two.set_metadata(BTreeMap::from([("owner".to_owned(), "me".into())])).await?;
    two.state().set("k", "v").await?;
    two.execute("pid", args! {}).await?;
    assert_eq!(two.metadata().await?["owner"], "me".into());
    let list = bridge.sessions();
    let [SessionInfo { id: first, .. }, info] = &list[..] else { panic!("two sessions: {list:?}") };
    assert_eq!((first.as_str(), info.id.as_str(), info.keys, info.calls), ("1", "2", 1, 0));
    assert_eq!((info.last_worker, &info.metadata["owner"]), (Some(1), &"me".into()));
    assert!(info.expires_in > Some(Duration::from_secs(3500)) && info.idle < LONG, "{info:?}");
    one.close().await?;
    let mut told = Vec::new();
    while told.len() < 3 {
        match events.recv().await.unwrap() {
            Event::SessionCreated { session } => told.push(format!("created {session}")),
            Event::SessionEnded { session, why: SessionEnd::Closed } => told.push(format!("closed {session}")),
            _ => {}
        }
    }
    assert_eq!(told, ["created 2", "created 1", "closed 1"]);
    bridge.shutdown().await
}

#[tokio::test]
async fn there_are_ten_thousand_sessions_and_no_more_unless_that_was_said() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    for number in 0..10_000 {
        bridge.session(number.to_string()).await?;
    }
    bridge.session("7").await?;
    let error = bridge.session("one more").await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("session_quota", Executed::Never));
    assert!(error.to_string().contains("10000") && error.to_string().contains("max_sessions"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn an_unused_session_expires_and_one_in_which_a_call_runs_does_not() -> Result<()> {
    let ledger = Ledger::new();
    let ttl = Duration::from_millis(50);
    let bridge =
        session_tools(&ledger).workers(1).sessions(SessionConfig { ttl, ..Default::default() }).start().await?;
    let (busy, idle) = (bridge.session("busy").await?, bridge.session("idle").await?);
    let gate = Gate::new(&ledger, "gate");
    let running = holding(&busy, &ledger, 1, &gate).await;
    eventually("the idle one to expire", || (bridge.sessions().len() == 1).then_some(())).await;
    assert_eq!(told(idle.state().set("late", "write").await), never("session_expired"));
    assert_eq!(told(idle.execute("pid", args! {}).await), never("session_expired"));
    // Far beyond its time, if the call did not count.
    let info =
        eventually("time to pass", || busy.info().ok().filter(|info| info.expires_in == Some(Duration::ZERO))).await;
    assert_eq!(info.calls, 1);
    gate.open();
    running.await.unwrap()?;
    busy.touch()?;
    eventually("the other to expire too", || bridge.sessions().is_empty().then_some(())).await;
    bridge.shutdown().await
}

#[tokio::test]
async fn a_session_that_is_closed_lets_its_calls_end_or_cancels_them() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    let gate = Gate::new(&ledger, "gate");
    let session = bridge.session("s").await?;
    let (running, waiting) =
        (holding(&session, &ledger, 1, &gate).await, tokio::spawn(session.call::<u32>("pid", args! {})));
    eventually("the second call to wait", || (bridge.sessions()[0].calls == 2).then_some(())).await;
    session.close().await?;
    gate.open();
    assert_eq!(running.await.unwrap()?, waiting.await.unwrap()?);
    // And the other way.
    let gate = Gate::new(&ledger, "other");
    let session = bridge.session("s").await?;
    let running = holding(&session, &ledger, 2, &gate).await;
    let waiting = tokio::spawn(session.call::<u32>("pid", args! {}));
    eventually("the second call to wait", || (bridge.sessions()[0].calls == 2).then_some(())).await;
    session.close_now().await?;
    assert_eq!(told(running.await.unwrap()), ("cancelled".to_owned(), Executed::Maybe));
    assert_eq!(told(waiting.await.unwrap()), never("cancelled"));
    // What goes on outside of the session is not touched.
    bridge.call::<u32>("pid", args! {}).await?;
    bridge.shutdown().await
}

#[tokio::test]
async fn the_streams_of_a_session_that_is_closed_go_on_or_end_where_they_are() -> Result<()> {
    /// Far more than may be on its way: the last are given when the session is over.
    const ITEMS: usize = 2000;
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(1).start().await?;
    let session = bridge.session("s").await?;
    let mut stream = session.stream::<Bytes>("kilobytes", args! { call: 1, n: ITEMS });
    stream.next().await.unwrap()?;
    session.close().await?;
    let rest: Vec<Bytes> = stream.by_ref().collect::<Vec<_>>().await.into_iter().collect::<Result<_>>()?;
    assert_eq!(rest.len(), ITEMS - 1, "all of them");
    // And the other way.
    let session = bridge.session("s").await?;
    let mut stream = session.stream::<Bytes>("kilobytes", args! { call: 2, n: ITEMS });
    stream.next().await.unwrap()?;
    session.close_now().await?;
    ledger.noted(2).await;
    let mut rest: Vec<_> = stream.by_ref().collect().await;
    assert_eq!(told(rest.pop().unwrap()), ("cancelled".to_owned(), Executed::Maybe));
    assert!(rest.len() < ITEMS / 2 && rest.iter().all(Result::is_ok), "what had come by then: {}", rest.len());
    let late: Vec<_> = session.stream::<Bytes>("kilobytes", args! { call: 3, n: 1 }).collect().await;
    assert_eq!(told(late.into_iter().next().unwrap()), never("session_expired"));
    bridge.shutdown().await
}

#[tokio::test]
async fn five_calls_of_a_session_go_to_one_worker_and_a_client_may_be_made_of_it() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(3).start().await?;
    eventually("all workers", || (bridge.workers().len() == 3).then_some(())).await;
    let session = bridge.session("s").await?;
    assert_eq!(session.last_worker(), None);
    let tools: ToolsClient = session.client()?;
    let first = tools.pid().await?;
    let worker = session.last_worker();
    for _ in 0..5 {
        // Without the session the least busy worker would be another.
        let others = join_all((0..3).map(|_| bridge.call::<u32>("pid", args! {}))).await;
        assert_eq!(others.len(), 3);
        assert_eq!((tools.pid().await?, session.last_worker()), (first, worker));
        assert_eq!(tools.session().await?, "s");
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_that_must_have_its_worker_waits_for_it_or_is_told_at_once_and_others_pass() -> Result<()> {
    let ledger = Ledger::new();
    let config = SessionConfig { affinity: Affinity::StrictQueue, ..SessionConfig::default() };
    let queue_timeout = Duration::from_millis(50);
    let bridge = session_tools(&ledger).workers(2).sessions(config).queue_timeout(queue_timeout).start().await?;
    eventually("both workers", || (bridge.workers().len() == 2).then_some(())).await;
    let (session, gate) = (bridge.session("s").await?, Gate::new(&ledger, "gate"));
    let running = holding(&session, &ledger, 1, &gate).await;
    let waiting = tokio::spawn(session.call::<u32>("pid", args! {}));
    eventually("it to wait", || (bridge.sessions()[0].calls == 2).then_some(())).await;
    let fast = session.execute("pid", args! {}).affinity(Affinity::StrictFailFast).await;
    assert_eq!(told(fast), never("session_worker_busy"));
    let short = session.execute("pid", args! {}).timeout(Duration::from_millis(100)).await;
    assert_eq!(told(short), never("deadline_exceeded"), "its own deadline bounds its wait, not the queue's");
    let hint: u32 = session.call("pid", args! {}).affinity(Affinity::Hint).await?;
    let none: u32 = bridge.call("pid", args! {}).await?;
    assert_eq!(hint, none, "the other worker is free");
    assert!(!waiting.is_finished());
    gate.open();
    let pid = running.await.unwrap()?;
    assert_eq!((waiting.await.unwrap()?, pid == hint), (pid, false));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_session_whose_worker_is_lost_says_so_once_and_begins_anew() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = session_tools(&ledger).workers(2).start().await?;
    let session = bridge.session("s").await?;
    let remember = || session.call::<u32>("remember", args! { key: "k", value: 1 }).affinity(Affinity::StrictQueue);
    let recall = || session.call::<Option<i64>>("recall", args! { key: "k" }).affinity(Affinity::StrictQueue);
    let first = remember().await?;
    assert_eq!(recall().await?, Some(1));
    kill(first);
    eventually("it to be gone", || bridge.workers().iter().all(|worker| worker.pid != first).then_some(())).await;
    assert_eq!(told(recall().await), never("session_lost"));
    assert_eq!(recall().await?, None, "nobody pretends");
    let second = remember().await?;
    assert!(first != second && recall().await? == Some(1));
    // Where it was only a hint, nothing was promised.
    let hinted = bridge.session("hinted").await?;
    kill(hinted.call("pid", args! {}).await?);
    eventually("a worker to be replaced", || (bridge.workers().len() == 2).then_some(())).await;
    hinted.call::<u32>("pid", args! {}).idempotent().await?;
    bridge.shutdown().await
}

#[tokio::test]
async fn those_that_wait_for_a_worker_that_dies_are_told_once_and_the_rest_run_elsewhere() -> Result<()> {
    let ledger = Ledger::new();
    let config = SessionConfig { affinity: Affinity::StrictQueue, ..SessionConfig::default() };
    let bridge = session_tools(&ledger).workers(2).sessions(config).start().await?;
    eventually("both workers", || (bridge.workers().len() == 2).then_some(())).await;
    let (session, gate) = (bridge.session("s").await?, Gate::new(&ledger, "gate"));
    let running = holding(&session, &ledger, 1, &gate).await;
    let waiting: Vec<_> = (0..4).map(|_| tokio::spawn(session.call::<u32>("pid", args! {}))).collect();
    eventually("them to wait", || (bridge.sessions()[0].calls == 5).then_some(())).await;
    kill(ledger.noted(1).await.pid);
    assert_eq!(told(running.await.unwrap()), ("worker_lost".to_owned(), Executed::Maybe));
    let (mut lost, mut pids) = (0, Vec::new());
    for call in waiting {
        match call.await.unwrap() {
            Ok(pid) => pids.push(pid),
            Err(error) => {
                assert_eq!((error.code(), error.executed()), ("session_lost", Executed::Never));
                lost += 1;
            }
        }
    }
    pids.dedup();
    assert_eq!((lost, pids.len()), (1, 1), "the others are together again");
    bridge.shutdown().await
}

#[tokio::test]
async fn sessions_may_be_made_for_tasks() -> Result<()> {
    let ledger = Ledger::new();
    let config = SessionConfig { auto_session: true, ..SessionConfig::default() };
    let bridge = session_tools(&ledger).workers(1).sessions(config).start().await?;
    let twice = || {
        let bridge = bridge.clone();
        async move {
            let ask = || bridge.call::<String>("session", args! {});
            [ask().await.unwrap(), ask().await.unwrap()]
        }
    };
    let [one, other] = [tokio::spawn(twice()).await.unwrap(), tokio::spawn(twice()).await.unwrap()];
    assert!(one[0] == one[1] && other[0] == other[1] && one[0] != other[0], "{one:?} {other:?}");
    assert!(one[0].starts_with("task-"));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_session_has_a_worker_in_each_pool() -> Result<()> {
    let ledger = Ledger::new();
    let config = SessionConfig { affinity: Affinity::StrictQueue, ..SessionConfig::default() };
    let showcase = "snakebridge.adapters.showcase:ShowcaseAdapter";
    let builder = session_tools(&ledger).workers(1).sessions(config);
    let bridge = builder.pool("other", |pool| pool.adapter(showcase).workers(1)).start().await?;
    let session = bridge.session("s").await?;
    let mut workers = Vec::new();
    for _ in 0..3 {
        session.execute("pid", args! {}).await?;
        workers.push(session.last_worker());
        session.execute("ping", args! {}).pool("other").await?;
        workers.push(session.last_worker());
    }
    assert!(workers[0] != workers[1] && workers[..4] == workers[2..], "{workers:?}");
    bridge.shutdown().await
}

#[tokio::test]
async fn what_a_call_says_goes_before_its_tool_that_before_its_pool_and_that_before_the_bridge() -> Result<()> {
    let ledger = Ledger::new();
    let config = SessionConfig { affinity: Affinity::StrictQueue, ..SessionConfig::default() };
    let builder = session_tools(&ledger).workers(2).affinity(Affinity::StrictFailFast).sessions(config);
    let bridge = builder.start().await?;
    eventually("both workers", || (bridge.workers().len() == 2).then_some(())).await;
    let (session, gate) = (bridge.session("s").await?, Gate::new(&ledger, "gate"));
    let running = holding(&session, &ledger, 1, &gate).await;
    assert_eq!(told(session.execute("pid", args! {}).await), never("session_worker_busy"));
    session.execute("pid", args! {}).affinity(Affinity::Hint).await?;
    // This tool is declared to wait for its worker.
    let recall = || session.call::<Value>("recall_here", args! { key: "k" });
    assert_eq!(told(recall().affinity(Affinity::StrictFailFast).await), never("session_worker_busy"));
    let waiting = tokio::spawn(recall());
    eventually("it to wait", || (bridge.sessions()[0].calls == 2).then_some(())).await;
    gate.open();
    running.await.unwrap()?;
    assert_eq!(waiting.await.unwrap()?, Value::Nil);
    bridge.shutdown().await
}
