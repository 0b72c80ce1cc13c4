//! The project's own commands, run as `cargo xtask COMMAND`.
//!
//! `arguments` says what was asked; `setup` makes the Python environment that nearly everything needs; `gate` runs
//! the checks that `checks` lists; `layering` and `readme` are checks that no other tool makes. Standard library only,
//! so that the first command on a new machine starts within seconds.

mod arguments;
mod checks;
mod failure;
mod fingerprint;
mod full;
mod fuzz;
mod gate;
mod interpreter;
mod layering;
mod program;
mod readme;
mod setup;
mod source;
mod versions;
mod workspace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arguments::{Benchmark, Request};
use failure::{Failure, Result};
use setup::Extent;
use workspace::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    if cfg!(windows) {
        return Err(Failure::new("snakebridge runs on Linux and macOS; on Windows use it inside WSL 2"));
    }
    let workspace = Workspace::find()?;
    match arguments::parse(arguments)? {
        Request::Help => {
            print!("{}", arguments::USAGE);
            Ok(())
        }
        Request::Setup => setup::prepare(&workspace, Extent::Extension).map(|_| ()),
        Request::Demo { csv } => demo(&workspace, csv.as_deref()),
        Request::Test { full } => test(&workspace, full),
        Request::Lint => gate::run(&workspace, &checks::lint(), &setup::prepare(&workspace, Extent::Tools)?),
        Request::Bench(name) => bench(&workspace, name),
        Request::Fuzz(plan) => fuzz::run(&workspace, &plan),
        Request::Chaos(options) => chaos(&workspace, &options),
    }
}

fn test(workspace: &Workspace, full: bool) -> Result<()> {
    let environment = setup::prepare(workspace, Extent::Extension)?;
    let mut checks = checks::lint();
    checks.extend(checks::test());
    if full {
        checks.extend(full::checks(workspace, &environment)?);
    }
    gate::run(workspace, &checks, &environment)
}

fn demo(workspace: &Workspace, csv: Option<&Path>) -> Result<()> {
    let csv = csv.map(existing_file).transpose()?;
    let environment = setup::prepare(workspace, Extent::Extension)?;
    let mut command = environment.cargo(workspace, &["run", "--release", "--package", "snakebridge-examples"]);
    command.arguments(&["--bin", "demo"]);
    if let Some(csv) = csv {
        command.argument("--").argument(csv);
    }
    command.run()
}

/// The path as seen from the folder in which the command was typed: the program itself runs at the root.
fn existing_file(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| {
        Failure::new(format!("the CSV file `{}` cannot be read: {error}", path.display()))
            .hint("without a path the demo takes `examples/data/iris.csv`")
    })
}

fn bench(workspace: &Workspace, benchmark: Benchmark) -> Result<()> {
    let environment = setup::prepare(workspace, Extent::Extension)?;
    environment
        .cargo(workspace, &["run", "--release", "--package", "snakebridge-benches", "--bin", benchmark.name])
        .run()
}

fn chaos(workspace: &Workspace, options: &[String]) -> Result<()> {
    let environment = setup::prepare(workspace, Extent::Extension)?;
    let mut command = environment.cargo(workspace, &["run", "--package", "snakebridge-tests", "--bin", "chaos"]);
    // Seeded bugs are found by what they break, not by how fast; and this is built far more quickly.
    let mutants = options.first().is_some_and(|first| first == "--mutants");
    command.arguments(if mutants { &["--features", "seeded-bugs", "--"] } else { &["--release", "--"] });
    for option in options {
        command.argument(option);
    }
    command.run()
}
