//! `chaos --seed N --minutes N --workers N --rate N --faults N`: a chaos run, its report on standard output; fails when a promise was
//! broken. `chaos --mutants ..`, which needs the feature `seeded-bugs`: one such run without and one with each seeded bug; fails when
//! the first breaks a promise, or any of the others breaks none.

use std::process::ExitCode;
use std::time::Duration;

use snakebridge_tests::chaos::{Plan, run};

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--mutants") {
        arguments.remove(0);
        return mutants(&arguments);
    }
    match plan(arguments.into_iter()) {
        Ok(plan) => one(&plan),
        Err(mistake) => {
            eprintln!("{mistake}\nusage: chaos [--seed N] [--minutes N] [--workers N] [--rate CALLS] [--faults N]");
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn one(plan: &Plan) -> ExitCode {
    match run(plan).await {
        Ok(report) => {
            println!("{report}");
            if report.violations().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("the run could not be made: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(feature = "seeded-bugs"))]
fn mutants(_: &[String]) -> ExitCode {
    eprintln!("`--mutants` needs the feature `seeded-bugs`: `cargo xtask chaos --mutants` builds with it");
    ExitCode::from(2)
}

/// Each run is a process of its own: a bug is chosen once in a process, and may leave things behind.
#[cfg(feature = "seeded-bugs")]
fn mutants(options: &[String]) -> ExitCode {
    use std::process::{Command, Stdio};

    println!("| bug | broken promises | the first sign of it |\n|---|---|---|");
    let mut failed = Vec::new();
    for bug in std::iter::once(None).chain(snakebridge::seeded::names().map(Some)) {
        let mut run = Command::new(std::env::current_exe().expect("this program has a path"));
        run.args(["--minutes", "0.5", "--workers", "4", "--rate", "150", "--faults", "4"]).args(options);
        match bug {
            Some(bug) => run.env("SNAKEBRIDGE_SEEDED_BUG", bug),
            None => run.env_remove("SNAKEBRIDGE_SEEDED_BUG"),
        };
        let output = run.stderr(Stdio::null()).output().expect("this program runs once more");
        let report = String::from_utf8_lossy(&output.stdout);
        let broken = report.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| V")?.split(" | ");
            let (name, _, held) = (cells.next()?, cells.next()?, cells.next()?);
            held.starts_with("NO").then(|| format!("V{name}"))
        });
        let mut broken: Vec<String> = broken.collect();
        if output.status.code().is_none() {
            broken.push("V17: the host aborted".to_owned());
        }
        let shown = if broken.is_empty() { "none".to_owned() } else { broken.join("; ") };
        let first = report.lines().find_map(|line| line.strip_prefix('V')?.split_once(" broken: "));
        let first = first.map_or("", |(_, violation)| violation);
        println!("| {} | {shown} | {} |", bug.unwrap_or("none"), first.replace('|', "/"));
        let was_made = report.contains("| V1 |") || output.status.code().is_none();
        if !was_made || broken.is_empty() == bug.is_some() {
            failed.push(bug.unwrap_or("none"));
            eprintln!("{report}");
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("not as it should be: {}", failed.join(", "));
    ExitCode::FAILURE
}

fn plan(mut arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan { length: Duration::from_mins(1), workers: 8, rate: 500, ..Plan::default() };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a number"))?;
        let wrong = || format!("`{name}` needs a number, not `{value}`");
        let number: f64 =
            value.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite()).ok_or_else(wrong)?;
        match name.as_str() {
            "--seed" => plan.seed = value.parse().map_err(|_| wrong())?,
            "--minutes" => plan.length = Duration::try_from_secs_f64(number * 60.0).map_err(|_| wrong())?,
            "--workers" => plan.workers = value.parse().map_err(|_| wrong())?,
            "--rate" => plan.rate = value.parse().map_err(|_| wrong())?,
            "--faults" => plan.faults = number,
            other => return Err(format!("unknown option `{other}`")),
        }
    }
    Ok(plan)
}
