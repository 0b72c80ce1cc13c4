//! Why no Python would do: every place that was looked at, and what mends it.

use std::path::Path;

use super::{Interpreter, OLDEST};
use crate::failure::Failure;

/// One place that was looked at, and what was wrong with it.
pub(super) struct Tried {
    pub(super) name: String,
    pub(super) problem: Problem,
}

pub(super) enum Problem {
    NotFound,
    NoAnswer(String),
    TooOld(Interpreter),
    NotCPython(Interpreter),
    NoVenv(Interpreter),
}

/// The failure that names them all.
pub(super) fn refusal(tried: &[Tried]) -> Failure {
    let lines: Vec<String> = tried.iter().map(Tried::line).collect();
    let message = format!("snakebridge needs CPython 3.{OLDEST} or newer, with `venv`\ntried:\n{}", lines.join("\n"));
    let without_venv = tried.iter().find_map(|tried| match &tried.problem {
        Problem::NoVenv(interpreter) => Some(interpreter),
        _ => None,
    });
    Failure::new(message).hint(match without_venv {
        Some(interpreter) if interpreter.executable.starts_with("/usr/bin") => {
            format!("sudo apt install {}", venv_package(interpreter))
        }
        Some(interpreter) => format!(
            "{} was built without `ensurepip`; name another Python in SNAKEBRIDGE_PYTHON",
            interpreter.executable.display()
        ),
        None => format!(
            "sudo apt install python3 python3-venv (Debian 12, Ubuntu 24.04 or later), or name a Python of your own:\n      \
             SNAKEBRIDGE_PYTHON=/path/to/python3.{OLDEST} cargo xtask setup"
        ),
    })
}

/// Debian's package: `python3-venv` belongs to the version that `/usr/bin/python3` is, the others to their own.
fn venv_package(interpreter: &Interpreter) -> String {
    let default = Interpreter::ask(Path::new("/usr/bin/python3")).ok();
    if default.is_some_and(|default| default.minor_version() == interpreter.minor_version()) {
        "python3-venv".to_owned()
    } else {
        format!("python{}-venv", interpreter.minor_version())
    }
}

impl Tried {
    fn line(&self) -> String {
        let name = &self.name;
        match &self.problem {
            Problem::NotFound => format!("  {name}: not found"),
            Problem::NoAnswer(why) => format!("  {name}: {}", why.replace('\n', "\n    ")),
            Problem::TooOld(interpreter) => format!("  {name}: {interpreter} is too old"),
            Problem::NotCPython(interpreter) => format!("  {name}: {interpreter} is not CPython"),
            Problem::NoVenv(interpreter) => {
                format!("  {name}: {interpreter} cannot make environments (`venv` or `ensurepip` is missing)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(answer: &str) -> String {
        let problem = Interpreter::from_answer(answer).expect("four lines").problem().expect_err("a problem");
        refusal(&[Tried { name: "python3".into(), problem }]).to_string()
    }

    #[test]
    fn an_old_python_is_refused_with_its_version_and_what_mends_it() {
        let message = refused("3.9.18\nCPython\n/usr/bin/python3\nvenv\n");
        assert!(message.contains("python3: CPython 3.9.18 (/usr/bin/python3) is too old"), "{message}");
        assert!(message.contains("SNAKEBRIDGE_PYTHON="), "{message}");
        assert!(refused("2.7.18\nCPython\n/usr/bin/python2\nno venv\n").contains("too old"));
    }

    #[test]
    fn debians_python_without_venv_is_refused_with_the_package_that_brings_it() {
        // 3.99 is not what `/usr/bin/python3` is anywhere, so the package carries the version.
        let message = refused("3.99.0\nCPython\n/usr/bin/python3.99\nno venv\n");
        assert!(message.contains("sudo apt install python3.99-venv"), "{message}");
    }

    #[test]
    fn a_python_of_ones_own_without_venv_is_not_sent_to_apt() {
        let message = refused("3.12.1\nCPython\n/opt/python/bin/python3.12\nno venv\n");
        assert!(!message.contains("apt") && message.contains("ensurepip"), "{message}");
    }

    #[test]
    fn another_implementation_is_refused() {
        assert!(refused("3.11.2\nPyPy\n/usr/bin/pypy3\nvenv\n").contains("is not CPython"));
    }
}
