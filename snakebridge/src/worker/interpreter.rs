//! Finding a Python interpreter, and saying what was tried when there is none.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, StartFailure};

/// A Python to run, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// The program.
    pub path: PathBuf,
    /// Where the path comes from, for messages: "`SNAKEBRIDGE_PYTHON`".
    pub origin: &'static str,
}

/// The origin of an interpreter that was found last of all.
const ON_PATH: &str = "`PATH`";

/// Where to look: the surroundings of the search, so that it can be tested without changing the process's own.
#[derive(Debug)]
struct Surroundings {
    snakebridge_python: Option<OsString>,
    virtual_env: Option<OsString>,
    path: Option<OsString>,
    folder: Option<PathBuf>,
}

impl Interpreter {
    /// The interpreter that `explicit` names, else the first of: `SNAKEBRIDGE_PYTHON`, the active virtual environment
    /// (`VIRTUAL_ENV`), a `.venv` in the current folder or above it, `python3` on `PATH`.
    ///
    /// A place that names an interpreter which is not there is an error, not a reason to look further.
    pub(crate) fn find(explicit: Option<&Path>) -> Result<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Surroundings {
            snakebridge_python: variable("SNAKEBRIDGE_PYTHON"),
            virtual_env: variable("VIRTUAL_ENV"),
            path: variable("PATH"),
            folder: std::env::current_dir().ok(),
        }
        .find(explicit)
    }

    /// The command that installs the package of this version where this interpreter finds it.
    ///
    /// Not into a system's own Python, which many distributions forbid: into a virtual environment beside the program,
    /// which is found before `PATH`.
    pub(super) fn install_command(&self, version: &str) -> String {
        let python = self.path.display();
        let package = format!("'snakebridge=={version}'");
        if self.origin == ON_PATH {
            format!("{python} -m venv .venv && .venv/bin/python -m pip install {package}")
        } else {
            format!("{python} -m pip install {package}")
        }
    }

    /// The error for an interpreter that cannot be run.
    pub(super) fn unusable(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::start_failed(
            StartFailure::Interpreter,
            format!(
                "cannot run the Python interpreter `{}` (from {}): {reason}; name another with `.python(..)` or \
                 `SNAKEBRIDGE_PYTHON`",
                self.path.display(),
                self.origin
            ),
        )
    }
}

impl Surroundings {
    fn find(&self, explicit: Option<&Path>) -> Result<Interpreter> {
        let named = [
            (explicit.map(Path::to_path_buf), "`.python(..)`"),
            (self.snakebridge_python.as_ref().map(PathBuf::from), "`SNAKEBRIDGE_PYTHON`"),
            (self.virtual_env.as_ref().map(|folder| Path::new(folder).join("bin/python")), "`VIRTUAL_ENV`"),
        ];
        for (path, origin) in named {
            let Some(path) = path else { continue };
            let interpreter = Interpreter { path: resolve(&path, self.path.as_deref()), origin };
            return match interpreter.path.metadata() {
                Ok(metadata) if metadata.is_file() => Ok(interpreter),
                Ok(_) => Err(interpreter.unusable(&"it is not a file")),
                Err(error) => Err(interpreter.unusable(&error)),
            };
        }
        let folders = self.folder.iter().flat_map(|folder| folder.ancestors());
        if let Some(path) = folders.map(|folder| folder.join(".venv/bin/python")).find(|path| path.is_file()) {
            return Ok(Interpreter { path, origin: "a `.venv` in this folder or above" });
        }
        if let Some(path) = on_path("python3", self.path.as_deref()) {
            return Ok(Interpreter { path, origin: ON_PATH });
        }
        let folder = self.folder.as_deref().map_or_else(|| "the current folder".into(), Path::to_string_lossy);
        Err(Error::start_failed(
            StartFailure::Interpreter,
            format!(
                "found no Python interpreter; tried `.python(..)` (not given), `SNAKEBRIDGE_PYTHON` (not set), \
                 `VIRTUAL_ENV` (not set), `.venv/bin/python` in `{folder}` and above (none), `python3` on `PATH` \
                 (none). Install Python 3.11 or newer (Debian: `sudo apt install python3 python3-venv`), then \
                 `python3 -m venv .venv && .venv/bin/python -m pip install snakebridge`"
            ),
        ))
    }
}

/// Where a program is: a bare name is looked up on `search`, a `PATH`, as a shell would.
pub(super) fn resolve(program: &Path, search: Option<&OsStr>) -> PathBuf {
    let bare = program.components().count() == 1 && !program.starts_with(".");
    program.to_str().filter(|_| bare).and_then(|name| on_path(name, search)).unwrap_or_else(|| program.to_path_buf())
}

fn on_path(name: &str, search: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(search?).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// Whether a program that could not be started for this reason will not be the next time either.
pub(super) fn is_for_good(error: &io::Error) -> bool {
    // ENOEXEC: no program for this machine.
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) || error.raw_os_error() == Some(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> Surroundings {
        Surroundings { snakebridge_python: None, virtual_env: None, path: None, folder: None }
    }

    #[test]
    fn places_are_searched_in_order_and_the_first_that_names_one_wins() {
        let root = std::env::temp_dir().join(format!("snakebridge-interpreter-{}", std::process::id()));
        let python = |folder: &str| {
            let path = root.join(folder);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        let (venv, dot_venv, on_path) = (python("v/bin/python"), python(".venv/bin/python"), python("p/python3"));
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        let mut surroundings = Surroundings {
            snakebridge_python: Some("python3".into()),
            virtual_env: Some(root.join("v").into()),
            path: Some(root.join("p").into()),
            folder: Some(root.join("a/b")),
        };
        let mut found = |change: fn(&mut Surroundings)| {
            let interpreter = surroundings.find(None).unwrap();
            change(&mut surroundings);
            interpreter.path
        };
        assert_eq!(found(|s| s.snakebridge_python = None), on_path, "a bare name is looked up on PATH");
        assert_eq!(found(|s| s.virtual_env = None), venv);
        assert_eq!(found(|s| s.folder = None), dot_venv);
        assert_eq!(found(|_| {}), on_path);
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_place_that_names_a_missing_interpreter_is_an_error_that_says_so() {
        let surroundings = Surroundings { virtual_env: Some("/no/such/folder".into()), ..nowhere() };
        let error = surroundings.find(None).unwrap_err().to_string();
        assert!(error.contains("`/no/such/folder/bin/python` (from `VIRTUAL_ENV`)"), "{error}");
    }

    #[test]
    fn without_any_python_the_error_lists_what_was_tried_and_the_command_that_mends_it() {
        let error = nowhere().find(None).unwrap_err().to_string();
        for part in ["SNAKEBRIDGE_PYTHON", "VIRTUAL_ENV", ".venv", "PATH", "python3 -m venv .venv"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
