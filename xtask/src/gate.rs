//! Runs checks one after another, to the end, and sums them up: one broken check does not hide the others.

use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::setup::Environment;
use crate::workspace::Workspace;

/// What a check does.
type Action = Box<dyn Fn(&Workspace, &Environment) -> Result<()>>;

/// One numbered step of the gate.
pub(crate) struct Check {
    name: String,
    action: Action,
}

impl Check {
    /// A check that fails when `action` does.
    pub(crate) fn new(
        name: impl Into<String>,
        action: impl Fn(&Workspace, &Environment) -> Result<()> + 'static,
    ) -> Self {
        Self { name: name.into(), action: Box::new(action) }
    }
}

/// How one check went.
struct Outcome<'a> {
    name: &'a str,
    took: Duration,
    failure: Option<Failure>,
}

/// Runs them all; fails when one of them did.
pub(crate) fn run(workspace: &Workspace, checks: &[Check], environment: &Environment) -> Result<()> {
    let mut outcomes = Vec::new();
    for (index, check) in checks.iter().enumerate() {
        println!("\n=== [{}/{}] {}", index + 1, checks.len(), check.name);
        let start = Instant::now();
        let failure = (check.action)(workspace, environment).err();
        let outcome = Outcome { name: &check.name, took: start.elapsed(), failure };
        if let Some(failure) = &outcome.failure {
            println!("FAILED: {failure}");
        }
        outcomes.push(outcome);
    }
    println!("\n=== summary");
    for outcome in &outcomes {
        println!("{}", line(outcome));
    }
    verdict(&outcomes)
}

fn line(outcome: &Outcome<'_>) -> String {
    let result = if outcome.failure.is_some() { "FAILED" } else { "passed" };
    format!("{result} {:>7.1} s  {}", outcome.took.as_secs_f64(), outcome.name)
}

fn verdict(outcomes: &[Outcome<'_>]) -> Result<()> {
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| outcome.failure.is_some()).map(|outcome| outcome.name).collect();
    let took: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    if failed.is_empty() {
        println!("all {} checks passed in {:.1} s", outcomes.len(), took.as_secs_f64());
        return Ok(());
    }
    Err(Failure::new(format!("{} of {} checks failed: {}", failed.len(), outcomes.len(), failed.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, failure: Option<Failure>) -> Outcome<'_> {
        Outcome { name, took: Duration::from_millis(1500), failure }
    }

    #[test]
    fn the_verdict_names_what_failed() {
        let outcomes = [
            outcome("rustfmt", None),
            outcome("clippy", Some(Failure::new("x"))),
            outcome("mypy", Some(Failure::new("y"))),
        ];
        assert_eq!(verdict(&outcomes).unwrap_err().to_string(), "2 of 3 checks failed: clippy, mypy");
        assert!(verdict(&outcomes[..1]).is_ok());
    }

    #[test]
    fn a_line_of_the_summary_says_how_long_it_took() {
        assert_eq!(line(&outcome("rustfmt", None)), "passed     1.5 s  rustfmt");
        assert_eq!(line(&outcome("clippy", Some(Failure::new("x")))), "FAILED     1.5 s  clippy");
    }
}
