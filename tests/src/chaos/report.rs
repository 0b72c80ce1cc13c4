//! What a run has shown, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::run::Plan;
use super::verdicts::{Evidence, percentile};
use super::workload::Ending;

/// Whether one promise held.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    /// Its number among the invariants.
    pub(super) name: &'static str,
    pub(super) promise: &'static str,
    pub(super) violations: Vec<String>,
    pub(super) measured: String,
}

/// The outcome of a run. It is shown by `Display`, in Markdown.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    took: Duration,
    calls: usize,
    runs: usize,
    faults: BTreeMap<String, usize>,
    /// By kind of call and how it ended.
    endings: BTreeMap<(String, String), usize>,
    latencies: Vec<Duration>,
    verdicts: Vec<Verdict>,
}

/// Violations of one promise that are shown.
const SHOWN: usize = 5;

impl Report {
    pub(super) fn new(evidence: &Evidence, runs: &BTreeMap<u64, Vec<u32>>, verdicts: Vec<Verdict>) -> Self {
        let mut endings = BTreeMap::new();
        let mut latencies = Vec::new();
        for record in &evidence.history {
            let ending = match &record.ending {
                Ending::Right => "right".to_owned(),
                Ending::Wrong(_) => "WRONG".to_owned(),
                Ending::Dropped => "dropped".to_owned(),
                Ending::Failed { code, executed, .. } => format!("{code} ({executed})"),
            };
            if record.ending == Ending::Right {
                latencies.push(record.answered - record.made);
            }
            *endings.entry((format!("{:?}", record.kind), ending)).or_default() += 1;
        }
        latencies.sort_unstable();
        Self {
            plan: evidence.plan.clone(),
            took: evidence.took,
            calls: evidence.history.len(),
            runs: runs.values().map(Vec::len).sum(),
            faults: evidence.injected.counts.clone(),
            endings,
            latencies,
            verdicts,
        }
    }

    /// How many faults were done.
    pub fn faults(&self) -> usize {
        self.faults.values().sum()
    }

    /// How many calls were made.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Everything that should not have been.
    pub fn violations(&self) -> Vec<String> {
        let broken = self.verdicts.iter().flat_map(|verdict| {
            verdict
                .violations
                .iter()
                .map(move |violation| format!("{} ({}): {violation}", verdict.name, verdict.promise))
        });
        broken.collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, length, workers, rate, faults } = &self.plan;
        writeln!(
            f,
            "Seed {seed}, {} s, {workers} workers, {rate} calls and {faults} faults a second.",
            length.as_secs()
        )?;
        writeln!(
            f,
            "{} calls, {} runs, {} faults in {:.0} s.\n",
            self.calls,
            self.runs,
            self.faults(),
            self.took.as_secs_f64()
        )?;
        writeln!(f, "| fault | times |\n|---|---|")?;
        for (fault, times) in &self.faults {
            writeln!(f, "| {fault} | {times} |")?;
        }
        writeln!(f, "\n| call | ended | times |\n|---|---|---|")?;
        for ((kind, ending), times) in &self.endings {
            writeln!(f, "| {kind} | {ending} | {times} |")?;
        }
        let quantile = |percent| percentile(&self.latencies, percent);
        writeln!(
            f,
            "\nRight answers took {:?} (p50), {:?} (p99), {:?} (longest).\n",
            quantile(50),
            quantile(99),
            quantile(100)
        )?;
        writeln!(f, "| invariant | | held | measured |\n|---|---|---|---|")?;
        for Verdict { name, promise, violations, measured } in &self.verdicts {
            let held = if violations.is_empty() { "yes".to_owned() } else { format!("NO, {} times", violations.len()) };
            writeln!(f, "| {name} | {promise} | {held} | {measured} |")?;
        }
        for Verdict { name, violations, .. } in &self.verdicts {
            for violation in violations.iter().take(SHOWN) {
                writeln!(f, "\n{name} broken: {violation}")?;
            }
        }
        Ok(())
    }
}
