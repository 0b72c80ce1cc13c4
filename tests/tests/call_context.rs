//! Everything that a tool knows of its call, wherever it runs.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use snakebridge::Profile;
use snakebridge::prelude::*;
use snakebridge::telemetry::Record;
use snakebridge_tests::python_folder;

/// Double a number.
#[tool]
fn double(n: i64) -> i64 {
    2 * n
}

const SPAN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn check(told: &Value, tool: &str, profile: Profile) {
    let expected = [
        ("session_id", Value::from("demo")),
        ("correlation_id", "trace-1".into()),
        ("of_telemetry", "trace-1".into()),
        ("traceparent", SPAN.into()),
        ("has_time", true.into()),
        ("cancelled", false.into()),
        ("shielded", true.into()),
        ("double", 42.into()),
    ];
    for (name, value) in expected {
        assert_eq!(told[name], value, "{name} of {tool} in {profile:?}");
    }
    assert_eq!(told["request_metadata"]["user"], Value::from("ada"), "{tool} in {profile:?}");
    assert_eq!(told["tools"], Value::Array(vec!["double".into()]), "{tool} in {profile:?}");
    assert_eq!(told["state"].to_string().contains('7'), true, "{:?} of {tool} in {profile:?}", told["state"]);
}

#[tokio::test]
async fn all_of_it_is_there_on_every_kind_of_thread_in_every_profile() -> Result<()> {
    for profile in [Profile::Process, Profile::Threads(2), Profile::Async] {
        let builder = Bridge::builder().adapter("call_tools:CallAdapter").python_path(python_folder());
        let bridge = builder.workers(1).profile(profile).tools(tools![double]).start().await?;
        let session = bridge.session("demo").await?;
        session.state().set("key", &7).await?;
        let mut records = bridge.records();
        for tool in ["on_main", "on_thread", "on_loop", "beside_the_loop"] {
            let heard = Arc::new(Mutex::new(None));
            let hears = Arc::clone(&heard);
            let call = bridge.execute(tool, args! {}).session(&session).correlation_id("trace-1").traceparent(SPAN);
            let call = call.metadata("user", "ada").timeout(Duration::from_secs(60));
            let told = call.on_progress(move |progress| *hears.lock().unwrap() = progress.fraction).await?;
            check(&told, tool, profile);
            assert_eq!(*heard.lock().unwrap(), Some(0.5), "{tool} in {profile:?}");
            let log = std::iter::from_fn(|| records.try_recv().ok()).find_map(|record| match record {
                Record::Log(log) if log.message == "described" => Some(log),
                _ => None,
            });
            let origin = log.unwrap_or_else(|| panic!("no log of {tool} in {profile:?}")).origin;
            assert_eq!((origin.tool.as_deref(), origin.session.as_deref()), (Some(tool), Some("demo")));
        }
        for tool in ["as_stream", "as_asynchronous_stream"] {
            let stream = bridge.stream::<Value>(tool, args! {}).session(&session).correlation_id("trace-1");
            let stream = stream.traceparent(SPAN).metadata("user", "ada").timeout(Duration::from_secs(60));
            let items: Vec<_> = stream.collect().await;
            assert_eq!(items.len(), 1);
            check(items[0].as_ref().unwrap(), tool, profile);
        }
        bridge.shutdown().await?;
    }
    Ok(())
}
