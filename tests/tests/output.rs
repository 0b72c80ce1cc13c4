//! What workers print, in the program's own log.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use snakebridge::prelude::*;
use snakebridge::telemetry::WORKER_OUTPUT;
use snakebridge_tests::{Ledger, eventually};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps the lines of workers' output.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == WORKER_OUTPUT
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

// The only test of this program: a subscriber is for a whole process.
#[tokio::test]
async fn lines_of_workers_are_log_records_one_each_with_control_characters_escaped() -> Result<()> {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    bridge.execute("noisy", args! { text: "two\nlines, one \u{1b}[31mred" }).await?;
    for expected in ["two", "lines, one \\u{1b}[31mred", "written to 1", "from a shell", "from C"] {
        eventually(expected, || log.0.lock().unwrap().iter().any(|line| line == expected).then_some(())).await;
    }
    bridge.shutdown().await
}
