//! What a worker takes beside an interpreter that has only imported msgspec, which decodes its arguments: memory while it is
//! idle, and time of the processor until everything is imported.
//!
//! The two take turns. The last lines are the ratios; both are to be 1.25 at most.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use snakebridge::prelude::*;

const ROUNDS: usize = 15;
/// Says that it is ready, and waits.
const IDLE: &str = "import msgspec, sys; print(flush=True); sys.stdin.read()";
/// Tells the time of the processor that the whole process has taken, in seconds.
const TIMED: &str = "; import time; print(time.process_time())";

#[tokio::main]
async fn main() -> Result<()> {
    let bridge =
        Bridge::builder().adapter("bench_tools:BenchAdapter").python_path("benches/python").workers(1).start().await?;
    bridge.call::<f64>("add", args![1.0, 2.0]).await?;
    let worker = bridge.workers()[0].pid;
    let python = interpreter(worker);
    // Both live while they are measured: each has half of what they share, the interpreter before all.
    let (bare, of_worker) = beside_idle(&python, |bare| (memory(bare), memory(worker)));
    bridge.shutdown().await?;

    let [mut msgspec, mut all] = [f64::MAX; 2];
    for _ in 0..ROUNDS {
        msgspec = msgspec.min(seconds(&python, "import msgspec"));
        all = all.min(seconds(&python, "import snakebridge.startup"));
    }
    println!("proportional memory, idle: {bare} KiB with msgspec alone, {of_worker} KiB as a worker");
    println!("processor until imported: {:.1} ms and {:.1} ms (best of {ROUNDS})", msgspec * 1e3, all * 1e3);
    println!("memory ratio {:.2}", of_worker / bare);
    println!("import ratio {:.2}", all / msgspec);
    Ok(())
}

/// The interpreter that a worker runs in, as it was called.
fn interpreter(worker: u32) -> PathBuf {
    let line = std::fs::read_to_string(format!("/proc/{worker}/cmdline")).expect("the worker lives");
    Path::new(line.split('\0').next().expect("a program")).to_owned()
}

/// Measures while there is an interpreter that has imported msgspec and does nothing.
fn beside_idle<T>(python: &Path, measure: impl FnOnce(u32) -> T) -> T {
    let mut command = Command::new(python);
    command.args(["-I", "-c", IDLE]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("the interpreter of the worker");
    let output = process.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut String::new()).expect("a line");
    let measured = measure(process.id());
    drop(process.stdin.take());
    process.wait().expect("it ends with its input");
    measured
}

/// The memory of a process, in KiB: its own, and its part of what it shares.
fn memory(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("the process lives");
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).expect("Linux says it");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// The time of the processor that a whole process takes which imports something.
fn seconds(python: &Path, import: &str) -> f64 {
    let output = Command::new(python).args(["-I", "-c", &format!("{import}{TIMED}")]).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}
