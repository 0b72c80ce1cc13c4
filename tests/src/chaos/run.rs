//! Carries a run out: starts the bridge, keeps calls and faults coming, waits until all is quiet, and has it judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use snakebridge::prelude::*;
use snakebridge::telemetry::Event;
use snakebridge::tools;
use tokio_util::task::TaskTracker;

use super::experiments::{herd, last_words, lost_permit};
use super::faults::{self, Fault, Injected, Interpreter};
use super::report::Report;
use super::surroundings::{Surroundings, processes_with};
use super::verdicts::{Evidence, judge};
use super::workload::{History, Order, twice};
use crate::{Ledger, python_folder};

/// What a run is to be like.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Chooses calls and faults.
    pub seed: u64,
    /// For how long calls and faults come.
    pub length: Duration,
    /// How many workers there are.
    pub workers: usize,
    /// Calls a second.
    pub rate: u32,
    /// Faults a second, on average.
    pub faults: f64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { seed: 1, length: Duration::from_secs(20), workers: 4, rate: 200, faults: 2.0 }
    }
}

/// How long everything may take to become quiet after the last call was made: the longest deadline, and some room.
const QUIET: Duration = Duration::from_secs(40);
/// How long the pool may need to be whole again after the last fault.
const WHOLE: Duration = Duration::from_secs(30);

/// Carries it out.
///
/// # Errors
/// When the bridge cannot start or shut down.
///
/// # Panics
/// When the run itself is broken; what it finds in the product is in the report.
pub async fn run(plan: &Plan) -> Result<Report> {
    let panics = count_panics();
    let ledger = Ledger::new();
    let script = ledger.path().with_file_name("python");
    let real = real_interpreter();
    let interpreter = Interpreter { script: &script, real: &real };
    interpreter.set(true).expect("the temporary folder can be written");
    let bridge = Bridge::builder()
        .adapter("chaos_tools:ChaosAdapter")
        .python(&script)
        .python_path(python_folder())
        .config(&BTreeMap::from([("ledger", ledger.path())]))
        .env(MARK, ledger.path().display().to_string())
        .workers(plan.workers)
        .tools(tools![twice])
        .call_timeout(Duration::from_secs(20))
        // Else the tool that harms its worker would be refused most of the time.
        .breaker_pause(Duration::from_millis(1))
        .start()
        .await?;
    let events = collect_events(&bridge);
    whole(&bridge, plan.workers).await;
    let before = Surroundings::now();
    let (waited, may_wait) = herd(&bridge).await;
    let last_words = last_words(&bridge, HARMS / 4).await;
    whole(&bridge, plan.workers).await;
    let refused = lost_permit(&bridge, HARMS / 2).await;
    whole(&bridge, plan.workers).await;

    let history = Arc::new(History::default());
    // These two at any rate, however few faults there are to be.
    for (call, how) in [(HARMS - 2, "children"), (HARMS - 1, "noisy_exit")] {
        Order::harm(call, how).carry_out(&bridge, &history).await;
    }
    history.counters.open(&bridge).await?;
    let begun = Instant::now();
    let (calls, injected, peak) = tokio::join!(
        make_calls(plan, &bridge, &history, begun),
        inject_faults(plan, &bridge, &history, &interpreter, begun),
        watch_memory(plan, begun),
    );
    let unanswered = calls;
    let mut injected = injected;
    injected.refused.extend(refused);
    let last_fault = injected.last.unwrap_or(begun);
    let whole_after = whole(&bridge, plan.workers).await.map(|at| at.saturating_duration_since(last_fault));
    let after = settled(&bridge, &before).await;
    let in_flight = in_flight(&bridge);
    let counters = history.counters.take(&bridge).await?;
    let statistics = bridge.statistics().calls;
    let shutting_down = Instant::now();
    bridge.shutdown().await?;
    let shut_down_in = shutting_down.elapsed();
    drop(bridge);
    let seen = std::mem::take(&mut *events.lock().expect("nobody panics with it"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Workers and what they have started, by their environment: in a long run numbers of processes are used again.
    let alive = processes_with(&format!("{MARK}={}", ledger.path().display()));
    Ok(judge(&Evidence {
        plan: plan.clone(),
        took: begun.elapsed(),
        history: history.take(),
        ledger: ledger.entries(),
        counters,
        statistics,
        last_words,
        waited,
        may_wait,
        injected,
        processes: seen,
        unanswered,
        in_flight,
        whole_after,
        before,
        after,
        peak,
        shut_down_in,
        alive,
        panics: panics.load(Ordering::SeqCst),
    }))
}

/// Makes calls at the plan's rate, and waits for their ends. Returns how many had none.
async fn make_calls(plan: &Plan, bridge: &Bridge, history: &Arc<History>, begun: Instant) -> usize {
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let tasks = TaskTracker::new();
    let pause = Duration::from_secs(1) / plan.rate.max(1);
    let mut ticks = tokio::time::interval(pause);
    for call in 1_u64.. {
        ticks.tick().await;
        if begun.elapsed() > plan.length {
            break;
        }
        let (order, bridge, history) = (Order::draw(call, &mut random), bridge.clone(), Arc::clone(history));
        tasks.spawn(async move { order.carry_out(&bridge, &history).await });
    }
    tasks.close();
    let _ = tokio::time::timeout(QUIET, tasks.wait()).await;
    tasks.len()
}

/// The variable that all processes of a run have.
const MARK: &str = "SNAKEBRIDGE_CHAOS";

/// Numbers of the calls that do harm: above those of the workload. A fault may make as many as the step.
const HARMS: u64 = 1 << 40;
const STEP: usize = 1 << 16;

/// Does faults at the plan's rate, one after the other.
async fn inject_faults(
    plan: &Plan,
    bridge: &Bridge,
    history: &History,
    interpreter: &Interpreter<'_>,
    begun: Instant,
) -> Injected {
    let mut random = fastrand::Rng::with_seed(plan.seed ^ 0x5eed);
    let mut injected = Injected::default();
    for call in (HARMS..).step_by(STEP) {
        // Exponential pauses: faults that do not know of each other.
        let pause = -random.f64().max(1e-9).ln() / plan.faults.max(1e-9);
        tokio::time::sleep(Duration::from_secs_f64(pause.min(5.0))).await;
        if begun.elapsed() > plan.length {
            break;
        }
        let fault = Fault::draw(&mut random);
        faults::inject(fault, call, &mut random, bridge, history, interpreter, &mut injected).await;
    }
    injected
}

/// The most memory that this process takes while the run goes on, in KiB.
async fn watch_memory(plan: &Plan, begun: Instant) -> u64 {
    let mut peak = 0;
    while begun.elapsed() < plan.length {
        peak = peak.max(crate::host_memory("VmRSS"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    peak
}

/// Waits until all workers are there, and says when that was; `None` when it takes too long.
async fn whole(bridge: &Bridge, workers: usize) -> Option<Instant> {
    let begun = Instant::now();
    while bridge.workers().iter().filter(|worker| !worker.draining).count() != workers {
        if begun.elapsed() > WHOLE {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Some(Instant::now())
}

/// Calls that workers have.
fn in_flight(bridge: &Bridge) -> usize {
    bridge.workers().iter().map(|worker| worker.in_flight).sum()
}

/// Waits until no more is there than before, calls that were given up included, and says what is there then, or after ten
/// seconds.
async fn settled(bridge: &Bridge, before: &Surroundings) -> Surroundings {
    let begun = Instant::now();
    loop {
        let now = Surroundings::now();
        let calm = in_flight(bridge) == 0
            && now.descriptors <= before.descriptors
            && now.zombies == 0
            && now.children.len() <= before.children.len();
        if calm || begun.elapsed() > Duration::from_secs(10) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every worker that was ever ready, by number, with its process.
fn collect_events(bridge: &Bridge) -> Arc<Mutex<BTreeMap<u64, u32>>> {
    let mut events = bridge.events();
    let seen: BTreeMap<u64, u32> = bridge.workers().iter().map(|worker| (worker.number, worker.pid)).collect();
    let seen = Arc::new(Mutex::new(seen));
    let collected = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(Event::WorkerReady { worker, pid, .. }) => {
                    collected.lock().expect("nobody panics with it").insert(worker, pid);
                }
                Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            }
        }
    });
    seen
}

/// Counts panics from now on, in whatever thread.
fn count_panics() -> Arc<AtomicUsize> {
    let panics = Arc::new(AtomicUsize::new(0));
    let (counter, previous) = (Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        counter.fetch_add(1, Ordering::SeqCst);
        previous(panic);
    }));
    panics
}

/// The interpreter that a bridge without one of its own would take.
fn real_interpreter() -> PathBuf {
    let named = std::env::var_os("SNAKEBRIDGE_PYTHON").map(PathBuf::from);
    named.unwrap_or_else(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests have a folder of their own");
        root.join(".venv/bin/python")
    })
}
