//! Whose call is answered, and by whom.

use std::time::Duration;

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::eventually;

use super::{PATIENCE, Scene, assert_breaches, assert_taken, hostile, lost};

// E10, E11, E16: ids of another connection are such ids too.
#[tokio::test]
async fn an_answer_to_a_call_that_was_never_made_is_a_breach() {
    assert_breaches(&[
        ("answer to nothing", "id"),
        ("error for nothing", "id"),
        ("wrong parity", "id"),
        ("answer to 0", "id"),
    ])
    .await;
}

// E8
#[tokio::test]
async fn greetings_in_the_middle_of_a_connection_are_breaches() {
    assert_breaches(&[("second hello", "phase"), ("second ready", "phase"), ("cannot start after all", "phase")]).await;
}

// E12
#[tokio::test]
async fn of_two_answers_the_first_counts() {
    assert_taken(&["twice"]).await;
}

// E10, E12
#[tokio::test]
async fn answers_to_answered_calls_are_forgiven_a_few_times() {
    let bridge = hostile("many times").start().await.unwrap();
    let mut events = bridge.events();
    assert_eq!(bridge.call::<i64>("lie", args! {}).await.unwrap(), 7, "the first answer counts");
    // The flood behind it costs the worker; a call in between would share its fate.
    lost(&mut events).await;
    assert_eq!(bridge.call::<i64>("honest", args! {}).await.unwrap(), 7);
    bridge.shutdown().await.unwrap();
}

// E16
#[tokio::test]
async fn an_error_before_the_request_was_all_sent_is_the_answer_and_the_rest_is_not_sent() {
    const SIZE: u64 = 64 << 20;
    let lie = "answers inside a request";
    let scene = Scene::of(lie).await;
    let data = Bytes::from(vec![0; SIZE.try_into().unwrap()]);
    let error = scene.bridge.call::<i64>("lie", args! { data: data }).timeout(PATIENCE).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("tool", Executed::Yes));
    let mut received = 0;
    loop {
        let now: u64 = scene.bridge.call("received", args! {}).await.unwrap();
        if now == received {
            break;
        }
        received = now;
        // Were there more, it would come meanwhile.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(0 < received && received < SIZE / 2, "{received} bytes of {SIZE} were sent");
    assert!(scene.is_whole(), "the worker stays");
    scene.end(lie).await;
}

// H11
#[tokio::test]
async fn a_call_that_is_given_up_while_it_waits_for_its_second_attempt_has_none() {
    let folder = tempfile::TempDir::new().unwrap();
    let (liar, gate) = (folder.path().join("liar"), folder.path().join("gate"));
    let bridge = hostile("dies inside a request").env("ONCE", liar).env("GATE", &gate).start().await.unwrap();
    let mut events = bridge.events();
    let mut call = bridge.call::<i64>("lie", args! { data: Bytes::from(vec![0; 1 << 20]) });
    assert!(futures::future::poll_immediate(&mut call).await.is_none());
    while !matches!(events.recv().await.unwrap(), Event::CallRepeated { .. }) {}
    drop(call);
    // Only now can another worker start.
    std::fs::File::create(gate).unwrap();
    assert_eq!(bridge.call::<u64>("received", args! {}).timeout(PATIENCE).await.unwrap(), 0, "bytes of its arguments");
    assert_eq!(bridge.workers()[0].number, 2);
    bridge.shutdown().await.unwrap();
}

// E8
#[tokio::test]
async fn errors_that_say_nothing_or_something_new_are_still_errors() {
    let lie = "error that is no map";
    let scene = Scene::of(lie).await;
    assert_eq!(scene.lie().await.unwrap_err().code(), "tool");
    assert!(scene.is_whole());
    scene.end(lie).await;
    let lie = "error of a new kind";
    let scene = Scene::of(lie).await;
    let error = scene.lie().await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("strange_new_code", Executed::Never));
    assert!(error.to_string().contains("Strange: who knows"), "{error}");
    assert!(scene.is_whole());
    scene.end(lie).await;
}

// E18
#[tokio::test]
async fn a_worker_that_is_deaf_costs_the_deadline_and_then_itself() {
    let scene = Scene::with("deaf", |builder| builder.cancel_grace(Duration::from_millis(100))).await;
    let error = scene.lie().timeout(Duration::from_millis(200)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
    scene.replaced("deaf").await;
    scene.end("deaf").await;
}

// E18
#[tokio::test]
async fn a_worker_that_stops_reading_inside_a_large_request_holds_up_nobody_else() {
    let lie = "stops inside a request";
    let bridge = hostile(lie).workers(2).cancel_grace(Duration::from_millis(100)).start().await.unwrap();
    eventually("two workers", || (bridge.workers().len() == 2).then_some(())).await;
    let data = Bytes::from(vec![0; 64 << 20]);
    let large = bridge.call::<i64>("lie", args! { data: data }).timeout(Duration::from_secs(2));
    let large = tokio::spawn(large.into_future());
    let mut served = 0;
    while !large.is_finished() {
        assert_eq!(bridge.call::<i64>("honest", args! {}).timeout(PATIENCE).await.unwrap(), 7);
        served += 1;
    }
    assert!(served > 10, "{served} small calls beside a large one that stands still");
    let error = large.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "deadline_exceeded", "{error}");
    assert_ne!(error.executed(), Executed::Yes);
    let left = || bridge.workers().iter().filter(|worker| worker.number <= 2).count();
    eventually("the end of the liar", || (left() == 1).then_some(())).await;
    assert_eq!(bridge.call::<i64>("honest", args! {}).await.unwrap(), 7);
    bridge.shutdown().await.unwrap();
}

// E18
#[tokio::test]
async fn a_worker_that_closes_its_input_is_replaced() -> Result<()> {
    let bridge = hostile("closes its input").start().await?;
    assert_eq!(bridge.call::<i64>("lie", args! {}).await?, 7);
    // The next call finds that nobody reads; it never ran, so another worker does.
    assert_eq!(bridge.call::<i64>("honest", args! {}).timeout(PATIENCE).await?, 7);
    bridge.shutdown().await
}

#[tokio::test]
async fn a_worker_that_takes_few_calls_is_given_few() -> Result<()> {
    let bridge = hostile("few calls").start().await?;
    let calls = (0..50).map(|_| bridge.call::<i64>("honest", args! {}));
    for answer in snakebridge_tests::join_all(calls.collect::<Vec<_>>()).await {
        assert_eq!(answer?, 7);
    }
    assert_eq!(bridge.workers()[0].number, 1, "it was not taken for dead");
    bridge.shutdown().await
}

// E11
#[tokio::test]
async fn going_away_behind_a_call_that_was_never_made_is_a_breach() {
    assert_breaches(&[("goes away behind a call never made", "id"), ("goes away behind its own call", "id")]).await;
}

// E10
#[tokio::test]
async fn a_call_that_was_given_back_and_answered_nonetheless_is_answered_by_the_next_worker_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let liar = folder.path().join("liar");
    let bridge = hostile("goes away and answers what it gave back").env("ONCE", liar).start().await.unwrap();
    let answer = bridge.call::<i64>("lie", args! {}).timeout(PATIENCE).await;
    assert_eq!(answer.unwrap(), 7, "and not 8, which the first worker said");
    assert!(bridge.workers().iter().any(|worker| worker.number > 1), "another worker serves");
    bridge.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_went_away_gets_no_more_calls_whatever_it_still_says() {
    for lie in ["goes away and serves on", "goes away and asks", "goes away and stays"] {
        let mut scene = Scene::of(lie).await;
        assert_eq!(scene.lie().await.unwrap(), 7, "{lie}: it had promised to answer this one");
        let gone = loop {
            match scene.events.recv().await.unwrap() {
                Event::WorkerRetired { worker, .. } | Event::WorkerLost { worker, .. } => break worker,
                _ => {}
            }
        };
        assert!(scene.bridge.workers().iter().all(|worker| worker.number != gone), "{lie}");
        scene.end(lie).await;
    }
}

#[tokio::test]
async fn a_call_that_every_worker_gives_back_ends_at_its_deadline() {
    let bridge = hostile("goes away at once").start().await.unwrap();
    let error = bridge.call::<i64>("lie", args! {}).timeout(Duration::from_millis(500)).await.unwrap_err();
    assert_eq!(error.code(), "deadline_exceeded", "{error}");
    assert_ne!(error.executed(), Executed::Yes);
    assert_eq!(bridge.call::<i64>("honest", args! {}).timeout(PATIENCE).await.unwrap(), 7);
    bridge.shutdown().await.unwrap();
}
