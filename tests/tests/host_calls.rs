//! What bounds the calls that Python makes to the host, and what ends them: group I of the fault catalogue, as far as it is
//! not about single tools (`host_tools`), streams (`host_streams`) and nested calls (`nested_calls`).

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Condvar, Mutex};

use snakebridge::Builder;
use snakebridge::error::{ErrorKind, Executed};
use snakebridge::prelude::*;
use snakebridge::tools::{Answer, Descriptor, HostTool};
use snakebridge_tests::{eventually, kill, python_folder};
use tokio::sync::Semaphore;

#[tool]
fn nothing() {}

#[tool]
fn echo(value: Value) -> Value {
    value
}

/// How many are in `meet`, and what lets them out.
static MET: AtomicU64 = AtomicU64::new(0);
static DOOR: Semaphore = Semaphore::const_new(0);

#[tool]
async fn meet(number: u64) -> &'static str {
    let _ = number;
    MET.fetch_add(1, SeqCst);
    DOOR.acquire().await.unwrap().forget();
    "met"
}

/// How often `wait_and_count` began, and how often it was dropped before its end.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

#[tool]
async fn wait_and_count() -> Result<()> {
    struct Noted;
    impl Drop for Noted {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
        }
    }
    let _noted = Noted;
    BEGUN.fetch_add(1, SeqCst);
    std::future::pending().await
}

/// What keeps `block` where it is.
static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Block the thread of the runtime, as a tool should not.
#[tool]
fn block() {
    let is_shut = |open: &mut bool| !*open;
    drop(GATE.1.wait_while(GATE.0.lock().unwrap(), is_shut).unwrap());
}

/// A tool that Python must not find.
struct Hidden;

impl HostTool for Hidden {
    fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::new("zzzzzz");
        descriptor.exposed = false;
        descriptor
    }

    fn call(&self, _: ToolContext, _: Bytes) -> Answer {
        Answer::Value(Box::pin(async { Ok(Bytes::from_static(b"\xc0")) }))
    }
}

fn one() -> Builder {
    let tools = tools![nothing, echo, meet, wait_and_count, block].with(Hidden);
    Bridge::builder().adapter("nested_tools:NestedAdapter").python_path(python_folder()).workers(1).tools(tools)
}

#[tokio::test]
async fn one_call_may_ask_ten_thousand_times_and_the_next_one_as_often_again() -> Result<()> {
    let bridge = one().start().await?;
    for _ in 0..2 {
        let (done, code): (u64, String) = bridge.call("asks", args! { count: 100_000 }).await?;
        assert_eq!((done, code.as_str()), (10_000, "queue_full"));
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn sixteen_calls_to_the_host_run_at_once_inside_one_call() -> Result<()> {
    let bridge = one().start().await?;
    let folder = tempfile::tempdir().unwrap();
    let refused = folder.path().join("refused");
    let call = bridge.call::<Vec<String>>("asks_at_once", args! { count: 20, refused: &refused });
    let heard = tokio::spawn(call.into_future());
    // Nobody is let out before the others have been refused.
    eventually("four refusals", || (std::fs::read(&refused).unwrap_or_default().len() == 4).then_some(())).await;
    eventually("sixteen that wait", || (MET.load(SeqCst) == 16).then_some(())).await;
    DOOR.add_permits(16);
    let heard = heard.await.unwrap()?;
    let count = |what| heard.iter().filter(|heard| *heard == what).count();
    assert_eq!((count("met"), count("queue_full")), (16, 4));
    bridge.shutdown().await
}

#[tokio::test]
async fn a_thread_that_asks_when_its_call_has_returned_is_told_so() -> Result<()> {
    for profile in [Profile::Process, Profile::Threads(1), Profile::Async] {
        let bridge = one().profile(profile).start().await?;
        bridge.call::<()>("asks_later", args! {}).await?;
        assert_eq!(bridge.call::<String>("heard", args! {}).await?, "call_ended", "{profile:?}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_host_tool_ends_with_the_worker_that_waits_for_it_and_has_run_once() -> Result<()> {
    let bridge = one().start().await?;
    let call = bridge.execute("asks_for", args! { target: "wait_and_count" }).idempotent();
    let call = tokio::spawn(call.retries(0).into_future());
    eventually("the tool to begin", || (BEGUN.load(SeqCst) == 1).then_some(())).await;
    kill(bridge.workers()[0].pid);
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WorkerLost { .. }), "{error}");
    assert_eq!(error.executed(), Executed::Maybe);
    eventually("the tool to be dropped", || (DROPPED.load(SeqCst) == 1).then_some(())).await;
    assert_eq!(BEGUN.load(SeqCst), 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn what_the_host_should_not_look_into_is_refused_and_the_worker_lives() -> Result<()> {
    let bridge = one().start().await?;
    for (what, code) in [
        ("deep", "invalid_argument"),
        ("many", "invalid_argument"),
        ("claims", "invalid_argument"),
        ("nothing", "invalid_argument"),
        ("no text", "invalid_argument"),
        ("large", "payload_too_large"),
    ] {
        assert_eq!(bridge.call::<String>("sends", args! { what: what }).await?, code, "{what}");
    }
    assert_eq!(bridge.workers()[0].number, 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_tool_that_is_hidden_is_to_python_one_that_is_not_there() -> Result<()> {
    let bridge = one().start().await?;
    let mut said = Vec::new();
    for target in ["zzzzzz", "xxxxxx"] {
        let error = bridge.execute("asks_for", args! { target: target }).await.unwrap_err();
        assert!(error.to_string().contains(&format!("no host tool `{target}`")), "{error}");
        said.push(error.to_string().replace(target, "it"));
    }
    assert_eq!(said[0], said[1]);
    bridge.shutdown().await
}

/// A tool of one session, by this name or another.
struct Own(&'static str);

impl HostTool for Own {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.0)
    }

    fn call(&self, context: ToolContext, _: Bytes) -> Answer {
        let session = snakebridge::body::encode(&context.session_id());
        Answer::Value(Box::pin(async { session }))
    }
}

#[tokio::test]
async fn a_tool_of_one_session_is_to_every_other_call_one_that_is_not_there() -> Result<()> {
    let bridge = one().start().await?;
    let (one, other) = (bridge.session("one").await?, bridge.session("other").await?);
    one.register(tools![].with(Own("zzzzz")))?;
    let asks = |target: &str| args! { target: target };
    assert_eq!(one.call::<String>("asks_for", asks("zzzzz")).await?, "one");
    // In the session of another, and in none.
    for outside in [Some(&other), None] {
        let mut said = Vec::new();
        for target in ["zzzzz", "xxxxx"] {
            let call = bridge.execute("asks_for", asks(target));
            let error = match outside {
                Some(session) => call.session(session).await.unwrap_err(),
                None => call.await.unwrap_err(),
            };
            assert!(error.to_string().contains(&format!("no host tool `{target}`")), "{error}");
            said.push(error.to_string().replace(target, "it"));
        }
        assert_eq!(said[0], said[1]);
        // The name of what is not there is not proposed for one that is close to it either.
        let error = bridge.execute("asks_for", asks("zzzzy")).await.unwrap_err();
        assert!(!error.to_string().contains("zzzzz"), "{error}");
    }
    bridge.shutdown().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_blocks_its_thread_holds_up_none_that_run_on_others() -> Result<()> {
    let bridge = one().workers(2).start().await?;
    eventually("both workers", || (bridge.workers().len() == 2).then_some(())).await;
    let blocked = tokio::spawn(bridge.execute("asks_for", args! { target: "block" }).into_future());
    let (done, code): (u64, Value) = bridge.call("asks", args! { count: 100 }).await?;
    assert_eq!((done, code), (100, Value::Nil));
    assert!(!blocked.is_finished());
    *GATE.0.lock().unwrap() = true;
    GATE.1.notify_all();
    blocked.await.unwrap()?;
    bridge.shutdown().await
}
