//! What `cargo xtask test --full` adds: proofs that take long, and the built wheel under every further Python that this
//! machine has.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::fingerprint::files_below;
use crate::gate::Check;
use crate::interpreter;
use crate::setup::Environment;
use crate::workspace::Workspace;

/// Tests that prove more the longer they run: what each proves, its file, and the variable that says how long.
const LONG_PROOFS: [(&str, &str, &str, &str); 4] = [
    ("a minute of linearizable sessions", "session_linearizability", "SNAKEBRIDGE_LINEARIZABILITY", "60"),
    ("a million sessions that come and go", "session_memory", "SNAKEBRIDGE_SESSIONS", "1000000"),
    ("ten thousand workers that come and go", "turnover", "SNAKEBRIDGE_TURNOVERS", "10000"),
    ("a gigabyte of a worker's output", "loud_tools", "SNAKEBRIDGE_FLOOD", "1000"),
];

/// Large libraries that the package recognises where they are.
const LIBRARIES: &str = "snakebridge-py/requirements-libraries.txt";

/// All that is added. Builds the wheel for it, if there is a further Python.
pub(crate) fn checks(workspace: &Workspace, environment: &Environment) -> Result<Vec<Check>> {
    let mut checks = long_proofs();
    checks.extend(further_pythons(workspace, environment)?);
    Ok(checks)
}

fn long_proofs() -> Vec<Check> {
    let proof = |(name, test, variable, value)| {
        Check::new(name, move |workspace: &Workspace, environment: &Environment| {
            let arguments = ["test", "--package", "snakebridge-tests", "--test", test, "--", "--nocapture"];
            environment.cargo(workspace, &arguments).variable(variable, value).run()
        })
    };
    LONG_PROOFS.into_iter().map(proof).collect()
}

/// Builds the wheel once, and returns two checks for each further Python.
fn further_pythons(workspace: &Workspace, environment: &Environment) -> Result<Vec<Check>> {
    let further = interpreter::further(&environment.interpreter);
    if further.is_empty() {
        println!("full: no further Python from 3.11 on was found, neither on PATH nor in pyenv's versions");
        return Ok(Vec::new());
    }
    let wheel = build_wheel(workspace, environment)?;
    let mut checks = Vec::new();
    for interpreter in further {
        let version = interpreter.minor_version();
        let folder = workspace.target.join("environments").join(&version);
        let other = Environment::with(workspace, folder, interpreter)?;
        install_wheel(workspace, &other, &wheel)?;
        let python = other.python();
        checks.push(Check::new(format!("pytest with the wheel under Python {version}"), move |workspace, _| {
            other.program(workspace, "python", "snakebridge-py").arguments(&["-m", "pytest", "tests"]).run()
        }));
        checks.push(Check::new(format!("end-to-end tests under Python {version}"), move |workspace, environment| {
            // Built against the same Python as before, so that nothing is compiled again; only the workers differ.
            let mut tests = environment.cargo(workspace, &["test", "--package", "snakebridge-tests", "--no-fail-fast"]);
            tests.variable("SNAKEBRIDGE_PYTHON", &python).run()
        }));
    }
    Ok(checks)
}

fn build_wheel(workspace: &Workspace, environment: &Environment) -> Result<PathBuf> {
    let folder = workspace.target.join("wheel");
    // One wheel of one version, whatever was built here before.
    for old in files_below(&folder)? {
        std::fs::remove_file(&old).map_err(|error| Failure::new(format!("`{}`: {error}", old.display())))?;
    }
    let mut maturin = environment.program(workspace, "maturin", "");
    maturin.arguments(&["build", "--profile", "extension", "--manifest-path", "snakebridge-py/Cargo.toml", "--out"]);
    maturin.argument(&folder).run()?;
    files_below(&folder)?.pop().ok_or_else(|| Failure::new(format!("maturin left no wheel in `{}`", folder.display())))
}

fn install_wheel(workspace: &Workspace, environment: &Environment, wheel: &Path) -> Result<()> {
    let mut pip = environment.program(workspace, "python", "");
    pip.arguments(&["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.arguments(&["--force-reinstall", "--no-deps"]).argument(wheel).run()?;
    let mut libraries = environment.program(workspace, "python", "");
    libraries
        .arguments(&["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", LIBRARIES])
        .run()
}
