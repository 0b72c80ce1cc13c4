//! References to objects that nobody keeps, or that are none. They cost their call, and nothing else.

use snakebridge::error::Executed;
use snakebridge::prelude::*;

use super::hostile;

/// A session, the first of its bridge, whose worker lies.
async fn session_of(lie: &str) -> Result<(Bridge, Session)> {
    let bridge = hostile(lie).workers(1).references(true).start().await?;
    let session = bridge.session("mine").await?;
    Ok((bridge, session))
}

#[tokio::test]
async fn what_names_no_object_of_the_calls_session_is_an_error_of_its_call_alone() -> Result<()> {
    for lie in [
        "object: of another session",
        "object: without a number",
        "object: with more than there is",
        "object: that is no text",
        "extension: stream",
        "extension: empty",
    ] {
        let (bridge, session) = session_of(lie).await?;
        let error = session.call::<Object>("lie", args! {}).await.expect_err(lie);
        assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes), "{lie}: {error}");
        let error = session.call::<ValueOrObject>("lie", args! {}).await.expect_err(lie);
        assert_eq!((error.code(), error.executed()), ("unserializable", Executed::Yes), "{lie}: {error}");
        assert_eq!(session.call::<i64>("honest", args! {}).await?, 7, "{lie}");
        bridge.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_object_that_is_named_twice_is_the_lying_workers_own_matter() -> Result<()> {
    let (bridge, session) = session_of("object: the same twice").await?;
    let objects: Vec<Object> = session.call("lie", args! {}).await?;
    assert_eq!((objects.len(), objects[0].worker()), (2, objects[1].worker()));
    // It is asked for what it named, and lies again.
    assert_eq!(objects[0].len().await.unwrap_err().code(), "unserializable");
    drop(objects);
    assert_eq!(session.call::<i64>("honest", args! {}).await?, 7);
    bridge.shutdown().await
}

#[tokio::test]
async fn an_object_is_of_no_use_without_a_call_that_it_came_from() -> Result<()> {
    // The pool allows none.
    let bridge = hostile("object: the same twice").workers(1).start().await?;
    let session = bridge.session("mine").await?;
    let error = session.call::<Vec<Object>>("lie", args! {}).await.unwrap_err();
    assert!(error.code() == "unserializable" && error.to_string().contains("an object where none can be"), "{error}");
    bridge.shutdown().await
}
