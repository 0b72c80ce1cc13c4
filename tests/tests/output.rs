//! What workers print, in the program's own log: every line of a quiet one, and of a loud one as much as anybody reads.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::telemetry::WORKER_OUTPUT;
use snakebridge_tests::{Ledger, eventually, host_memory, python_folder};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The longest line that is kept here: floods are counted.
const KEPT: usize = 200;

/// What has come of one worker's process.
#[derive(Default, Clone)]
struct Heard {
    lines: Vec<String>,
    /// Lines that it wrote, without words about those that were left out.
    count: u64,
    longest: usize,
}

/// The lines of workers' output, by the process that wrote them.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<HashMap<u64, Heard>>>);

#[derive(Default)]
struct Line {
    text: String,
    pid: u64,
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "pid" {
            self.pid = value;
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
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
        let mut line = Line::default();
        event.record(&mut line);
        let mut log = self.0.lock().unwrap();
        let heard = log.entry(line.pid).or_default();
        heard.count += u64::from(!line.text.contains("lines left out"));
        heard.longest = heard.longest.max(line.text.len());
        if line.text.len() <= KEPT {
            heard.lines.push(line.text);
        }
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Log {
    /// The one log of this program: a subscriber is for a whole process.
    fn get() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            tracing::subscriber::set_global_default(log.clone()).unwrap();
            log
        })
    }

    fn of(&self, pid: u32) -> Heard {
        self.0.lock().unwrap().get(&u64::from(pid)).cloned().unwrap_or_default()
    }

    async fn has(&self, pid: u32, expected: &str) {
        eventually(expected, || self.of(pid).lines.iter().any(|line| line == expected).then_some(())).await;
    }
}

async fn unruly() -> Result<(Bridge, u32)> {
    let builder = Bridge::builder().adapter("unruly_tools:UnrulyAdapter").python_path(python_folder());
    let bridge = builder.workers(1).start().await?;
    let pid = bridge.call("pid", args! {}).await?;
    Ok((bridge, pid))
}

// D2, D3
#[tokio::test]
async fn lines_of_workers_are_log_records_one_each_with_control_characters_escaped() -> Result<()> {
    let log = Log::get();
    let ledger = Ledger::new();
    let bridge = ledger.tools().workers(1).start().await?;
    let pid = bridge.call("pid", args! {}).await?;
    bridge.execute("noisy", args! { text: "two\nlines, one \u{1b}[31mred" }).await?;
    for expected in ["two", "lines, one \\u{1b}[31mred", "written to 1", "from a shell", "from C"] {
        log.has(pid, expected).await;
    }
    bridge.shutdown().await
}

// D1
#[tokio::test]
async fn ten_megabytes_of_print_are_in_the_log_or_counted_as_left_out() -> Result<()> {
    let log = Log::get();
    let (bridge, pid) = unruly().await?;
    assert_eq!(bridge.call::<u64>("prints", args! { lines: 10_000, length: 1000 }).await?, 10_000);
    eventually("all ten thousand lines", || {
        (log.of(pid).count + bridge.statistics().records_dropped == 10_000).then_some(())
    })
    .await;
    let shown = log.of(pid).count;
    assert!(shown >= 1000, "{shown} lines were shown");
    bridge.shutdown().await
}

// D11
#[tokio::test]
async fn a_flood_neither_stops_its_worker_nor_grows_the_host_and_what_is_left_out_is_said() -> Result<()> {
    /// Mebibytes: some in the gate, a thousand with `SNAKEBRIDGE_FLOOD=1000`.
    const FLOOD: u64 = 100;
    let mebibytes = std::env::var("SNAKEBRIDGE_FLOOD").map_or(FLOOD, |text| text.parse().unwrap());
    let log = Log::get();
    let (bridge, pid) = unruly().await?;
    let flood = |times: u64| {
        let line = snakebridge::Value::Bytes([&[b'x'; 1023][..], b"\n"].concat().repeat(1024).into());
        bridge.call::<u64>("writes", args! { descriptor: 2, data: line, times: times })
    };
    flood(2).await?;
    let before = host_memory("VmRSS");
    assert_eq!(flood(mebibytes).timeout(Duration::from_secs(600)).await?, mebibytes << 20);
    let after = host_memory("VmRSS");
    assert!(after <= before + (4 << 10), "{before} KiB before, {after} KiB after {mebibytes} MiB");
    let written = (mebibytes + 2) * 1024;
    eventually("all lines", || (log.of(pid).count + bridge.statistics().records_dropped == written).then_some(()))
        .await;
    assert!(bridge.statistics().records_dropped > 0, "{written} lines in so short a time");
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
    let dropped = bridge.statistics().records_dropped;
    bridge.recycle(1).await?;
    assert_eq!(bridge.statistics().records_dropped, dropped, "they stay counted when the worker has gone");
    bridge.shutdown().await
}

// D12
#[tokio::test]
async fn a_line_without_an_end_is_cut_and_bytes_that_are_no_text_are_shown_as_well_as_can_be() -> Result<()> {
    let log = Log::get();
    let (bridge, pid) = unruly().await?;
    let write = |data: &[u8], times: u64| {
        let data = snakebridge::Value::Bytes(data.to_vec().into());
        bridge.execute("writes", args! { descriptor: 2, data: data, times: times })
    };
    write(b"nul \0, no text \xff\xfe, \x1b[2J\x1b]8;;http://evil\x07, \r\nlevel=ERROR forged\n", 1).await?;
    log.has(pid, "nul \\u{0}, no text \u{fffd}\u{fffd}, \\u{1b}[2J\\u{1b}]8;;http://evil\\u{7}, ").await;
    log.has(pid, "level=ERROR forged").await;
    let before = log.of(pid).count;
    write(&[b'y'; 1 << 20], 20).await?;
    // 20 MiB in lines of 8 KiB, the last of which goes on with what comes next.
    eventually("2560 lines", || {
        (log.of(pid).count + bridge.statistics().records_dropped >= before + 2560).then_some(())
    })
    .await;
    assert_eq!(log.of(pid).longest, 8 << 10);
    bridge.shutdown().await
}
