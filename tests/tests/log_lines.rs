//! What Python says, in the program's own log: one line each, at its level, under a target that filters know.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use snakebridge::prelude::*;
use snakebridge::telemetry::{PYTHON_EVENTS, PYTHON_LOG, WORKER_OUTPUT};
use snakebridge_tests::python_folder;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// One event: its target, its level, and its fields as text.
type Line = (&'static str, Level, BTreeMap<&'static str, String>);

/// Keeps all events of this crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Line>>>);

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("snakebridge")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push((event.metadata().target(), *event.metadata().level(), fields.0));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

// P3. The only test of this program: a subscriber is for a whole process.
#[tokio::test]
async fn each_record_is_one_line_at_its_level_whatever_stands_in_it() -> Result<()> {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let bridge = Bridge::builder().adapter("telling_tools:TellingAdapter").python_path(python_folder());
    let bridge = bridge.workers(1).create_sessions().start().await?;
    let hostile = "no tea\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[31m\u{1b}]8;;http://x\u{7}\0\u{202e}";
    let logs = bridge.call::<()>("log", args! { message: hostile }).session("demo").correlation_id("a\nb");
    logs.await?;
    bridge.call::<()>("say", args! { text: hostile }).await?;
    bridge.execute("measure", args! {}).correlation_id("trace-1").await?;
    bridge.shutdown().await?;

    let lines = log.0.lock().unwrap().clone();
    for (target, level, fields) in &lines {
        for (name, text) in fields {
            let harmless = |character: char| !character.is_control() && character != '\u{202e}';
            assert!(text.chars().all(harmless), "{target} {level} {name}: {text:?}");
        }
    }
    let of = |target: &str| lines.iter().filter(|line| line.0 == target).cloned().collect::<Vec<_>>();
    let logs: Vec<_> = of(PYTHON_LOG).into_iter().filter(|(.., fields)| fields.contains_key("tool")).collect();
    assert_eq!(
        logs.iter().map(|line| line.1).collect::<Vec<_>>(),
        [Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR]
    );
    let (_, _, warning) = &logs[2];
    assert!(warning["message"].starts_with("no tea\\n2026"), "{warning:?}");
    let expected =
        [("logger", "shop"), ("tool", "log"), ("session", "demo"), ("correlation_id", "a\\nb"), ("pool", "default")];
    for (name, value) in expected {
        assert_eq!(warning[name], value);
    }
    assert!(warning["source"].contains("telling_tools.py:") && warning["worker"] == "1");
    let (_, _, error) = &logs[3];
    assert_eq!(error["exception"], "KeyError: 'TEA'");
    assert!(error["traceback"].contains("\\n"), "{error:?}");
    let printed = of(WORKER_OUTPUT);
    assert!(printed.iter().all(|line| line.1 == Level::INFO && line.2["tool"] == "say"));
    assert_eq!(printed[0].2["message"], "no tea");
    let measured = of(PYTHON_EVENTS);
    assert!(measured.iter().all(|line| line.1 == Level::DEBUG && line.2["tool"] == "measure"));
    assert_eq!(measured[1].2["name"], "any.name at all");
    Ok(())
}
