//! The main job: four Python workers profile a table in batches. Progress streams back, Python has each batch checked by a
//! Rust function, and one worker is killed in the middle.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde::{Deserialize, Serialize};
use snakebridge::error::Executed;
use snakebridge::prelude::*;
use snakebridge::telemetry::Event;

/// The least rows of a batch, and the most batches, unless a batch would be too large to send.
const BATCH: usize = 10;
const BATCHES: usize = 40;
const BATCH_BYTES: usize = 256 * 1024;
const WORKERS: usize = 4;

/// What Python knows of one column of a batch. Rust only passes it on, so its shape does not matter here.
type Columns = Vec<Value>;

/// Reads tables; lives in `table_tools.py`.
#[python_tool(adapter = "table_tools:TableAdapter", timeout = "30s")]
trait TableTools {
    /// Profiles one batch of rows. Repeating it does no harm, so a lost worker costs nothing.
    #[py(idempotent)]
    async fn profile(&self, batch: usize, header: &[String], rows: &[Vec<String>]) -> Result<Columns>;

    /// Puts the batches together, one column after the other.
    fn merge(&self, batches: &[Columns]) -> impl Stream<Item = Result<Progress>>;

    /// Answers.
    async fn ping(&self) -> Result<String>;
}

#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    progress: f64,
    column: Summary,
}

#[derive(Debug, Serialize, Deserialize)]
struct Summary {
    name: String,
    count: u64,
    distinct: String,
    mean: Option<f64>,
    deviation: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
}

/// Check that all rows of a batch are equally wide. Called from Python, for each batch.
#[tool]
fn check_batch(batch: usize, widths: Vec<usize>) -> Result<usize, String> {
    match widths.iter().position(|&width| width != widths[0]) {
        Some(row) => Err(format!("batch {batch}: row {row} has {} values, the first has {}", widths[row], widths[0])),
        None => Ok(widths.len()),
    }
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match profile_a_table().await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn profile_a_table() -> Result<(), Box<dyn std::error::Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = std::env::args_os().nth(1).map_or_else(|| here.join("data/iris.csv"), PathBuf::from);
    let (header, rows) = read_table(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    if rows.is_empty() {
        return Err(format!("`{}` has no rows below its header; give a CSV file with some", path.display()).into());
    }
    let batches: Vec<_> = rows.chunks(batch_size(&rows)).enumerate().collect();
    println!("{}: {} rows, {} columns, {} batches", path.display(), rows.len(), header.len(), batches.len());

    let started = Instant::now();
    let bridge = Bridge::builder()
        .client::<TableToolsClient>()
        .python_path(here.join("python"))
        .workers(WORKERS)
        .tools(tools![check_batch])
        .start()
        .await?;
    let table = bridge.client::<TableToolsClient>()?;
    while bridge.workers().len() < WORKERS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut events = bridge.events();
    let pids: Vec<String> = bridge.workers().iter().map(|worker| worker.pid.to_string()).collect();
    println!("{WORKERS} workers ready after {:.0?}, processes {}", started.elapsed(), pids.join(", "));

    let calls = batches.iter().map(|&(number, rows)| {
        let (call, begun) = (table.profile(number, &header, rows), Instant::now());
        async move { call.await.map(|columns| (number, columns, begun.elapsed())) }
    });
    let mut answers = futures::stream::iter(calls).buffer_unordered(WORKERS);
    let (mut profiles, mut killer) = (Vec::new(), None);
    while let Some(answer) = answers.next().await {
        profiles.push(answer?);
        if profiles.len() == batches.len().div_ceil(3) {
            killer = Some(tokio::spawn(kill_a_busy_worker(bridge.clone())));
        }
    }
    if let Some(killer) = killer {
        killer.await??;
    }
    while let Ok(event) = events.try_recv() {
        report(&event);
    }
    profiles.sort_by_key(|&(number, ..)| number);
    let mut latencies: Vec<Duration> = profiles.iter().map(|&(.., latency)| latency).collect();
    let profiles: Vec<Columns> = profiles.into_iter().map(|(_, columns, _)| columns).collect();

    let mut summaries = Vec::new();
    // A few columns at a time, so that a wide table fits a message too.
    let columns: Vec<usize> = (0..header.len()).collect();
    for group in columns.chunks((8 * BATCHES).div_ceil(profiles.len()).min(8)) {
        let parts: Vec<Columns> =
            profiles.iter().map(|profile| profile[group[0]..=group[group.len() - 1]].to_vec()).collect();
        let mut merged = table.merge(&parts);
        while let Some(progress) = merged.next().await {
            let Progress { progress, column } = progress?;
            println!("merged {progress:>3.0} %: {}", column.name);
            summaries.push(column);
        }
    }
    print_table(&summaries);

    println!();
    latency("a batch (30 ms of it a pause)", &mut latencies);
    let mut pings = Vec::new();
    for _ in 0..1000 {
        let begun = Instant::now();
        table.ping().await?;
        pings.push(begun.elapsed());
    }
    latency("the smallest call", &mut pings);
    bridge.shutdown().await?;
    Ok(())
}

fn read_table(path: &Path) -> Result<(Vec<String>, Vec<Vec<String>>), csv::Error> {
    let mut reader = csv::Reader::from_path(path)?;
    let header = reader.headers()?.iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| Ok(row?.iter().map(str::to_owned).collect()));
    Ok((header, rows.collect::<Result<_, csv::Error>>()?))
}

fn batch_size(rows: &[Vec<String>]) -> usize {
    let bytes: usize = rows.iter().flatten().map(|text| text.len() + 5).sum();
    let most = BATCH_BYTES / (bytes / rows.len() + 1);
    rows.len().div_ceil(BATCHES).max(BATCH).min(most.max(1))
}

/// Sends SIGKILL to a worker that is in the middle of a batch.
async fn kill_a_busy_worker(bridge: Bridge) -> std::io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    tokio::time::sleep(Duration::from_millis(10)).await;
    let busy = bridge.workers().into_iter().find(|worker| worker.in_flight > 0);
    let Some((number, pid)) =
        busy.and_then(|worker| Some((worker.number, Pid::from_raw(worker.pid.try_into().ok()?)?)))
    else {
        println!("no worker is busy any more: the table is too small to kill one in the middle");
        return Ok(());
    };
    println!("kill -9 worker {number}, process {}", pid.as_raw_nonzero());
    Ok(kill_process(pid, Signal::KILL)?)
}

fn report(event: &Event) {
    match event {
        Event::WorkerLost { worker, exit, maybe, never, .. } => {
            println!("  worker {worker} died of {exit}: {maybe} of its calls may have run, {never} had not begun");
        }
        Event::CallRepeated { tool, executed, attempts, .. } => {
            let why = if *executed == Executed::Never { "it never ran" } else { "it is declared idempotent" };
            println!("  `{tool}`, attempt {attempts}, was lost (executed: {executed}) and is repeated: {why}");
        }
        Event::WorkerReady { worker, pid, after, .. } => {
            println!("  worker {worker}, process {pid}, took its place, ready after {after:.0?}");
        }
        _ => {}
    }
}

fn print_table(columns: &[Summary]) {
    let row =
        |name: &str, cells: [String; 6]| println!("{name:<16}{}", cells.map(|cell| format!("{cell:>11}")).concat());
    println!();
    row("column", ["values", "distinct", "mean", "deviation", "min", "max"].map(str::to_owned));
    let number = |number: Option<f64>| match number {
        None => "-".to_owned(),
        Some(number) if number.abs() < 1e6 => format!("{number:.2}"),
        Some(number) => format!("{number:.2e}"),
    };
    for column in columns {
        let [mean, deviation, min, max] = [column.mean, column.deviation, column.min, column.max].map(number);
        row(&column.name, [column.count.to_string(), column.distinct.clone(), mean, deviation, min, max]);
    }
}

fn latency(what: &str, samples: &mut [Duration]) {
    samples.sort_unstable();
    let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
    println!("{what}: {} calls, p50 {:.1?}, p99 {:.1?}, max {:.1?}", samples.len(), at(50), at(99), at(100));
}
