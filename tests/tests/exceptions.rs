//! What Python raises, as Rust can tell it apart, and what it means for whether a call is tried again.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::PathBuf;

use snakebridge::error::{Executed, LearningFault, PythonException};
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::python_folder;

fn failing() -> snakebridge::Builder {
    Bridge::builder().adapter("failing_tools:FailingAdapter").python_path(python_folder()).workers(1)
}

#[tokio::test]
async fn exceptions_of_pythons_own_are_variants_and_all_others_names() -> Result<()> {
    let bridge = failing().start().await?;
    for name in [
        "ValueError",
        "KeyError",
        "IndexError",
        "TypeError",
        "ZeroDivisionError",
        "FileNotFoundError",
        "ModuleNotFoundError",
        "RecursionError",
        "UnicodeDecodeError",
        "TimeoutError",
        "AttributeError",
        "AssertionError",
        "StopIteration",
    ] {
        let error = bridge.execute("fail", args! { how: name }).await.unwrap_err();
        let kind = error.python().unwrap();
        assert_eq!((kind.name(), error.executed()), (name, Executed::Yes), "{error}");
        assert!(!matches!(kind, PythonException::Other(_)), "{name}");
        let lines = error.exception().unwrap().traceback.as_deref().unwrap();
        assert!(lines.contains("failing_tools.py"), "{lines}");
    }
    let error = bridge.execute("fail", args! { how: "else" }).await.unwrap_err();
    assert_eq!(error.python(), Some(PythonException::Other("failing_tools.TrainingFailed")));
    let error = bridge.execute("no_such_tool", args! {}).await.unwrap_err();
    assert_eq!(error.python(), None);
    bridge.shutdown().await
}

#[tokio::test]
async fn what_numpy_says_is_recognised_and_has_a_hint() -> Result<()> {
    use LearningFault::{OutOfMemory, ShapeMismatch, TypeMismatch};
    let bridge = failing().start().await?;
    let expected = [
        ("broadcast", ShapeMismatch),
        ("matmul", ShapeMismatch),
        ("dot", ShapeMismatch),
        ("reshape", ShapeMismatch),
        ("concatenate", ShapeMismatch),
        ("stack", ShapeMismatch),
        ("ragged", ShapeMismatch),
        ("add text", TypeMismatch),
        ("cast", TypeMismatch),
        ("isnan", TypeMismatch),
        ("memory", OutOfMemory),
        ("cause", ShapeMismatch),
    ];
    for (how, fault) in expected {
        let error = bridge.execute("compute", args! { how: how }).await.unwrap_err();
        assert_eq!(error.learning_fault(), Some(fault), "{how}: {error}");
        assert!(format!("{error:?}").ends_with(fault.hint()), "{error:?}");
    }
    let error = bridge.execute("compute", args! { how: "nothing" }).await.unwrap_err();
    assert_eq!((error.learning_fault(), error.python()), (None, Some(PythonException::LookupError)));
    bridge.shutdown().await
}

/// A file in which tools note that they ran.
fn runs(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("runs")
}

#[tokio::test]
async fn what_may_be_repeated_is_when_its_tool_says_that_it_may_help() -> Result<()> {
    let bridge = failing().start().await?;
    let mut events = bridge.events();
    let folder = tempfile::tempdir().unwrap();
    let path = runs(&folder);
    let path = path.to_str().unwrap();
    assert_eq!(bridge.call::<i64>("come_back", args! { path: path, times: 1 }).await?, 2);
    let retried =
        std::iter::from_fn(|| events.try_recv().ok()).find(|event| matches!(event, Event::CallRetried { .. }));
    let Some(Event::CallRetried { tool, attempts: 1, error, .. }) = retried else { panic!("{retried:?}") };
    assert!(tool == "come_back" && error.contains("come back later"), "{error}");
    assert_eq!(bridge.statistics().calls.retries, 1);

    std::fs::remove_file(path).unwrap();
    let error = bridge.call::<i64>("come_back", args! { path: path, times: 9 }).retries(2).await.unwrap_err();
    let exception = error.exception().unwrap();
    assert_eq!((exception.code.as_deref(), exception.retryable, error.attempts()), (Some("busy"), true, 3));
    assert_eq!(exception.data.as_ref().unwrap()["ran"], Value::from(3));
    bridge.shutdown().await
}

#[tokio::test]
async fn what_may_not_be_repeated_or_would_not_be_helped_fails_at_once() -> Result<()> {
    let bridge = failing().start().await?;
    let folder = tempfile::tempdir().unwrap();
    let path = runs(&folder);
    let path = path.to_str().unwrap();
    let error = bridge.call::<i64>("come_back_at_most_once", args! { path: path, times: 1 }).await.unwrap_err();
    assert_eq!((error.exception().unwrap().retryable, error.attempts()), (true, 1));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "x");
    let idempotent = bridge.call::<i64>("come_back_at_most_once", args! { path: path, times: 2 }).idempotent();
    assert_eq!(idempotent.await?, 3);

    std::fs::remove_file(path).unwrap();
    let error = bridge.call::<i64>("fail_for_good", args! { path: path }).await.unwrap_err();
    let exception = error.exception().unwrap();
    assert_eq!((exception.code.as_deref(), exception.retryable), (Some("out_of_stock"), false));
    assert_eq!(exception.data.as_ref().unwrap()["item"], Value::from("tea"));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "x");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_call_that_waits_for_its_second_try_ends_at_its_deadline_and_when_it_is_dropped() -> Result<()> {
    let bridge = failing().start().await?;
    let folder = tempfile::tempdir().unwrap();
    let path = runs(&folder);
    let path = path.to_str().unwrap();
    let dropped = bridge.call::<i64>("come_back", args! { path: path, times: 1_000 }).retries(1_000);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), dropped).await.is_err());
    let call = bridge.call::<i64>("come_back", args! { path: path, times: 1_000 }).retries(1_000);
    // A fifth of all calls and three are repeated: it may be told before.
    let error = call.timeout(std::time::Duration::from_millis(150)).await.unwrap_err();
    assert!(["deadline_exceeded", "tool"].contains(&error.code()), "{error}");
    bridge.shutdown().await?;
    assert_eq!(bridge.statistics().calls.outstanding(), 0);
    Ok(())
}
