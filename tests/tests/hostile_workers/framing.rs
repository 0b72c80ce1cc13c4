//! Lengths, kinds and the shape of headers.

use std::time::Duration;

use snakebridge::error::Executed;

use super::{Scene, assert_breaches, assert_taken, claimed_bytes};

// E1, E2, E7
#[tokio::test]
async fn breaches_of_the_framing_are_named() {
    assert_breaches(&[
        ("endless length", "frame_too_large"),
        ("a byte over the limit", "frame_too_large"),
        ("empty frame", "empty"),
        ("garbage", "shape"),
    ])
    .await;
}

// E8, E9
#[tokio::test]
async fn headers_of_the_wrong_shape_are_named() {
    assert_breaches(&[
        ("number for a header", "shape"),
        ("nil for a header", "shape"),
        ("map for a header", "shape"),
        ("empty header", "shape"),
        ("missing id", "shape"),
        ("nil for an id", "shape"),
        ("text for an id", "shape"),
        ("reserved byte in a header", "shape"),
        ("header that ends early", "decode"),
        ("target outside the grammar", "shape"),
        ("long target", "shape"),
        ("unknown kind", "unknown_kind"),
        ("event without a class", "shape"),
    ])
    .await;
}

// E23
#[tokio::test]
async fn reserved_kinds_and_flags_are_refused() {
    assert_breaches(&[
        ("reserved kind", "unsupported"),
        ("reserved flag of a call", "unsupported"),
        ("all flags of a call", "unsupported"),
    ])
    .await;
}

// E5, E8, E9
#[tokio::test]
async fn what_is_odd_and_no_breach_is_taken() {
    assert_taken(&["byte by byte", "optional kind", "appended elements"]).await;
}

// E4
#[tokio::test]
async fn half_a_frame_and_death_is_a_lost_worker() {
    let scene = Scene::of("truncated").await;
    let error = scene.lie().await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("worker_lost", Executed::Maybe));
    scene.end("truncated").await;
}

// E3
#[tokio::test]
async fn a_length_and_silence_cost_the_deadline_and_reserve_nothing() {
    let gigabytes = snakebridge::wire::Limits { frame: 1 << 30, ..Default::default() };
    let scene =
        Scene::with("limit and silence", |builder| builder.limits(gigabytes).cancel_grace(Duration::from_millis(100)))
            .await;
    let before = claimed_bytes();
    let error = scene.lie().timeout(Duration::from_millis(200)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("deadline_exceeded", Executed::Maybe));
    let grown = claimed_bytes().saturating_sub(before);
    assert!(grown < 512 << 20, "{grown} bytes for a frame of which nothing came");
    scene.replaced("limit and silence").await;
    scene.end("limit and silence").await;
}
