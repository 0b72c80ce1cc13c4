//! `chaos --seed N --minutes N --workers N --rate N --faults N`: a chaos run, its report on standard output; fails when a promise was
//! broken.

use std::process::ExitCode;
use std::time::Duration;

use snakebridge_tests::chaos::{Plan, run};

#[tokio::main]
async fn main() -> ExitCode {
    let plan = match plan(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(mistake) => {
            eprintln!("{mistake}\nusage: chaos [--seed N] [--minutes N] [--workers N] [--rate CALLS] [--faults N]");
            return ExitCode::from(2);
        }
    };
    match run(&plan).await {
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
