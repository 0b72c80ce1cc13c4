//! Finding a Python that can make the environment, and saying exactly why there is none.

mod refusal;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::program::Program;
use refusal::{Problem, Tried, refusal};

/// The oldest minor version of Python 3 that the package supports.
const OLDEST: u32 = 11;
/// The newest one that is looked for by its own name when `python3` will not do.
const NEWEST: u32 = 14;

/// Prints four lines: version, implementation, executable, and whether environments can be made. It must also run on
/// a Python that is far too old, to be able to say so. Debian packs `ensurepip`, without which `venv` fails halfway,
/// apart from Python; asking for its version shows that it is really there.
const PROBE: &str = r#"
import platform, sys
print("%d.%d.%d" % sys.version_info[:3])
print(platform.python_implementation())
print(getattr(sys, "_base_executable", None) or sys.executable)
try:
    import venv, ensurepip
    ensurepip.version()
    print("venv")
except Exception:
    print("no venv")
"#;

/// A Python that was asked who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// The executable itself: a version manager's shim or another environment's link is followed.
    pub(crate) executable: PathBuf,
    /// Major, minor, patch.
    pub(crate) version: (u32, u32, u32),
    implementation: String,
    makes_environments: bool,
}

impl Interpreter {
    /// Asks `program` who it is.
    pub(crate) fn ask(program: &Path) -> Result<Self> {
        // Without the user's site folder and PYTHON* variables, which could answer in Python's place.
        let answer = Program::new(program, Path::new(".")).arguments(&["-E", "-s", "-c", PROBE]).output()?;
        Self::from_answer(&answer).ok_or_else(|| Failure::new(format!("it does not answer like Python: {answer:?}")))
    }

    fn from_answer(answer: &str) -> Option<Self> {
        let mut lines = answer.lines();
        let mut numbers = lines.next()?.split('.').map(str::parse);
        let mut number = || numbers.next()?.ok();
        let version = (number()?, number()?, number()?);
        let implementation = lines.next()?.to_owned();
        let executable = PathBuf::from(lines.next()?);
        Some(Self { executable, version, implementation, makes_environments: lines.next()? == "venv" })
    }

    /// `3.11`.
    pub(crate) fn minor_version(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    fn problem(self) -> std::result::Result<Self, Problem> {
        if self.implementation != "CPython" {
            Err(Problem::NotCPython(self))
        } else if (self.version.0, self.version.1) < (3, OLDEST) {
            Err(Problem::TooOld(self))
        } else if !self.makes_environments {
            Err(Problem::NoVenv(self))
        } else {
            Ok(self)
        }
    }
}

impl std::fmt::Display for Interpreter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (major, minor, patch) = self.version;
        write!(formatter, "{} {major}.{minor}.{patch} ({})", self.implementation, self.executable.display())
    }
}

/// The first Python that will do: `SNAKEBRIDGE_PYTHON` and nothing else when it is set, otherwise `python3`, then the
/// versioned names on PATH, newest first.
pub(crate) fn find() -> Result<Interpreter> {
    if let Some(explicit) = std::env::var_os("SNAKEBRIDGE_PYTHON").filter(|value| !value.is_empty()) {
        let shown = format!("{} (from SNAKEBRIDGE_PYTHON)", explicit.display());
        return examine(&explicit, shown).map_err(|tried| refusal(&[tried]));
    }
    let names = std::iter::once("python3".to_owned()).chain(versioned_names());
    let mut tried = Vec::new();
    for name in names {
        match examine(&OsString::from(&name), name) {
            Ok(interpreter) => return Ok(interpreter),
            Err(failed) => tried.push(failed),
        }
    }
    Err(refusal(&tried))
}

/// Every usable version except `other_than`, one interpreter each: from PATH, and from the versions that pyenv keeps.
pub(crate) fn further(other_than: &Interpreter) -> Vec<Interpreter> {
    let mut found: Vec<Interpreter> = Vec::new();
    for name in versioned_names() {
        let kept = pyenv_versions().into_iter().map(|version| version.join("bin").join(&name));
        for program in std::iter::once(PathBuf::from(&name)).chain(kept) {
            let Ok(interpreter) = examine(program.as_os_str(), name.clone()) else {
                continue;
            };
            let known =
                found.iter().chain([other_than]).any(|other| other.minor_version() == interpreter.minor_version());
            if !known {
                found.push(interpreter);
            }
        }
    }
    found
}

fn versioned_names() -> impl Iterator<Item = String> {
    (OLDEST..=NEWEST).rev().map(|minor| format!("python3.{minor}"))
}

fn pyenv_versions() -> Vec<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| std::env::home_dir().map(|home| home.join(".pyenv")));
    let entries = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let mut versions: Vec<PathBuf> =
        entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    versions.sort();
    versions
}

fn examine(program: &OsStr, name: String) -> std::result::Result<Interpreter, Tried> {
    let Some(path) = on_path(program) else {
        return Err(Tried { name, problem: Problem::NotFound });
    };
    match Interpreter::ask(&path) {
        Ok(interpreter) => interpreter.problem().map_err(|problem| Tried { name, problem }),
        Err(failure) => Err(Tried { name, problem: Problem::NoAnswer(failure.to_string()) }),
    }
}

/// The file that a shell would run for `program`.
fn on_path(program: &OsStr) -> Option<PathBuf> {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return path.exists().then(|| path.to_path_buf());
    }
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(path)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_a_python_that_will_do() {
        let usable = Interpreter::from_answer("3.11.2\nCPython\n/usr/bin/python3\nvenv\n").expect("four lines");
        assert_eq!(usable.version, (3, 11, 2));
        assert_eq!(usable.executable, PathBuf::from("/usr/bin/python3"));
        assert!(usable.problem().is_ok());
    }

    #[test]
    fn noise_is_not_taken_for_an_answer() {
        assert_eq!(Interpreter::from_answer("pyenv: python3.12: command not found\n"), None);
    }

    #[test]
    fn the_python_of_this_machine_answers() {
        let answer = Interpreter::ask(Path::new("python3")).expect("python3 on PATH");
        assert!(answer.version >= (3, 0, 0) && answer.executable.is_absolute());
    }
}
