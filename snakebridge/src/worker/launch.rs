//! What a worker's process runs: an interpreter with the Python package's worker in it, or any program that speaks the
//! protocol.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::interpreter::{Interpreter, is_for_good, resolve};
use crate::error::{Error, Result, StartFailure};

/// What to run.
#[derive(Debug, Clone)]
pub(crate) enum Launch {
    /// The worker of the Python package, in this interpreter.
    Python(Interpreter),
    /// A program of the user's.
    Command(Program),
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Launch {
    /// The program that `command` names, or else the interpreter that `python` names, or else the one that is found.
    pub(crate) fn find(command: Option<&[OsString]>, python: Option<&Path>) -> Result<Self> {
        match (command, python) {
            (None, _) => Interpreter::find(python).map(Self::Python),
            (Some(command), None) => Program::find(command, std::env::var_os("PATH").as_deref()).map(Self::Command),
            (Some(_), Some(_)) => Err(Error::start_failed(
                StartFailure::Configuration,
                "`.command(..)` and `.python(..)`: expected one of them; a command that runs Python names it itself",
            )),
        }
    }

    pub(super) fn program(&self) -> &Path {
        match self {
            Self::Python(interpreter) => &interpreter.path,
            Self::Command(program) => &program.path,
        }
    }

    pub(super) fn arguments(&self) -> Vec<OsString> {
        match self {
            // Isolated: no PYTHON* variables, no user site, no current folder in the module path. A module, not `-c`, so
            // that multiprocessing's spawn finds a `__main__` that it can import again.
            Self::Python(_) => ["-I", "-m", "snakebridge.worker"].map(OsString::from).into(),
            Self::Command(program) => program.arguments.clone(),
        }
    }

    /// The error for a program that could not be started.
    pub(super) fn cannot_run(&self, error: &io::Error) -> Error {
        match self {
            _ if !is_for_good(error) => Error::resource(
                format!("cannot start `{}`", self.program().display()),
                // With its number, as far as it has one.
                error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error),
            ),
            Self::Python(interpreter) => interpreter.unusable(error),
            Self::Command(program) => unusable(&program.path, error),
        }
    }
}

impl Program {
    fn find(command: &[OsString], search: Option<&OsStr>) -> Result<Self> {
        let Some((program, arguments)) = command.split_first().filter(|(program, _)| !program.is_empty()) else {
            return Err(Error::start_failed(
                StartFailure::Configuration,
                "`.command(..)`: expected a program and its arguments, such as `[\"node\", \"worker.js\"]`",
            ));
        };
        let path = resolve(Path::new(program), search);
        match path.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(Self { path, arguments: arguments.to_vec() }),
            Ok(_) => Err(unusable(&path, &"it is not a file")),
            Err(error) => Err(unusable(&path, &error)),
        }
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", argument.display()))
    }
}

fn unusable(program: &Path, reason: &dyn std::fmt::Display) -> Error {
    let program = program.display();
    Error::start_failed(
        StartFailure::Command,
        format!(
            "cannot run `{program}` (from `.command(..)`): {reason}; name a program for this machine by its path, or \
             one that is on `PATH`"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(command: &[&str]) -> (StartFailure, String) {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let error = Program::find(&command, Some(OsStr::new("/usr/bin:/bin"))).unwrap_err();
        let crate::error::ErrorKind::StartFailed { why, message } = error.kind() else { panic!("{error}") };
        (*why, message.clone())
    }

    #[test]
    fn a_bare_name_is_looked_up_on_path_and_arguments_stay_as_they_are() {
        let program = Program::find(&["sh".into(), "x y.js".into()], Some(OsStr::new("/no/such:/bin"))).unwrap();
        assert_eq!(program.path, Path::new("/bin/sh"));
        assert_eq!(program.to_string(), "/bin/sh x y.js");
        assert_eq!(program.arguments, ["x y.js"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_named_before_anything_starts() {
        let (why, message) = refused(&["no-such-program"]);
        assert_eq!(why, StartFailure::Command);
        assert!(message.contains("`no-such-program`") && message.contains("`PATH`"), "{message}");
        assert!(refused(&["/usr"]).1.contains("not a file"));
    }

    #[test]
    fn a_command_of_nothing_or_beside_an_interpreter_makes_no_sense() {
        assert_eq!(refused(&[]).0, StartFailure::Configuration);
        assert_eq!(refused(&[""]).0, StartFailure::Configuration);
        let both = Launch::find(Some(&["sh".into()]), Some(Path::new("python3"))).unwrap_err();
        assert!(both.to_string().contains("expected one of them"), "{both}");
    }
}
