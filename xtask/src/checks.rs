//! The checks of `cargo xtask lint` and `cargo xtask test`, in the order in which they run: quick ones first.

use crate::failure::{Failure, Result};
use crate::gate::Check;
use crate::layering;
use crate::program::Program;
use crate::readme;
use crate::setup::{Environment, cargo};
use crate::versions;
use crate::workspace::Workspace;

/// Where the settings of ruff, mypy and pytest are; all other Python here is held to the same ones.
const PACKAGE: &str = "snakebridge-py";
const OTHER_PYTHON: [&str; 3] = ["../examples/python", "../tests/python", "../benches/python"];

/// What can be said from the source alone.
pub(crate) fn lint() -> Vec<Check> {
    vec![
        Check::new("rustfmt", |workspace, _| cargo(workspace, &["fmt", "--all", "--check"]).run()),
        Check::new("layering", |workspace, _| layering::check(&workspace.root)),
        Check::new("one version of every crate", |workspace, _| versions::check(&workspace.root)),
        Check::new("README: the two commands", |workspace, _| readme::check_commands(&workspace.root)),
        Check::new("ruff check", |workspace, environment| ruff(workspace, environment, &["check"])),
        Check::new("ruff format", |workspace, environment| ruff(workspace, environment, &["format", "--check"])),
        Check::new("mypy", |workspace, environment| {
            environment.program(workspace, "mypy", PACKAGE).run()?;
            let settings = ["--config-file", "pyproject.toml"];
            environment.program(workspace, "mypy", PACKAGE).arguments(&settings).arguments(&OTHER_PYTHON).run()
        }),
        Check::new("the wire without tokio", wire_alone),
        Check::new("clippy", |workspace, environment| {
            environment.cargo(workspace, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()
        }),
    ]
}

/// What must be run to be known.
pub(crate) fn test() -> Vec<Check> {
    vec![
        Check::new("Rust: unit, property, doc, ui and end-to-end tests", |workspace, environment| {
            let tests = ["test", "--workspace", "--exclude", "snakebridge-py", "--no-fail-fast"];
            environment.cargo(workspace, &bounded(workspace)).arguments(&tests).run()
        }),
        Check::new("the extension's own tests", extension),
        Check::new("the worker's atomics under every interleaving", |workspace, _| {
            let models = ["test", "--manifest-path", "loom/Cargo.toml", "--target-dir", "target/loom"];
            cargo(workspace, &models).run()
        }),
        Check::new("the fuzz targets over their corpus", |workspace, _| {
            let replay = ["test", "--manifest-path", "fuzz/Cargo.toml", "--no-default-features"];
            cargo(workspace, &replay).arguments(&["--target-dir", "target/fuzz"]).run()
        }),
        Check::new("pytest", |workspace, environment| {
            environment.program(workspace, "python", PACKAGE).arguments(&["-m", "pytest"]).run()
        }),
        Check::new("the reference worker in Node", node),
        Check::new("the documents' Python snippets", readme::run_python),
        Check::new("the demonstration", |workspace, environment| {
            environment
                .cargo(workspace, &["run", "--release", "--package", "snakebridge-examples", "--bin", "demo"])
                .run()
        }),
    ]
}

/// Has cargo end each program of tests that runs for longer than all of them should: what hangs is then named in the output,
/// by the harness, and the others are run. Standard tools only, and none where there is no `timeout`.
fn bounded(workspace: &Workspace) -> Vec<&'static str> {
    let there_is = Program::new("timeout", &workspace.root).argument("--version").output().is_ok();
    // In the foreground, so that Ctrl-C reaches what it runs.
    let runner = r#"target."cfg(unix)".runner = ["timeout", "--foreground", "--kill-after=10", "1200"]"#;
    if there_is { vec!["--config", runner] } else { vec![] }
}

fn ruff(workspace: &Workspace, environment: &Environment, arguments: &[&str]) -> Result<()> {
    let mut ruff = environment.program(workspace, "ruff", PACKAGE);
    ruff.arguments(arguments).arguments(&["--config", "pyproject.toml", "."]).arguments(&OTHER_PYTHON).run()
}

/// Tests of the extension without Python in them. They are linked with Python's library, which not every build of Python
/// has in a form that a program can be linked with.
fn extension(workspace: &Workspace, environment: &Environment) -> Result<()> {
    let question =
        "import sysconfig as s; print(s.get_config_var('LIBDIR') if s.get_config_var('Py_ENABLE_SHARED') else '')";
    let folder = environment.program(workspace, "python", "").arguments(&["-c", question]).output()?;
    match folder.trim() {
        "" => {
            println!(
                "left out: this Python is built without a shared library to link tests with; `pytest` runs the extension"
            );
            Ok(())
        }
        folder => environment
            .cargo(workspace, &["test", "--package", "snakebridge-py"])
            .variable("LD_LIBRARY_PATH", folder)
            .run(),
    }
}

/// Golden vectors and conversations for the worker in JavaScript. Nothing else here needs Node, so a machine without it
/// is no reason to fail.
fn node(workspace: &Workspace, _: &Environment) -> Result<()> {
    let worker = workspace.root.join("examples/workers/node");
    let version = Program::new("node", &worker).argument("--version").output().unwrap_or_default();
    let major = version.trim().strip_prefix('v').and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    if major.is_none_or(|major| major < 20) {
        println!("left out, as the end-to-end tests with it were: no Node 20 or newer on PATH");
        return Ok(());
    }
    let tests = ["--test", "--test-reporter=dot", "test/vectors.test.js", "test/conversation.test.js"];
    Program::new("node", &worker).arguments(&tests).run()
}

/// The extension and other hosts use the wire without an asynchronous runtime; nothing may pull one in.
fn wire_alone(workspace: &Workspace, _: &Environment) -> Result<()> {
    let wire = ["--package", "snakebridge", "--no-default-features"];
    cargo(workspace, &["clippy"]).arguments(&wire).arguments(&["--", "-D", "warnings"]).run()?;
    let tree =
        cargo(workspace, &["tree"]).arguments(&wire).arguments(&["--edges", "normal", "--prefix", "none"]).output()?;
    match tree.lines().find(|line| line.starts_with("tokio")) {
        Some(line) => Err(Failure::new(format!("without default features snakebridge depends on `{line}`:\n{tree}"))),
        None => Ok(()),
    }
}
