//! What `cargo xtask test --full` adds: the built wheel under every further Python that this machine has.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::fingerprint::files_below;
use crate::gate::Check;
use crate::interpreter;
use crate::setup::Environment;
use crate::workspace::Workspace;

/// Builds the wheel once, and returns two checks for each further Python.
pub(crate) fn checks(workspace: &Workspace, environment: &Environment) -> Result<Vec<Check>> {
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
            let mut tests = environment.cargo(workspace, &["test", "--package", "snakebridge-tests"]);
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
    maturin.arguments(&["build", "--release", "--manifest-path", "snakebridge-py/Cargo.toml", "--out"]);
    maturin.argument(&folder).run()?;
    files_below(&folder)?.pop().ok_or_else(|| Failure::new(format!("maturin left no wheel in `{}`", folder.display())))
}

fn install_wheel(workspace: &Workspace, environment: &Environment, wheel: &Path) -> Result<()> {
    let mut pip = environment.program(workspace, "python", "");
    pip.arguments(&["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.arguments(&["--force-reinstall", "--no-deps"]).argument(wheel).run()
}
