//! The Python environment: `.venv` at the root with what the project's tests need and the extension built into it.
//! Every part carries a stamp saying from what it was made, and is made again exactly when that changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

use crate::failure::{Failure, Result};
use crate::fingerprint::{Fingerprint, files_below};
use crate::interpreter::{self, Interpreter};
use crate::program::Program;
use crate::workspace::Workspace;

/// What the tests and the build of the extension need from the package index.
const REQUIREMENTS: &str = "snakebridge-py/requirements-dev.txt";

/// Everything that the extension is compiled from. Its Python sources are used in place and need no build.
const EXTENSION_SOURCES: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "snakebridge/Cargo.toml",
    "snakebridge/src",
    "snakebridge-py/Cargo.toml",
    "snakebridge-py/pyproject.toml",
    "snakebridge-py/build.rs",
    "snakebridge-py/src",
];

/// Where maturin puts the compiled extension.
const EXTENSION_FOLDER: &str = "snakebridge-py/python/snakebridge";

/// An environment in which Python tools run.
#[derive(Debug)]
pub(crate) struct Environment {
    folder: PathBuf,
    /// The Python that it was made with.
    pub(crate) interpreter: Interpreter,
}

/// How much of the environment a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Python and the tools that read source.
    Tools,
    /// The extension too, so that adapters run.
    Extension,
}

/// Makes `.venv`, or brings it up to date.
pub(crate) fn prepare(workspace: &Workspace, extent: Extent) -> Result<Environment> {
    let start = Instant::now();
    let lock = lock(workspace)?;
    let interpreter = interpreter::find()?;
    let environment = Environment { folder: workspace.root.join(".venv"), interpreter };
    let mut worked = environment.create(workspace, "[1/3]")?;
    worked |= environment.install_requirements(workspace, "[2/3]")?;
    if extent == Extent::Extension {
        worked |= environment.build_extension(workspace, "[3/3]")?;
    }
    drop(lock);
    let outcome = if worked { "ready" } else { "up to date" };
    let seconds = start.elapsed().as_secs_f64();
    println!("setup: .venv is {outcome}: {}, {seconds:.1} s", environment.interpreter);
    Ok(environment)
}

/// Two commands started at once (a test run and a demo, say) must not build into the same folder.
fn lock(workspace: &Workspace) -> Result<File> {
    let path = workspace.target.join("setup.lock");
    let locked = fs::create_dir_all(&workspace.target).and_then(|()| File::create(&path)).and_then(|file| {
        if file.try_lock().is_err() {
            println!("setup: waiting for another `cargo xtask` that is at it");
            file.lock()?;
        }
        Ok(file)
    });
    locked.map_err(|error| Failure::new(format!("`{}` cannot be locked: {error}", path.display())))
}

impl Environment {
    /// An environment in `folder` with `interpreter`, created when missing and with the requirements installed.
    pub(crate) fn with(workspace: &Workspace, folder: PathBuf, interpreter: Interpreter) -> Result<Self> {
        let environment = Self { folder, interpreter };
        environment.create(workspace, "[1/2]")?;
        environment.install_requirements(workspace, "[2/2]")?;
        Ok(environment)
    }

    /// The environment's Python.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// A program of this environment, run in a folder of the checkout.
    pub(crate) fn program(&self, workspace: &Workspace, name: &str, folder: &str) -> Program {
        let path = self.folder.join("bin").join(name);
        let mut program = Program::new(&path, &workspace.root.join(folder));
        program.shown_as(path.strip_prefix(&workspace.root).unwrap_or(&path));
        self.activate(&mut program);
        program
    }

    /// cargo, with this environment's Python as the one to build against and to run workers with.
    pub(crate) fn cargo(&self, workspace: &Workspace, arguments: &[&str]) -> Program {
        let mut program = cargo(workspace, arguments);
        program.variable("SNAKEBRIDGE_PYTHON", self.python()).variable("PYO3_PYTHON", self.python());
        program
    }

    fn activate(&self, program: &mut Program) {
        // maturin builds for the environment that these variables name.
        program.silent_variable("VIRTUAL_ENV", &self.folder);
        for foreign in ["CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONHOME", "PYTHONPATH"] {
            program.without_variable(foreign);
        }
    }

    fn create(&self, workspace: &Workspace, step: &str) -> Result<bool> {
        let identity = || {
            // An environment holds absolute paths: a copied checkout needs a new one, hence the root.
            let root = workspace.root.display();
            // `python3` and `python3.11` are links to one file and make the same environment.
            let python = self.interpreter.executable.canonicalize().unwrap_or_default();
            let version = self.interpreter.minor_version();
            Ok(format!("{root}\n{} {version}\n{}\n", python.display(), self.python().exists()))
        };
        self.unless_stamped("interpreter", &identity, || {
            println!("setup {step}: {} with {}", self.folder.display(), self.interpreter);
            let mut program = Program::new(&self.interpreter.executable, &workspace.root);
            program.arguments(&["-m", "venv", "--clear"]).argument(&self.folder);
            program.without_variable("PYTHONHOME").without_variable("PYTHONPATH").run()
        })
    }

    fn install_requirements(&self, workspace: &Workspace, step: &str) -> Result<bool> {
        let requirements = workspace.root.join(REQUIREMENTS);
        let identity = || Ok(Fingerprint::default().path(&requirements)?.finish());
        self.unless_stamped("requirements", &identity, || {
            println!("setup {step}: installing what `{REQUIREMENTS}` names");
            let mut program = self.program(workspace, "python", "");
            program.arguments(&["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            program.arguments(&["--requirement", REQUIREMENTS]);
            program.run().map_err(|failure| {
                failure.hint("packages come from the index that pip is configured for; is it within reach?")
            })
        })
    }

    fn build_extension(&self, workspace: &Workspace, step: &str) -> Result<bool> {
        let identity = || {
            let mut fingerprint = Fingerprint::default();
            for source in EXTENSION_SOURCES {
                fingerprint.path(&workspace.root.join(source))?;
            }
            fingerprint.value(std::env::var_os("RUSTFLAGS"));
            // The built file belongs to it too: one that is gone, or that another build put there, is noticed.
            Ok(format!("{}\n{}", fingerprint.finish(), built_extension(workspace)?))
        };
        self.unless_stamped("extension", &identity, || {
            println!("setup {step}: building the extension, which takes a minute the first time");
            let mut program = self.program(workspace, "maturin", "");
            program.arguments(&["develop", "--profile", "extension", "--manifest-path", "snakebridge-py/Cargo.toml"]);
            program.run().map_err(|failure| {
                failure.hint(
                    "the compiler's own message is above; if it misses a C compiler: `sudo apt install build-essential`",
                )
            })?;
            self.program(workspace, "python", "").arguments(&["-c", "import snakebridge._native"]).run()
        })
    }

    /// Does the work unless its stamp holds the present identity, and says whether it did. The identity is asked for
    /// again afterwards, because it may cover what the work makes.
    fn unless_stamped(
        &self,
        name: &str,
        identity: &dyn Fn() -> Result<String>,
        work: impl FnOnce() -> Result<()>,
    ) -> Result<bool> {
        let path = self.stamp_path(name);
        let unwritable = |error: std::io::Error| Failure::new(format!("`{}`: {error}", path.display()));
        if fs::read_to_string(&path).is_ok_and(|stamp| identity().is_ok_and(|identity| identity == stamp)) {
            return Ok(false);
        }
        // Gone before the work begins, so that work cut short is never taken for done.
        if path.exists() {
            fs::remove_file(&path).map_err(unwritable)?;
        }
        let start = Instant::now();
        work()?;
        println!("       done in {:.1} s", start.elapsed().as_secs_f64());
        fs::create_dir_all(path.parent().unwrap_or(&self.folder)).map_err(unwritable)?;
        fs::write(&path, identity()?).map_err(unwritable)?;
        Ok(true)
    }

    fn stamp_path(&self, name: &str) -> PathBuf {
        self.folder.join("snakebridge-stamps").join(name)
    }
}

/// cargo, run at the root.
pub(crate) fn cargo(workspace: &Workspace, arguments: &[&str]) -> Program {
    // The cargo that runs us, so that a toolchain chosen on the command line stays chosen.
    let mut program = Program::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), &workspace.root);
    program.shown_as(Path::new("cargo")).arguments(arguments);
    program
}

/// Name, length and time of the compiled extension, or nothing when it is not there.
fn built_extension(workspace: &Workspace) -> Result<String> {
    let is_extension = |path: &Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("_native."))
            && path.extension().is_some_and(|extension| extension == "so")
    };
    let mut lines = Vec::new();
    for file in files_below(&workspace.root.join(EXTENSION_FOLDER))?.into_iter().filter(|file| is_extension(file)) {
        let metadata = fs::metadata(&file).map_err(|error| Failure::new(format!("`{}`: {error}", file.display())))?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        lines.push(format!("{} {} {modified:?}\n", file.display(), metadata.len()));
    }
    Ok(lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Environment {
        let folder = std::env::temp_dir().join(format!("snakebridge-{name}-{}", std::process::id()));
        let interpreter = Interpreter::ask(Path::new("python3")).expect("python3 on PATH");
        Environment { folder, interpreter }
    }

    fn done(environment: &Environment, identity: &str) -> bool {
        environment.unless_stamped("part", &|| Ok(identity.to_owned()), || Ok(())).expect("a writable folder")
    }

    #[test]
    fn a_part_is_made_once_for_each_identity() {
        let environment = environment("stamp");
        assert!(done(&environment, "one"), "never made");
        assert!(!done(&environment, "one"), "made already");
        assert!(done(&environment, "two"), "made from something else");
        fs::remove_dir_all(&environment.folder).expect("the folder exists");
    }

    #[test]
    fn work_that_fails_counts_as_not_done_even_for_the_old_identity() {
        let environment = environment("stamp-after-failure");
        assert!(done(&environment, "one"));
        let failed = environment.unless_stamped("part", &|| Ok("two".to_owned()), || Err(Failure::new("no")));
        assert!(failed.is_err());
        assert!(done(&environment, "one"), "half of it is from the second identity");
        fs::remove_dir_all(&environment.folder).expect("the folder exists");
    }

    #[test]
    fn the_identity_is_read_after_the_work_because_it_may_cover_the_result() {
        let environment = environment("stamp-of-result");
        let result = environment.folder.join("result");
        let identity = || Ok(result.exists().to_string());
        let make = || {
            environment.unless_stamped("part", &identity, || {
                fs::write(&result, "").map_err(|error| Failure::new(error.to_string()))
            })
        };
        fs::create_dir_all(&environment.folder).expect("a temporary folder");
        assert!(make().expect("it is written"));
        assert!(!make().expect("it is there"));
        fs::remove_file(&result).expect("it was written");
        assert!(make().expect("it is written again"));
        fs::remove_dir_all(&environment.folder).expect("the folder exists");
    }
}
