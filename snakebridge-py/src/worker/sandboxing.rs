//! Taking on the restrictions that the host's HELLO names, before anything of the user's is imported.

use std::path::PathBuf;

use pyo3::prelude::*;
use snakebridge::body;
use snakebridge::wire::msgpack::{put_map, put_str};

use super::launch::fail;

/// The exit code of a worker that cannot restrict itself.
const CANNOT_RESTRICT: i32 = 5;

/// Does what the host asks for, or ends the worker after it has told the host why it cannot.
pub(super) fn enter(py: Python<'_>, hello: &[u8]) -> PyResult<()> {
    match restrictions::enforce(py, hello) {
        Ok(()) => Ok(()),
        Err(message) => fail(py, CANNOT_RESTRICT, &report(&message)),
    }
}

/// The body of an ERROR before READY.
fn report(message: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put_map(&mut body, 3);
    for (key, value) in [("why", "sandbox"), ("type", ""), ("message", message)] {
        put_str(&mut body, key);
        put_str(&mut body, value);
    }
    body
}

#[cfg(target_os = "linux")]
mod restrictions {
    use serde::Deserialize;

    use super::{PathBuf, PyAnyMethods, PyResult, Python, body};
    use crate::system::sandbox::Restrictions;

    /// What of the host's HELLO is for this module.
    #[derive(Deserialize)]
    struct Hello {
        #[serde(default)]
        sandbox: Option<Restrictions>,
        #[serde(default)]
        python_path: Vec<PathBuf>,
    }

    pub(super) fn enforce(py: Python<'_>, hello: &[u8]) -> Result<(), String> {
        let hello: Hello = body::decode(hello).map_err(|error| format!("the host's HELLO: {error}"))?;
        let Some(restrictions) = hello.sandbox else { return Ok(()) };
        let mut needed = hello.python_path;
        needed.extend(installation(py).map_err(|error| format!("cannot tell where Python is: {error}"))?);
        restrictions.enforce(&needed)
    }

    /// Where this interpreter reads its modules and libraries.
    fn installation(py: Python<'_>) -> PyResult<Vec<PathBuf>> {
        let sys = py.import("sys")?;
        let mut paths: Vec<PathBuf> = sys.getattr("path")?.extract()?;
        for prefix in ["prefix", "base_prefix", "exec_prefix", "base_exec_prefix"] {
            paths.push(sys.getattr(prefix)?.extract()?);
        }
        Ok(paths)
    }
}

#[cfg(not(target_os = "linux"))]
mod restrictions {
    use super::{Python, body};

    pub(super) fn enforce(_: Python<'_>, hello: &[u8]) -> Result<(), String> {
        let hello: snakebridge::Value = body::decode(hello).map_err(|error| format!("the host's HELLO: {error}"))?;
        if hello["sandbox"].is_nil() { Ok(()) } else { Err("there is no sandbox on this operating system".to_owned()) }
    }
}
