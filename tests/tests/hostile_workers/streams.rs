//! Items that come out of turn, or unasked.

use std::time::Duration;

use snakebridge::prelude::*;

use super::{Scene, assert_breaches, assert_broken_streams, breach, hostile, items_of, lost};

// E14, E15, E23
#[tokio::test]
async fn breaches_in_a_stream_come_as_its_last_item() {
    assert_broken_streams(&[
        ("gap", "stream_seq", 1),
        ("repeat", "stream_seq", 1),
        ("regress", "stream_seq", 2),
        ("begins late", "stream_seq", 0),
        ("wrong count", "stream_seq", 1),
        ("reply for a stream", "unexpected_chunk", 0),
        ("reserved flag of an item", "unsupported", 0),
        ("item of an argument", "id", 0),
    ])
    .await;
}

// E14
#[tokio::test]
async fn an_item_for_a_call_that_asked_for_none_is_a_breach() {
    assert_breaches(&[("item for a call", "unexpected_chunk"), ("nothing but an end", "unexpected_chunk")]).await;
}

// E13, E14
#[tokio::test]
async fn a_stream_of_no_items_is_empty_and_what_comes_after_its_end_is_dropped() {
    assert!(items_of("nothing but an end").await.is_empty());
    assert_eq!(items_of("item after the end").await.len(), 1);
}

// E6
#[tokio::test]
async fn a_thousand_items_in_one_write_are_a_thousand_items_in_order() {
    let items: Vec<Value> = items_of("thousand at once").await.into_iter().collect::<Result<_>>().unwrap();
    assert_eq!(items, (0..1000).map(Value::from).collect::<Vec<Value>>());
}

// G9
#[tokio::test]
async fn a_worker_that_sends_without_credit_is_ended_at_the_window() -> Result<()> {
    for (lie, most) in [("without credit", 3), ("announced without credit", 1)] {
        let bridge = hostile(lie).start().await?;
        let mut events = bridge.events();
        let stream = bridge.stream::<Value>("count", args! {});
        // Opened, and not read: whatever is honest stops at the window of 256 KiB.
        let mut stream = Box::pin(stream);
        let opened = futures::future::poll_immediate(stream.next()).await;
        lost(&mut events).await;
        let mut rest: Vec<_> = opened.flatten().into_iter().collect();
        rest.extend(stream.collect::<Vec<_>>().await);
        assert_eq!(breach(&rest.pop().unwrap().unwrap_err()), "flow", "{lie}");
        assert!(rest.len() <= most, "{lie}: {} items were held", rest.len());
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_comes_inside_an_item_that_is_not_complete_is_a_breach() {
    assert_broken_streams(&[
        ("item inside an item", "fragment", 0),
        ("end inside an item", "fragment", 0),
        ("item longer than announced", "fragment", 0),
    ])
    .await;
}

#[tokio::test]
async fn an_error_inside_an_item_ends_the_stream_behind_the_items_that_are_complete() {
    let lie = "error inside an item";
    let scene = Scene::of(lie).await;
    let mut items: Vec<_> = scene.bridge.stream::<Value>("count", args! {}).collect().await;
    assert_eq!(items.pop().unwrap().unwrap_err().code(), "tool");
    assert_eq!(items.into_iter().collect::<Result<Vec<_>>>().unwrap(), [Value::from(1)]);
    assert!(scene.is_whole(), "the worker stays");
    scene.end(lie).await;
}

// G3
#[tokio::test]
async fn an_item_that_never_ends_costs_its_stream_the_deadline_and_the_worker_itself() {
    let lie = "item that stops";
    let scene = Scene::with(lie, |builder| builder.cancel_grace(Duration::from_millis(100))).await;
    let stream = scene.bridge.stream::<Value>("count", args! {}).timeout(Duration::from_millis(300));
    let mut items: Vec<_> = stream.collect().await;
    assert_eq!(items.pop().unwrap().unwrap_err().code(), "deadline_exceeded");
    assert_eq!(items.len(), 1);
    scene.replaced(lie).await;
    scene.end(lie).await;
}
