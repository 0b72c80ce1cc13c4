//! Calls that the worker makes, and what it says about them.

use futures::stream;
use snakebridge::error::Executed;
use snakebridge::prelude::*;

use super::{PATIENCE, Scene, assert_breaches, assert_taken, breach, claimed_bytes, resident_bytes};

// E11
#[tokio::test]
async fn questions_with_ids_that_were_used_or_are_the_hosts_are_breaches() {
    assert_breaches(&[("same id twice", "id"), ("ids that go back", "id"), ("id of the host", "id")]).await;
}

// G9
#[tokio::test]
async fn credit_for_what_is_no_stream_and_credit_without_bounds_are_breaches() {
    assert_breaches(&[
        ("credit for nothing", "flow"),
        ("credit for a stream that is none", "flow"),
        ("credit for a call that does not stream", "flow"),
        ("credit without end", "flow"),
        ("credit that adds up", "flow"),
    ])
    .await;
}

// G9
#[tokio::test]
async fn credit_without_bounds_for_a_stream_among_the_arguments_is_a_breach() {
    for lie in ["credit without end for an argument", "credit for the second of one stream"] {
        let scene = Scene::of(lie).await;
        let values = Input::new(stream::repeat(1));
        let error = scene.bridge.call::<i64>("lie", args! { values: values }).timeout(PATIENCE).await.unwrap_err();
        assert_eq!((breach(&error), error.executed()), ("flow", Executed::Maybe), "{lie}");
        scene.replaced(lie).await;
        scene.end(lie).await;
    }
}

// G9
#[tokio::test]
async fn items_for_the_host_that_nobody_reads_are_dropped_up_to_the_window_and_a_breach_beyond_it() {
    assert_taken(&["a question with a stream"]).await;
    let before = resident_bytes();
    assert_breaches(&[("a question with a flood of items", "flow"), ("a question with many streams", "shape")]).await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 300 << 20, "{grown} bytes");
}

// E3
#[tokio::test]
async fn large_arguments_of_the_worker_that_never_end_take_what_has_come_and_no_more() {
    let before = claimed_bytes();
    assert_taken(&["half a question"]).await;
    assert_breaches(&[
        ("half questions beyond the budget", "receive_budget"),
        ("a question over the limit", "frame_too_large"),
        ("thousands of announced questions", "too_many_calls"),
    ])
    .await;
    let grown = claimed_bytes().saturating_sub(before);
    assert!(grown < 2 << 30, "{grown} bytes");
}

/// A tool of the host.
#[tool]
fn echo(values: Vec<String>) -> Vec<String> {
    values
}

// E8
#[tokio::test]
async fn questions_that_make_no_sense_are_answered_with_errors_or_are_breaches() {
    for lie in ["a question from nowhere", "questions with traps in them"] {
        let scene = Scene::with(lie, |builder| builder.tools(tools![echo])).await;
        assert_eq!(scene.lie().await.expect(lie), 7, "{lie}");
        assert!(scene.is_whole(), "{lie}: the worker stays");
        scene.end(lie).await;
    }
    assert_breaches(&[("a question in a session that is no text", "shape")]).await;
}
