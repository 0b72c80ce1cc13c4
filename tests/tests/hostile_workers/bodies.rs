//! Large bodies that are not what was announced.

use std::time::Duration;

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::wire::Limits;

use super::{Scene, assert_breaches, claimed_bytes};

#[tokio::test]
async fn fragments_that_no_announcement_fits_are_breaches() {
    assert_breaches(&[
        ("fragment of nothing", "fragment"),
        ("fragment of another stream", "fragment"),
        ("fragment for a call never made", "id"),
        ("fragment for a question never asked", "id"),
        ("empty fragment", "fragment"),
        ("more than announced", "fragment"),
    ])
    .await;
}

// E1
#[tokio::test]
async fn announcements_of_too_much_nothing_or_twice_are_breaches() {
    assert_breaches(&[
        ("announced over the limit", "frame_too_large"),
        ("announced beyond counting", "frame_too_large"),
        ("announced as nothing", "fragment"),
        ("announced with a body", "fragment"),
        ("announced twice", "fragment"),
        ("reply inside a reply", "fragment"),
    ])
    .await;
}

#[tokio::test]
async fn an_error_inside_a_large_reply_is_the_answer_and_the_worker_stays() {
    let lie = "error inside a reply";
    let scene = Scene::of(lie).await;
    let error = scene.lie().await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("tool", Executed::Yes));
    assert!(scene.is_whole(), "the worker stays");
    scene.end(lie).await;
}

// E5
#[tokio::test]
async fn fragments_may_be_as_short_as_they_like() {
    let lie = "reply in tiny fragments";
    let scene = Scene::of(lie).await;
    assert_eq!(scene.bridge.call::<String>("lie", args! {}).await.unwrap(), "abc");
    assert!(scene.is_whole(), "the worker stays");
    scene.end(lie).await;
}

// E3
#[tokio::test]
async fn a_large_result_that_never_ends_costs_the_deadline_and_reserves_nothing() {
    for lie in ["result that stops", "result that never ends"] {
        let limits = Limits { body: 1 << 40, ..Limits::default() };
        let adjust = |builder: snakebridge::Builder| builder.limits(limits).cancel_grace(Duration::from_millis(100));
        let scene = Scene::with(lie, adjust).await;
        let before = claimed_bytes();
        let error = scene.lie().timeout(Duration::from_millis(300)).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe), "{lie}");
        let grown = claimed_bytes().saturating_sub(before);
        assert!(grown < 2 << 30, "{lie}: {grown} bytes for a body of which a fragment has come");
        // As its result is on its way it is not killed for this call: the next one may be lost, and then it is.
        let next = scene.bridge.call::<i64>("honest", args! {}).timeout(Duration::from_millis(300));
        let _ = next.await;
        scene.replaced(lie).await;
        scene.end(lie).await;
    }
}

// E3
#[tokio::test]
async fn a_worker_that_begins_every_result_and_ends_none_costs_those_calls_their_deadlines_and_others_nothing() {
    let adjust = |builder: snakebridge::Builder| builder.drain(Duration::from_millis(100));
    let scene = Scene::with("result that is announced", adjust).await;
    for _ in 0..3 {
        let error = scene.lie().timeout(Duration::from_millis(100)).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
        let honest = scene.bridge.call::<i64>("honest", args! {}).timeout(super::PATIENCE).await;
        assert_eq!(honest.unwrap(), 7);
    }
    scene.end("result that is announced").await;
}

// E3
#[tokio::test]
async fn a_worker_whose_large_result_stops_coming_is_replaced_and_no_shutdown_waits_for_it() {
    let bridge =
        super::hostile("result that is announced").cancel_grace(Duration::from_millis(100)).start().await.unwrap();
    let error = bridge.call::<i64>("lie", args! {}).timeout(Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(error.code(), "deadline_exceeded");
    let another = || bridge.workers().first().is_some_and(|worker| worker.number > 1).then_some(());
    snakebridge_tests::eventually("another worker", another).await;
    let shutdown = tokio::time::timeout(super::PATIENCE, bridge.shutdown()).await;
    shutdown.expect("it does not wait its drain of 30 seconds").unwrap();
}
