//! Whether what must hold did: callers' histories, the tools' ledger, the injector's log and the system against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use snakebridge::error::Executed;
use snakebridge::telemetry::CallStatistics;

use super::faults::Injected;
use super::report::{Report, Verdict};
use super::run::Plan;
use super::sessions::Counter;
use super::surroundings::Surroundings;
use super::workload::{Ending, Kind, Record};
use crate::Entry;

/// All that is known of a run.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) plan: Plan,
    pub(super) took: Duration,
    pub(super) history: Vec<Record>,
    pub(super) ledger: Vec<Entry>,
    /// What was seen of the sessions' counters.
    pub(super) counters: BTreeMap<u64, Counter>,
    /// What the host itself counted.
    pub(super) statistics: CallStatistics,
    /// What was lost of streams that had been written when their worker died.
    pub(super) last_words: Vec<String>,
    /// How many calls waited at most when a herd came, and how many may.
    pub(super) waited: usize,
    pub(super) may_wait: usize,
    pub(super) injected: Injected,
    /// Every worker that was ever ready, by number.
    pub(super) processes: BTreeMap<u64, u32>,
    /// Calls whose callers still waited when everybody had to have an answer.
    pub(super) unanswered: usize,
    /// Calls that workers had when all were answered.
    pub(super) in_flight: usize,
    /// How long after the last fault the pool was whole.
    pub(super) whole_after: Option<Duration>,
    pub(super) before: Surroundings,
    pub(super) after: Surroundings,
    /// The most memory, in KiB.
    pub(super) peak: u64,
    pub(super) shut_down_in: Duration,
    /// Workers that lived on after the shutdown.
    pub(super) alive: BTreeSet<u32>,
    pub(super) panics: usize,
}

/// How often a call is given to a worker.
const ATTEMPTS: usize = 2;
/// Bounds in time are ten times what is promised: what is measured here is a machine under load.
const LATE: Duration = Duration::from_millis(2500);
const NOTICED: Duration = Duration::from_millis(500);
/// How much the memory may grow, in KiB: what may wait in the queue, and large bodies on their way to all workers.
const GROWTH: u64 = 768 * 1024;
/// How much an error may have of what its worker printed: 8 KiB, and a line.
const PRINTED: usize = 17 * 1024;

/// Errors that say something about a worker and not about the call.
fn blames_the_worker(code: &str) -> bool {
    matches!(code, "worker_lost" | "protocol" | "start_failed" | "resource")
}

/// Judges a run.
pub(super) fn judge(evidence: &Evidence) -> Report {
    let mut runs: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for entry in &evidence.ledger {
        runs.entry(entry.call).or_default().push(entry.pid);
    }
    let verdicts = vec![
        answered_once(evidence),
        runs_once(evidence, &runs),
        executed_is_honest(evidence, &runs),
        right_answers(evidence),
        deadlines(evidence),
        deaths_are_noticed(evidence),
        bystanders(evidence, &runs),
        sessions(evidence),
        accounts(evidence),
        nothing_is_left_behind(evidence),
        memory_is_bounded(evidence),
        shutdown(evidence),
        capacity(evidence),
        attempts_are_bounded(evidence),
        no_panics(evidence),
    ];
    Report::new(evidence, &runs, verdicts)
}

fn check(name: &'static str, promise: &'static str, violations: Vec<String>, measured: String) -> Verdict {
    Verdict { name, promise, violations, measured }
}

fn describe(record: &Record) -> String {
    format!("{:?} {}: {:?}", record.kind, record.call, record.ending)
}

fn answered_once(evidence: &Evidence) -> Verdict {
    let mut seen = BTreeSet::new();
    let mut violations: Vec<String> =
        evidence.history.iter().filter(|record| !seen.insert(record.call)).map(describe).collect();
    if evidence.unanswered > 0 {
        violations.push(format!("{} calls had no answer", evidence.unanswered));
    }
    check("V1", "each call is answered exactly once", violations, format!("{} calls", seen.len()))
}

fn runs_once(evidence: &Evidence, runs: &BTreeMap<u64, Vec<u32>>) -> Verdict {
    let violations = evidence.history.iter().filter_map(|record| {
        let ran = runs.get(&record.call).map_or(0, Vec::len);
        let allowed = if record.idempotent { ATTEMPTS } else { 1 };
        (ran > allowed).then(|| format!("{} ran {ran} times", describe(record)))
    });
    check("V2", "no call runs twice unless it may", violations.collect(), String::new())
}

fn executed_is_honest(evidence: &Evidence, runs: &BTreeMap<u64, Vec<u32>>) -> Verdict {
    let violations = evidence.history.iter().filter_map(|record| {
        let ran = runs.contains_key(&record.call);
        let honest = match &record.ending {
            // SIGINT is an exception wherever it arrives, perhaps before the tool has written to the ledger.
            Ending::Failed { executed: Executed::Yes, code, worker: Some(worker), .. } if code == "tool" => {
                ran || evidence.injected.hit.contains_key(worker)
            }
            Ending::Right | Ending::Wrong(_) | Ending::Failed { executed: Executed::Yes, .. } => ran,
            Ending::Failed { executed: Executed::Never, .. } => !ran,
            Ending::Failed { executed: Executed::Maybe, code, .. } => {
                blames_the_worker(code) || matches!(code.as_str(), "deadline_exceeded" | "cancelled")
            }
            Ending::Dropped => true,
        };
        (!honest).then(|| format!("{}; the ledger says it {}", describe(record), if ran { "ran" } else { "did not" }))
    });
    check("V3", "`executed` is true", violations.collect(), String::new())
}

fn right_answers(evidence: &Evidence) -> Verdict {
    let wrong = evidence.history.iter().filter(|record| matches!(record.ending, Ending::Wrong(_)));
    let mut violations: Vec<String> = wrong.map(describe).collect();
    violations.extend(evidence.last_words.clone());
    check("V4, V5", "answers and items are those of the call, all of them and in order", violations, String::new())
}

fn deadlines(evidence: &Evidence) -> Verdict {
    let mut late: Vec<Duration> = evidence.history.iter().map(Record::late).filter(|late| !late.is_zero()).collect();
    late.sort_unstable();
    let violations = evidence.history.iter().filter(|record| record.late() > LATE);
    let violations = violations.map(|record| format!("{} was {:?} late", describe(record), record.late())).collect();
    let measured = format!(
        "{} answers behind the deadline, p99 {:?}, latest {:?}",
        late.len(),
        percentile(&late, 99),
        percentile(&late, 100)
    );
    check("V6", "an answer comes by the deadline", violations, measured)
}

fn deaths_are_noticed(evidence: &Evidence) -> Verdict {
    let mut after: Vec<Duration> = evidence
        .history
        .iter()
        .filter_map(|record| {
            let Ending::Failed { code, worker: Some(worker), .. } = &record.ending else { return None };
            let killed = evidence.injected.killed.get(worker).filter(|_| code == "worker_lost")?;
            Some(record.answered.saturating_duration_since(*killed))
        })
        .collect();
    after.sort_unstable();
    let slowest = percentile(&after, 99);
    let violations = if slowest > NOTICED { vec![format!("p99 is {slowest:?}")] } else { Vec::new() };
    check(
        "V7",
        "callers hear of their worker's death at once",
        violations,
        format!(
            "{} calls of killed workers, p50 {:?}, p99 {slowest:?}, latest {:?}",
            after.len(),
            percentile(&after, 50),
            percentile(&after, 100)
        ),
    )
}

fn bystanders(evidence: &Evidence, runs: &BTreeMap<u64, Vec<u32>>) -> Verdict {
    let numbers: BTreeMap<u32, u64> = evidence.processes.iter().map(|(number, pid)| (*pid, *number)).collect();
    let mut hit: BTreeSet<u64> = evidence.injected.hit.keys().copied().collect();
    for record in evidence.history.iter().filter(|record| record.kind == Kind::Harm) {
        hit.extend(runs.get(&record.call).into_iter().flatten().filter_map(|pid| numbers.get(pid)));
        if let Ending::Failed { worker: Some(worker), .. } = record.ending {
            hit.insert(worker);
        }
    }
    let felt_by_all = |at: Instant| evidence.injected.felt_by_all.iter().any(|(from, to)| (*from..*to).contains(&at));
    let violations = evidence.history.iter().filter(|record| {
        let Ending::Failed { code, worker, waiting, .. } = &record.ending else { return false };
        let expected = match code.as_str() {
            // Nobody was free: that is the load's doing, or the pool's that was not whole.
            "queue_full" | "queue_timeout" | "circuit_open" => true,
            "deadline_exceeded" if *waiting => true,
            // SIGINT is an exception in whatever runs.
            _ => worker.is_some_and(|worker| hit.contains(&worker)),
        };
        !expected && !felt_by_all(record.answered)
    });
    check(
        "V8",
        "calls on workers that nothing was done to are not harmed",
        violations.map(describe).collect(),
        format!("{} of {} workers were hit", hit.len(), evidence.processes.len()),
    )
}

/// Counters are registers that are compared and set: nobody is told the same twice, and nothing that was told is lost.
fn sessions(evidence: &Evidence) -> Verdict {
    let mut violations = Vec::new();
    for (number, Counter { told, unknown, last }) in &evidence.counters {
        let different: BTreeSet<u64> = told.iter().copied().collect();
        if different.len() < told.len() {
            violations.push(format!("counter {number}: {} answers, {} different", told.len(), different.len()));
        }
        let (least, most) = (told.len() as u64, told.len() as u64 + unknown);
        if !(least..=most).contains(last) || different.last().is_some_and(|told| told > last) {
            violations.push(format!("counter {number} is {last}, after {least} to {most} increments"));
        }
    }
    let increments: usize = evidence.counters.values().map(|counter| counter.told.len()).sum();
    check(
        "V9, V10, V18",
        "a session's state is one register, loses nothing and is its own",
        violations,
        format!("{increments} increments of {} counters", evidence.counters.len()),
    )
}

/// What the host counted adds up, the queue kept to its limit, and no tool is refused for ever.
fn accounts(evidence: &Evidence) -> Verdict {
    let CallStatistics { requests, succeeded, errors, cancelled, .. } = &evidence.statistics;
    let mut violations = evidence.injected.refused.clone();
    if *requests != succeeded + errors + cancelled {
        violations
            .push(format!("{requests} calls, but {succeeded} ended well, {errors} badly, {cancelled} were dropped"));
    }
    if evidence.waited > evidence.may_wait {
        violations.push(format!("{} calls waited where {} may", evidence.waited, evidence.may_wait));
    }
    check(
        "V11",
        "what goes in comes out: calls, places in the queue, permits",
        violations,
        format!("{requests} calls counted; {} of a herd waited", evidence.waited),
    )
}

fn nothing_is_left_behind(evidence: &Evidence) -> Verdict {
    let Evidence { before, after, in_flight, .. } = evidence;
    let mut violations = Vec::new();
    if *in_flight > 0 {
        violations.push(format!("{in_flight} calls are in flight, and nobody waits"));
    }
    if after.descriptors > before.descriptors {
        violations.push(format!("{} descriptors, {} before", after.descriptors, before.descriptors));
    }
    // The runtime's own threads come and go.
    if after.threads > before.threads + 8 {
        violations.push(format!("{} threads, {} before", after.threads, before.threads));
    }
    if after.children.len() > before.children.len() || after.zombies > 0 {
        violations.push(format!(
            "{} children and {} zombies, {} children before",
            after.children.len(),
            after.zombies,
            before.children.len()
        ));
    }
    let measured = format!(
        "descriptors {} and {}, threads {} and {}",
        before.descriptors, after.descriptors, before.threads, after.threads
    );
    check("V12", "when all is quiet nothing is held and nothing is left", violations, measured)
}

fn memory_is_bounded(evidence: &Evidence) -> Verdict {
    let Evidence { before, after, peak, .. } = evidence;
    let grown = peak.saturating_sub(before.memory);
    let mut violations = if grown > GROWTH { vec![format!("it grew by {grown} KiB")] } else { Vec::new() };
    violations.extend(evidence.history.iter().filter_map(|record| match record.ending {
        Ending::Failed { printed, .. } if printed > PRINTED => {
            Some(format!("{} keeps {printed} bytes of what the worker printed", describe(record)))
        }
        _ => None,
    }));
    check(
        "V13",
        "memory is bounded",
        violations,
        format!("{} KiB before, {peak} at most, {} after", before.memory, after.memory),
    )
}

fn shutdown(evidence: &Evidence) -> Verdict {
    let Evidence { alive, shut_down_in, .. } = evidence;
    let mut violations: Vec<String> = alive.iter().map(|pid| format!("process {pid} of a worker lives on")).collect();
    if *shut_down_in > Duration::from_secs(32) {
        violations.push(format!("it took {shut_down_in:?}"));
    }
    check("V14", "a shutdown ends everything", violations, format!("{shut_down_in:?}"))
}

fn capacity(evidence: &Evidence) -> Verdict {
    match evidence.whole_after {
        Some(after) => {
            check("V15", "the pool becomes whole again", Vec::new(), format!("{after:?} after the last fault"))
        }
        None => check("V15", "the pool becomes whole again", vec!["it did not".to_owned()], String::new()),
    }
}

fn attempts_are_bounded(evidence: &Evidence) -> Verdict {
    let calls = evidence.history.len();
    let ran = evidence.ledger.iter().filter(|entry| entry.call != u64::MAX).count();
    let limit = calls + calls / 5 + 3;
    let violations = if ran > limit { vec![format!("{ran} runs of {calls} calls")] } else { Vec::new() };
    check("V16", "repetitions stay within a fifth", violations, format!("{ran} runs of {calls} calls"))
}

fn no_panics(evidence: &Evidence) -> Verdict {
    let violations = if evidence.panics > 0 { vec![format!("{} panics", evidence.panics)] } else { Vec::new() };
    check("V17", "the host never panics", violations, String::new())
}

/// The value below which so many of a hundred are, of sorted ones.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}
