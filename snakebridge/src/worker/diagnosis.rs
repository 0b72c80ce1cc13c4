//! Why an interpreter could not even run the worker module: asked only after it has failed.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::handshake::VERSION;
use super::process::Process;
use super::spawner::{self, Input, Invocation};
use super::{Interpreter, WorkerConfig};
use crate::error::{Error, Exit, StartFailure};

/// How long the probe may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints the interpreter's version, and where the package is or why it cannot be imported.
const PROBE: &str = "\
import sys
print('%d.%d.%d' % sys.version_info[:3])
try:
    import snakebridge, msgspec
    from snakebridge import _native
    print('found', snakebridge.__file__)
except Exception as error:
    print('missing', type(error).__name__ + ': ' + str(error))
";

/// The oldest interpreter that the package supports.
const OLDEST: (u32, u32) = (3, 11);

/// A precise error, if the interpreter or the package is the cause; `None` when both look well.
pub(super) async fn diagnose(interpreter: &Interpreter, config: &WorkerConfig) -> Option<Error> {
    let python = &interpreter.path;
    let invocation = Invocation {
        program: python.clone(),
        arguments: ["-I", "-c", PROBE].map(Into::into).into(),
        environment: config.variables(""),
        input: Input::Pipe,
    };
    let spawned = spawner::spawn(invocation).await.ok()?;
    let mut output = Vec::new();
    let mut pipe = pipe::Receiver::from_owned_fd(spawned.stdout).ok()?;
    // A probe that hangs where the worker did, or is killed as the worker was, says nothing; dropping it ends it.
    tokio::time::timeout(PATIENCE, pipe.read_to_end(&mut output)).await.ok()?.ok()?;
    let process = Process::new(spawned.child).ok()?;
    if matches!(tokio::time::timeout(PATIENCE, process.exit()).await.ok()?, Exit::Signal(_) | Exit::Unknown) {
        return None;
    }
    let text = String::from_utf8_lossy(&output).into_owned();
    let shown = python.display();
    let origin = interpreter.origin;
    let mut lines = text.lines();
    let Some(version) = lines.next().and_then(parse_version) else {
        return Some(Error::start_failed(
            StartFailure::Interpreter,
            format!(
                "`{shown}` (from {origin}) does not behave like a Python interpreter; name another with `.python(..)` or `SNAKEBRIDGE_PYTHON`"
            ),
        ));
    };
    if version < OLDEST {
        return Some(Error::start_failed(
            StartFailure::Interpreter,
            format!(
                "`{shown}` (from {origin}) is Python {}.{}; snakebridge needs {}.{} or newer: name one with `.python(..)` or `SNAKEBRIDGE_PYTHON`",
                version.0, version.1, OLDEST.0, OLDEST.1
            ),
        ));
    }
    let missing = lines.next().and_then(|line| line.strip_prefix("missing "))?;
    Some(Error::start_failed(
        StartFailure::PackageMissing,
        format!(
            "`{shown}` (from {origin}) cannot import the Python package ({missing}); install it: `{}`, or with the folder \
             `snakebridge-py` of a checkout in place of the name",
            interpreter.install_command(VERSION)
        ),
    ))
}

fn parse_version(line: &str) -> Option<(u32, u32)> {
    let mut parts = line.trim().split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_line_is_read_and_anything_else_is_not() {
        assert_eq!(parse_version("3.11.7"), Some((3, 11)));
        assert_eq!(parse_version("hello"), None);
    }
}
