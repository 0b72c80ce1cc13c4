//! The cost of a call beside the least that it could cost.
//!
//! Three contenders take turns within one run, all processes on one core:
//!
//! - the floor: 64 bytes to another Rust process and back, by blocking reads and writes on two pipes, and nothing else;
//! - the same through tokio's pipes, with one task that reads and one that waits, as an asynchronous host has to: what is
//!   between this and the floor is tokio and the system's event queue;
//! - the full path: a call of a typed Python tool with validated arguments, through encoding, the pool, tokio, the
//!   worker, and back.
//!
//! One core, because on a machine whose idle cores sleep a wake-up across cores costs ten times what is measured here, and
//! decides everything. The last line is `ratio N`: the full path's median over the floor's.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use snakebridge::prelude::*;
use snakebridge_benches::{micros, pin_to_one_core, quantile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The cheapest tool that does something; lives in `bench_tools.py`.
#[python_tool(adapter = "bench_tools:BenchAdapter")]
trait Bench {
    async fn add(&self, a: f64, b: f64) -> Result<f64>;
}

const MESSAGE: usize = 64;
const ROUNDS: usize = 30;
const CALLS: usize = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if std::env::args().nth(1).as_deref() == Some("--echo") {
        return echo();
    }
    pin_to_one_core()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // In a task, as calls of a service are: what is woken in `block_on` itself costs another look at the system's events.
    runtime.block_on(runtime.spawn(measure()))??;
    Ok(())
}

/// The other end of the floor.
fn echo() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut message = [0; MESSAGE];
    while input.read_exact(&mut message).is_ok() {
        output.write_all(&message)?;
        output.flush()?;
    }
    Ok(())
}

async fn measure() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut echo =
        Command::new(std::env::current_exe()?).arg("--echo").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (Some(mut there), Some(mut back)) = (echo.stdin.take(), echo.stdout.take()) else {
        unreachable!("both were asked for");
    };
    let mut tokio_echo = TokioEcho::start()?;
    let bridge = Bridge::builder()
        .client::<BenchClient>()
        .python_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("python"))
        .workers(1)
        .start()
        .await?;

    let tools = bridge.client::<BenchClient>()?;

    let (mut floors, mut calls) = (Vec::new(), Vec::new());
    let (mut floor_medians, mut tokio_medians, mut call_medians) = (Vec::new(), Vec::new(), Vec::new());
    let mut tokios = Vec::new();
    for round in 0..=ROUNDS {
        let mut floor = floor_round(&mut there, &mut back)?;
        let mut tokio = tokio_echo.round().await?;
        let mut call = call_round(&tools).await?;
        if round == 0 {
            continue; // everything is warm from here on
        }
        floor_medians.push(quantile(&mut floor, 0.5));
        tokio_medians.push(quantile(&mut tokio, 0.5));
        call_medians.push(quantile(&mut call, 0.5));
        floors.append(&mut floor);
        tokios.append(&mut tokio);
        calls.append(&mut call);
    }
    drop(there);
    echo.wait()?;
    bridge.shutdown().await?;

    let tokio = quantile(&mut tokio_medians, 0.5);
    let (floor, call) = (quantile(&mut floor_medians, 0.5), quantile(&mut call_medians, 0.5));
    println!("one core, one call at a time, {ROUNDS} interleaved rounds of {CALLS}");
    println!("{:<34} {:>10} {:>10}", "", "p50", "p99");
    println!(
        "{:<34} {:>10} {:>10}",
        "pipe ping-pong, Rust to Rust",
        micros(floor),
        micros(quantile(&mut floors, 0.99))
    );
    println!("{:<34} {:>10} {:>10}", "the same, through tokio", micros(tokio), micros(quantile(&mut tokios, 0.99)));
    println!("{:<34} {:>10} {:>10}", "typed call of a Python tool", micros(call), micros(quantile(&mut calls, 0.99)));
    println!("ratio {:.2}", call.as_secs_f64() / floor.as_secs_f64());
    Ok(())
}

fn floor_round(there: &mut ChildStdin, back: &mut ChildStdout) -> std::io::Result<Vec<Duration>> {
    let mut message = [7; MESSAGE];
    (0..CALLS)
        .map(|_| {
            let begun = Instant::now();
            there.write_all(&message)?;
            back.read_exact(&mut message)?;
            Ok(begun.elapsed())
        })
        .collect()
}

/// The floor's other end behind tokio's pipes, with a task of its own for the reading.
struct TokioEcho {
    there: tokio::process::ChildStdin,
    answers: tokio::sync::mpsc::UnboundedReceiver<()>,
    _echo: tokio::process::Child,
}

impl TokioEcho {
    fn start() -> std::io::Result<Self> {
        let mut echo = tokio::process::Command::new(std::env::current_exe()?)
            .arg("--echo")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(there), Some(mut back)) = (echo.stdin.take(), echo.stdout.take()) else {
            unreachable!("both were asked for");
        };
        let (answer, answers) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut message = [0; MESSAGE];
            while back.read_exact(&mut message).await.is_ok() && answer.send(()).is_ok() {}
        });
        Ok(Self { there, answers, _echo: echo })
    }

    async fn round(&mut self) -> std::io::Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let begun = Instant::now();
            self.there.write_all(&[7; MESSAGE]).await?;
            self.answers.recv().await;
            times.push(begun.elapsed());
        }
        Ok(times)
    }
}

async fn call_round(tools: &BenchClient) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let begun = Instant::now();
        let sum = tools.add(2.0, 2.5).await?;
        times.push(begun.elapsed());
        assert!((sum - 4.5).abs() < f64::EPSILON);
    }
    Ok(times)
}
