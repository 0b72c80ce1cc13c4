//! A name selects one of the tools that were registered, and is nothing else: no attribute, no path, no code.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge_tests::Ledger;

// R2
#[tokio::test]
async fn only_registered_names_are_called_in_either_direction() -> Result<()> {
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let long = "x".repeat(10_240);
    let attributes = ["__class__", "__init__", "ledger", "note", "ledger.note", "constructor", "config", "cleanup"];
    let no_names = [
        "../",
        "../pid",
        "/pid",
        "pid()",
        "pid;work",
        "pid ",
        " pid",
        "$manifest",
        "$state.get",
        "",
        "1pid",
        "é",
        &long,
    ];
    for name in attributes.into_iter().chain(no_names) {
        let error = bridge.execute(name, args! {}).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("tool_not_found", Executed::Never), "{name}: {error}");
        assert!(error.to_string().len() < 3000, "{name}");
        // And where Python calls the host.
        let none = std::collections::BTreeMap::<String, u8>::new();
        let error = bridge.execute("ask_host", args! { tool: name, arguments: none }).await.unwrap_err();
        assert_eq!(error.code(), "tool", "{name}: {error}");
    }
    assert!(ledger.entries().is_empty());
    // They are one series together, whatever callers call.
    let names: Vec<String> = bridge.statistics().tools.into_keys().collect();
    assert_eq!(names, ["", "ask_host"]);
    bridge.shutdown().await
}
