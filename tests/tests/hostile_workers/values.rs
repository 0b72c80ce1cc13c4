//! Bodies that are traps for those who decode them. They cost their call, and nothing else.

use snakebridge::error::Executed;
use snakebridge::prelude::*;

use super::Scene;

/// The call's error says that the tool ran and what cannot be read; its worker stays.
async fn assert_unreadable(lies: &[(&str, &str)]) {
    for (lie, part) in lies {
        let scene = Scene::of(lie).await;
        let error = scene.lie().await.expect_err(lie);
        assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes), "{lie}: {error}");
        assert!(error.to_string().contains(part), "{lie}: `{part}` in {error}");
        let error = scene.bridge.execute("lie", args! {}).await.expect_err(lie);
        assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes), "{lie}: {error}");
        assert!(scene.is_whole(), "{lie}: the worker stays");
        scene.end(lie).await;
    }
}

// F4, F5, F6, F11
#[tokio::test]
async fn values_that_would_burst_a_decoder_are_errors_of_their_call_alone() {
    assert_unreadable(&[
        ("deep", "nested deeper than 64"),
        ("long", "truncated"),
        ("wide", "more than 1000000 values"),
        ("not text", ""),
    ])
    .await;
}

// E8
#[tokio::test]
async fn a_body_of_no_value_or_two_is_an_error_of_its_call_alone() {
    assert_unreadable(&[("nothing", ""), ("more than one", "")]).await;
}

// E20
#[tokio::test]
async fn extension_types_that_mean_nothing_here_are_errors_of_their_call_alone() {
    assert_unreadable(&[
        ("extension: unknown", ""),
        ("extension: empty", ""),
        ("extension: endless", ""),
        ("extension: timestamp", ""),
        ("extension: integer", "4097 bytes"),
        ("extension: complex", ""),
        ("extension: array", ""),
        ("extension: mark", ""),
        ("extension: stream", ""),
        ("extension: inside", ""),
        ("extension: as a key", ""),
    ])
    .await;
}
