//! Questions in which the worker names another session than that of its call. Row J8 of the fault catalogue.

use std::collections::BTreeMap;

use snakebridge::prelude::*;

use super::hostile;

/// Only of one session.
#[tool]
fn own() -> &'static str {
    "secret"
}

type Told = BTreeMap<String, Value>;

/// A bridge with a session that has a value and a tool, and another one.
async fn two_sessions(lie: &str) -> Result<(Bridge, Session, Session)> {
    let bridge = hostile(lie).start().await?;
    let (mine, theirs) = (bridge.session("mine").await?, bridge.session("theirs").await?);
    theirs.register(tools![own])?;
    theirs.state().set("k", "secret").await?;
    Ok((bridge, mine, theirs))
}

async fn assert_untouched(session: &Session) -> Result<()> {
    assert_eq!(session.state().get_versioned::<String>("k").await?, Some((1, "secret".to_owned())));
    assert_eq!(session.state().keys().await?, ["k"]);
    assert!(session.python_tools().is_empty());
    Ok(())
}

fn none() -> Value {
    Value::Array(vec![])
}

#[tokio::test]
async fn a_question_is_about_the_session_of_its_call_and_not_about_the_one_that_the_worker_names() -> Result<()> {
    let (bridge, mine, theirs) = two_sessions("names another session").await?;
    let mut told: Told = mine.call("lie", args! {}).await?;
    assert_untouched(&theirs).await?;
    assert_eq!(told.remove("$tools.list").unwrap()["tools"], none());
    let expected = [
        ("$state.get", Value::Nil),
        ("$state.keys", none()),
        ("$state.cas", "conflict".into()),
        ("$state.set", 1.into()),
        ("$state.delete", true.into()),
        ("$tools.register", Value::Array(vec!["lie".into()])),
        ("own", "tool_not_found".into()),
    ];
    assert_eq!(told, expected.map(|(question, answer)| (question.to_owned(), answer)).into());
    assert_eq!(mine.python_tools(), ["lie"]);

    // A call in no session has none, whichever the worker names.
    let mut told: Told = bridge.call("lie", args! {}).await?;
    assert_untouched(&theirs).await?;
    assert_eq!(told.remove("$tools.list").unwrap()["tools"], none());
    assert_eq!(told.remove("own"), Some("tool_not_found".into()));
    assert!(told.len() == 6 && told.values().all(|answer| *answer == "session_not_found".into()), "{told:?}");
    bridge.shutdown().await
}

#[tokio::test]
async fn a_question_outside_of_all_calls_is_about_no_session() -> Result<()> {
    let (bridge, mine, theirs) = two_sessions("names another session and no call").await?;
    let mut told: Told = mine.call("lie", args! {}).await?;
    assert_untouched(&theirs).await?;
    assert_eq!(told.remove("$tools.list").unwrap()["tools"], none());
    assert!(told.len() == 7 && told.values().all(|answer| *answer == "call_ended".into()), "{told:?}");
    bridge.shutdown().await
}
