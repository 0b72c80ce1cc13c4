//! Rust closures that Python is given and calls.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use snakebridge::Builder;
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::{eventually, python_folder};
use tokio::sync::Barrier;

#[python_tool(adapter = "callback_tools:CallbackAdapter")]
trait Tools {
    async fn apply(&self, function: &Callback, numbers: &[i64]) -> Result<Vec<i64>>;
    async fn apply_async(&self, function: &Callback, numbers: &[i64]) -> Result<Vec<i64>>;
    async fn apply_awaiting(&self, function: &Callback, numbers: &[i64]) -> Result<Vec<i64>>;
    async fn apply_on_threads(&self, function: &Callback, numbers: &[i64]) -> Result<Vec<i64>>;
    async fn typed(&self, function: &Callback) -> Result<String>;
    async fn optional(&self, function: Option<&Callback>) -> Result<String>;
    async fn double(&self, number: i64) -> Result<i64>;
}

fn with_callbacks() -> Builder {
    Bridge::builder().client::<ToolsClient>().python_path(python_folder()).workers(1)
}

fn square() -> Callback {
    Callback::new(|number: i64| Ok(number * number))
}

/// What a tool has met that tells what goes wrong with a function.
#[derive(Debug, Deserialize, PartialEq)]
struct Failure {
    code: String,
    message: String,
    data: Value,
    executed: String,
    reported: bool,
}

#[tokio::test]
async fn a_closure_is_a_function_in_tools_of_every_kind() -> Result<()> {
    for profile in [Profile::Process, Profile::Threads(2), Profile::Async] {
        let bridge = with_callbacks().profile(profile).start().await?;
        let tools: ToolsClient = bridge.client()?;
        let numbers = [1, 2, 3];
        assert_eq!(tools.apply(&square(), &numbers).await?, [1, 4, 9]);
        assert_eq!(tools.apply_async(&square(), &numbers).await?, [1, 4, 9]);
        assert_eq!(tools.apply_awaiting(&square(), &numbers).await?, [1, 4, 9]);
        assert_eq!(tools.apply_on_threads(&square(), &numbers).await?, [1, 4, 9]);
        let later = Callback::new_async(|number: i64| async move {
            tokio::task::yield_now().await;
            Ok(-number)
        });
        assert_eq!(tools.apply(&later, &numbers).await?, [-1, -2, -3]);
        let slowly = Callback::new_blocking(|number: i64| {
            std::thread::sleep(Duration::from_millis(1));
            Ok(number + 1)
        });
        assert_eq!(tools.apply_async(&slowly, &numbers).await?, [2, 3, 4]);
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn arguments_and_results_have_types_on_both_sides() -> Result<()> {
    #[derive(Deserialize)]
    struct Point {
        x: i64,
        y: i64,
    }
    let bridge = with_callbacks().start().await?;
    let tools: ToolsClient = bridge.client()?;
    let point = Callback::new(|| Ok(BTreeMap::from([("x", 1), ("y", 2)])));
    assert_eq!(tools.typed(&point).await?, "Point 1 2");
    let error = tools.typed(&Callback::new(|| Ok("no point"))).await.unwrap_err();
    assert!(error.to_string().contains("InvalidResult") && error.to_string().contains("does not fit"), "{error}");
    let sum = Callback::new(|point: Point| Ok(point.x + point.y));
    assert_eq!(bridge.call::<i64>("named", args! { function: sum }).await?, 3);
    let two = BTreeMap::from([("a", Callback::new(|| Ok(1))), ("b", Callback::new(|| Ok(2)))]);
    let among: BTreeMap<String, i64> = bridge.call("among", args! { functions: two }).await?;
    assert_eq!(among, [("a".to_owned(), 1), ("b".to_owned(), 2)].into());
    assert_eq!(tools.optional(None).await?, "none");
    assert_eq!(tools.optional(Some(&Callback::new(|| Ok("some")))).await?, "some");
    let error = bridge.execute("apply", args! { function: 7, numbers: [1] }).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    assert!(error.to_string().contains("expected a function"), "{error}");
    bridge.shutdown().await
}

#[tokio::test]
async fn what_goes_wrong_in_a_closure_is_an_exception_and_harms_nobody() -> Result<()> {
    let bridge = with_callbacks().start().await?;
    let tools: ToolsClient = bridge.client()?;
    let fails = Callback::new(|number: i64| -> Result<i64, _> {
        match number {
            0 => panic!("zero"),
            number => Err(ToolError::new("odd", "that is odd").with_data(&number)),
        }
    });
    let rescue =
        |arguments: Vec<Value>| bridge.call::<Failure>("rescue", args! { function: &fails, arguments: arguments });
    let failure = rescue(vec![3.into()]).await?;
    let (code, message, executed) = ("odd".to_owned(), "that is odd".to_owned(), "yes".to_owned());
    assert_eq!(failure, Failure { code, message, data: 3.into(), executed, reported: true });
    let panicked = rescue(vec![0.into()]).await?;
    assert_eq!((panicked.code.as_str(), panicked.reported), ("panic", false));
    for misfit in [vec![], vec!["3".into()], vec![1.into(), 2.into()]] {
        let refused = rescue(misfit).await?;
        assert_eq!((refused.code.as_str(), refused.executed.as_str()), ("invalid_argument", "never"), "{refused:?}");
    }
    // An exception that nobody catches is the call's.
    let error = tools.apply(&fails, &[3]).await.unwrap_err();
    assert!(error.code() == "tool" && error.exception().unwrap().message.contains("that is odd"), "{error}");
    assert_eq!(tools.apply(&square(), &[3]).await?, [9]);
    assert_eq!(bridge.workers().len(), 1);
    bridge.shutdown().await
}

#[tokio::test]
async fn several_calls_of_one_closure_run_at_once() -> Result<()> {
    let bridge = with_callbacks().profile(Profile::Async).start().await?;
    let tools: ToolsClient = bridge.client()?;
    // Each waits for all the others.
    let barrier = Arc::new(Barrier::new(8));
    let meets = Callback::new_async(move |number: i64| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Ok(number)
        }
    });
    let numbers: Vec<i64> = (0..8).collect();
    assert_eq!(tools.apply_async(&meets, &numbers).await?, numbers);
    assert_eq!(tools.apply_on_threads(&meets, &numbers).await?, numbers);
    bridge.shutdown().await
}

/// Counts itself for as long as it is there.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_closure_ends_with_its_call_and_so_does_what_it_is_doing() -> Result<()> {
    let bridge = with_callbacks().start().await?;
    let tools: ToolsClient = bridge.client()?;
    let (running, lent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let endless = |lent: Counted| {
        let running = Arc::clone(&running);
        Callback::new_async(move |_: i64| {
            let _ = &lent;
            let counted = Counted::new(&running);
            async move {
                let _counted = counted;
                std::future::pending::<Result<i64, ToolError>>().await
            }
        })
    };
    let count = |counter: &Arc<AtomicUsize>| counter.load(Ordering::SeqCst);
    let call = tokio::spawn(tools.apply(&endless(Counted::new(&lent)), &[1]));
    eventually("the closure", || (count(&running) == 1).then_some(())).await;
    call.abort();
    eventually("its end", || (count(&running) == 0 && count(&lent) == 0).then_some(())).await;

    let late = tools.apply(&endless(Counted::new(&lent)), &[1]).timeout(Duration::from_millis(200)).await;
    assert_eq!(late.unwrap_err().code(), "deadline_exceeded");
    eventually("its end", || (count(&running) == 0 && count(&lent) == 0).then_some(())).await;
    assert_eq!(tools.apply(&square(), &[2]).await?, [4], "the worker goes on");

    // One that Python has put aside is of no use any more.
    let kept: String = bridge.call("keep", args! { function: Callback::new(|| Ok(1)) }).await?;
    assert_eq!(kept, "<function 1 of the host>");
    assert_eq!(bridge.call::<String>("call_kept", args! {}).await?, "call_ended");
    for unknown in ["$callback.1", "$callback.0", "$callback.x", "$callback.99999999999999999999", "$callback."] {
        assert_eq!(bridge.call::<String>("call_unknown", args! { name: unknown }).await?, "tool_not_found");
    }
    bridge.shutdown().await
}

#[tokio::test]
async fn a_closure_may_call_the_python_that_waits_for_it() -> Result<()> {
    let bridge = with_callbacks().start().await?;
    let tools: ToolsClient = bridge.client()?;
    let again = bridge.client::<ToolsClient>()?;
    let doubles = Callback::new_async(move |number: i64| {
        let call = again.double(number);
        async move { Ok(call.await?) }
    });
    assert_eq!(tools.apply(&doubles, &[1, 2, 3]).await?, [2, 4, 6]);
    bridge.shutdown().await
}

#[tokio::test]
async fn functions_of_any_module_take_closures_too() -> Result<()> {
    let bridge = Bridge::builder().python_modules(["builtins", "functools", "re"]).workers(1).start().await?;
    let builtins = bridge.python("builtins");
    let longest = Callback::new(|word: String| Ok(word.len()));
    let sorted: Vec<String> = builtins.call("sorted", args![["ccc", "a", "bb"]].named("key", &longest)).await?;
    assert_eq!(sorted, ["a", "bb", "ccc"]);
    let add = Callback::new(|a: i64, b: i64| Ok(a + b));
    assert_eq!(bridge.python("functools").call::<i64>("reduce", (&add, [1, 2, 3, 4])).await?, 10);
    // What calls it only later finds that its call is over.
    let mapped: Object = builtins.call("map", (square(), [1, 2])).await?;
    let error = mapped.iterate::<i64>().next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("call_ended"), "{error}");
    let cached = builtins.call::<Value>("sorted", args![["a"]].named("key", &longest)).cache(Duration::from_secs(1));
    assert_eq!(cached.await.unwrap_err().code(), "invalid_argument");
    bridge.shutdown().await
}
