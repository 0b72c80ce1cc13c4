//! Running another program, so that what ran can be read and repeated.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};

/// A program about to be run: what is typed, and the environment variables that matter to it.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    shown: String,
    variables: BTreeMap<String, String>,
}

impl Program {
    /// `program`, to be run in `folder`, with nothing on its standard input.
    pub(crate) fn new(program: impl AsRef<OsStr>, folder: &Path) -> Self {
        let mut command = Command::new(&program);
        command.current_dir(folder).stdin(Stdio::null());
        let shown = program.as_ref().to_string_lossy().into_owned();
        Self { command, shown, variables: BTreeMap::new() }
    }

    /// Shows the program by a shorter name than its whole path.
    pub(crate) fn shown_as(&mut self, name: &Path) -> &mut Self {
        self.shown = name.to_string_lossy().into_owned();
        self
    }

    /// Adds one argument.
    pub(crate) fn argument(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Adds several arguments.
    pub(crate) fn arguments(&mut self, arguments: &[&str]) -> &mut Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable; it is shown before the command.
    pub(crate) fn variable(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.variables.insert(name.to_owned(), quoted(&value.as_ref().to_string_lossy()));
        self.silent_variable(name, value)
    }

    /// Sets an environment variable that is too much a matter of course to be shown.
    pub(crate) fn silent_variable(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.command.env(name, value.as_ref());
        self
    }

    /// Takes an environment variable away.
    pub(crate) fn without_variable(&mut self, name: &str) -> &mut Self {
        self.command.env_remove(name);
        self
    }

    /// Prints the command, runs it with our own output, and fails unless it ends with 0.
    pub(crate) fn run(&mut self) -> Result<()> {
        println!("$ {}", self.line());
        let status = self.command.status().map_err(|error| self.not_started(&error))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("`{}` ended with {status}", self.line())))
    }

    /// Runs it in silence and returns what it printed; both outputs are in the failure.
    pub(crate) fn output(&mut self) -> Result<String> {
        let output = self.command.output().map_err(|error| self.not_started(&error))?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        let text = format!("{printed}{complaint}");
        Err(Failure::new(format!("`{}` ended with {}:\n{}", self.line(), output.status, text.trim_end())))
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        Failure::new(format!("`{}` cannot be started: {error}", self.shown))
    }

    /// The command as one would type it.
    fn line(&self) -> String {
        let arguments = self.command.get_args().map(|argument| quoted(&argument.to_string_lossy()));
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={value}"));
        let program = std::iter::once(quoted(&self.shown));
        variables.chain(program).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

fn quoted(word: &str) -> String {
    if word.contains('\n') {
        // A script: it would bury the command.
        "'…'".to_owned()
    } else if word.is_empty()
        || word.contains(|character: char| character.is_whitespace() || "'\"$;&|<>()".contains(character))
    {
        format!("'{}'", word.replace('\'', "'\\''"))
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shown_can_be_typed() {
        let mut program = Program::new("cargo", Path::new("."));
        program.argument("test").variable("PYO3_PYTHON", "/p").arguments(&["it's", "a b"]);
        assert_eq!(program.line(), r"PYO3_PYTHON=/p cargo test 'it'\''s' 'a b'");
    }

    #[test]
    fn a_failing_program_is_reported_with_its_output() {
        let failure = Program::new("sh", Path::new(".")).arguments(&["-c", "echo seen; exit 3"]).output().unwrap_err();
        let message = failure.to_string();
        assert!(message.contains("exit status: 3") && message.contains("seen"), "{message}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let failure = Program::new("no-such-program-here", Path::new(".")).run().unwrap_err();
        assert!(failure.to_string().starts_with("`no-such-program-here` cannot be started"));
    }
}
