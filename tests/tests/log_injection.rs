//! What workers, tools and callers say cannot pass for a record of the log, nor for a line of an error.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use snakebridge::body::Arguments;
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge_tests::{Ledger, eventually, python_folder};
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// A line of its own, a screen that is cleared, a link, and a zero, as one text.
const FORGED: &str = "a\n2026-11-30T00:00:00Z ERROR forged\r\u{1b}[2J\u{1b}]8;;http://evil.test\u{7}\0\u{85}z";

/// Keeps each record as the text that a subscriber makes of it, which writes what it is given as it is.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("snakebridge")
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields(String::new());
        attributes.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// An error as a program shows it: in either form it is of lines of its own, without anything that a terminal obeys.
fn check(what: &str, error: &Error) {
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{what}: {text:?}");
        assert!(text.split('\n').skip(1).all(|line| line.starts_with("    ")), "{what}: {text}");
    }
}

// P3. The only test of this program: a subscriber is for a whole process.
#[tokio::test]
async fn whatever_is_said_from_outside_one_event_is_one_line() -> Result<()> {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).create_sessions().start().await?;
    let mut events = bridge.events();

    // What a tool prints, through Python and past it.
    bridge.execute("noisy", args! { text: FORGED }).await?;
    // What it logs, by whatever logger.
    bridge.execute("logs", args! { text: FORGED }).correlation_id(FORGED).await?;
    // What it raises, where somebody waits for it and where nobody does.
    check("message", &bridge.execute("fails", args! { message: FORGED }).await.unwrap_err());
    bridge.execute("fails", args! { message: FORGED }).correlation_id(FORGED).notify().await.unwrap_or_default();
    bridge.execute("fails", args! { message: FORGED }).correlation_id("plain").notify().await?;
    // Names that are none.
    for name in [FORGED, &"x\u{1b}".repeat(10_000)] {
        check("tool", &bridge.execute(name, args! {}).await.unwrap_err());
        check("session", &bridge.session(name).await.map(drop).unwrap_err());
        check("session of a call", &bridge.execute("pid", args! {}).session(name).await.unwrap_err());
        check(
            "host tool",
            &bridge
                .execute("ask_host", args! { tool: name, arguments: BTreeMap::<String, i64>::new() })
                .await
                .unwrap_err(),
        );
        check("parameter", &bridge.execute("echo", argument(name)).await.unwrap_err());
        check("pool", &bridge.execute("pid", args! {}).pool(name).await.unwrap_err());
    }
    // Last words, of a worker that dies and of one that never was.
    bridge.execute("noisy", args! { text: FORGED }).await?;
    check("last words", &bridge.execute("ends", args! { call: 1, how: "kill" }).await.unwrap_err());
    let folder = TempDir::new().unwrap();
    let module =
        r"raise ImportError('a\n2026-11-30T00:00:00Z ERROR forged\r\x1b[2J\x1b]8;;http://evil.test\x07\0\x85z')";
    std::fs::write(folder.path().join("odd.py"), module).unwrap();
    let start = Bridge::builder().adapter("odd").python_path(folder.path()).python_path(python_folder()).workers(1);
    check("start", &start.start().await.map(drop).unwrap_err());
    check("adapter", &Bridge::builder().adapter(FORGED).start().await.map(drop).unwrap_err());

    eventually("the events of all that", || {
        let mut seen = std::iter::from_fn(|| events.try_recv().ok());
        seen.any(|event| matches!(event, Event::CallLost { .. })).then_some(())
    })
    .await;
    bridge.shutdown().await?;
    let records = log.0.lock().unwrap().clone();
    for part in
        ["a\\n2026-11-30T00:00:00Z", "\\u{1b}[2J", "logger=a\\n2026", "NotificationFailed", "WorkerLost", "StartFailed"]
    {
        assert!(records.iter().any(|record| record.contains(part)), "`{part}` in {records:#?}");
    }
    let odd: Vec<_> = records.iter().filter(|record| record.chars().any(char::is_control)).collect();
    assert!(odd.is_empty(), "{odd:#?}");
    Ok(())
}

/// An argument whose name is known only here.
fn argument(name: &str) -> Arguments {
    Arguments::new().named(name, &1)
}
