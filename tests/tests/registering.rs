//! Adapters that expose their tools to a session, as those written after snakepit's pattern do.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use snakebridge::prelude::*;
use snakebridge_tests::python_folder;

#[tokio::test]
async fn an_adapter_exposes_its_own_tools_to_the_session_of_the_call_and_to_no_other() -> Result<()> {
    let builder = Bridge::builder().adapter("registering_tools:RegisteringAdapter").python_path(python_folder());
    let bridge = builder.workers(1).start().await?;
    let (one, other) = (bridge.session("one").await?, bridge.session("other").await?);
    let registered: Vec<String> = one.call("register", args! {}).await?;
    assert_eq!(registered, ["register", "register_async", "register_some", "register_some_async"]);
    assert_eq!(one.call::<Vec<String>>("register_async", args! {}).await?, registered, "a second time adds nothing");
    assert_eq!((one.python_tools(), other.python_tools()), (registered, Vec::new()));

    let mut some = Vec::new();
    for (tool, name) in [("register_some", "register"), ("register_some_async", "register_async")] {
        assert_eq!(other.call::<Vec<String>>(tool, args! { names: [name] }).await?, [name]);
        some.push(name);
        assert_eq!(other.python_tools(), some);
        let error = other.execute(tool, args! { names: ["register_some", "regster"] }).await.unwrap_err();
        assert!(error.to_string().contains("no tool `regster`; did you mean `register`?"), "{error}");
        assert_eq!(other.python_tools(), some, "all of them or none");
        let error = bridge.execute(tool, args! { names: [name] }).await.unwrap_err();
        assert!(error.to_string().contains("session_not_found"), "a call without a session has none: {error}");
    }

    other.close().await?;
    assert!(bridge.session("other").await?.python_tools().is_empty(), "they ended with the session");
    bridge.shutdown().await
}
