//! From a bare process to a worker that may be called: `start`, then `ready`, or `fail`.

use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use snakebridge::wire::Limits;
use snakebridge::wire::limits::{MAX_HANDSHAKE, MAX_TOOLS, is_tool_name};
use snakebridge::wire::msgpack::{put_array, put_map, put_nil, put_str, put_uint};
use snakebridge::{Value, body, manifest};

use super::serving::{Functions, SERVING, Serving};
use super::tools::{Tools, is_system};
use super::{CORE, core, fork, sandboxing};
use crate::core::{Core, ToolTable};
use crate::system::status_page::StatusPage;
use crate::system::{descriptors, exit, hardening, signal};

/// Names the launch; the host gives it to one process and expects it back in HELLO. It stays in the environment, also of
/// what tools start: `/proc/PID/environ` is where strays of a launch are found by.
const NONCE: &str = "SNAKEBRIDGE_NONCE";
/// The host's process id. Taken out of `os.environ` once it is checked: it is wrong for every child of this process.
const PARENT: &str = "SNAKEBRIDGE_PARENT_PID";
/// What this side accepts, if the host wants anything but the defaults.
const LIMITS: &str = "SNAKEBRIDGE_LIMITS";
/// How long a worker that cannot start waits for the host to read why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Make the wire private (fds >= 64, 0 -> /dev/null, 1 -> stderr), arm the parent-death signal, check the parent, write magic
/// and HELLO, wait for the host's HELLO and return its body.
#[pyfunction]
pub(crate) fn start(py: Python<'_>) -> PyResult<Py<PyBytes>> {
    fork::end_if_forked();
    if CORE.get().is_some() {
        return Err(PyRuntimeError::new_err("`start()` is called once in a process"));
    }
    let nonce = std::env::var(NONCE).map_err(|_| {
        PyRuntimeError::new_err(format!(
            "this is a worker of a snakebridge host, which starts it itself ({NONCE} is not set)"
        ))
    })?;
    let parent = match std::env::var(PARENT) {
        Ok(text) => Some(text.parse().map_err(|_| {
            PyValueError::new_err(format!("{PARENT} is `{}`, expected a process id", text.escape_debug()))
        })?),
        Err(_) => None,
    };
    hardening::arm(parent);
    let identity = identity(py)?;
    let core = Core::new(descriptors::take_standard_streams()?, limits(), &nonce)?;
    let core = CORE.get_or_init(|| core);
    core.say_hello(&identity);
    let Some(hello) = py.detach(|| core.wait_for_hello()) else {
        exit::because(exit::HOST_GONE, "the host closed the wire before it said HELLO");
    };
    // Out of reach once this process is restricted.
    let page = status_page(&hello, parent, &nonce);
    // Before there is a second thread.
    sandboxing::enter(py, &hello)?;
    fork::begin_watching(core)?;
    if let Some(page) = page {
        core.report_on(page);
    }
    py.import("os")?.getattr("environ")?.call_method1("pop", (PARENT, py.None()))?;
    Ok(PyBytes::new(py, &hello).unbind())
}

/// Tie the life of this process, which is no worker, to that of its parent, and give up what no tool needs.
#[pyfunction]
pub(crate) fn harden(parent: i32) {
    hardening::arm(Some(parent));
}

/// Tell the host why this worker cannot start (ERROR with id 0, code `start_failed`) and end the process.
#[pyfunction]
pub(crate) fn fail(py: Python<'_>, exit_code: i32, body: &[u8]) -> PyResult<()> {
    let core = core()?;
    core.say_start_failed(body);
    py.detach(|| core.flush_briefly(LAST_WORDS));
    // What was printed belongs to the story; a stream that cannot be flushed does not change it.
    for stream in ["stdout", "stderr"] {
        let _ = py.import("sys").and_then(|sys| sys.getattr(stream)?.call_method0("flush"));
    }
    exit::at_once(exit_code)
}

/// The descriptor where the stacks of all threads are to be written when the host asks for them; None where it wants none.
#[pyfunction]
pub(crate) fn stacks_descriptor() -> PyResult<Option<i32>> {
    Ok(core()?.stacks())
}

/// Announce READY. `tools` are (name, streams, place, run).
#[pyfunction]
pub(crate) fn ready(
    py: Python<'_>,
    manifest: &[u8],
    tools: Vec<(String, bool, String, Py<PyAny>)>,
    functions: Functions,
) -> PyResult<()> {
    let core = core()?;
    let tools = Tools::new(tools)?;
    let names = announcement(&tools, manifest.len())?;
    let table = ToolTable::new(manifest, tools.entries());
    // From the first call on; until then SIGTERM ends the process as any other.
    signal::on_termination(|| CORE.get().into_iter().for_each(Core::terminate));
    let serving = Serving { core, tools, limits: core.host_limits(), functions };
    if SERVING.set(serving).is_err() || core.say_ready(table, &manifest::hash(manifest), &names).is_err() {
        return Err(PyRuntimeError::new_err("`ready()` is called once, after `start()`"));
    }
    py.detach(|| core.flush());
    Ok(())
}

/// The body of READY: the tools' names, if they may be announced.
fn announcement(tools: &Tools, manifest_length: usize) -> PyResult<Vec<u8>> {
    let refuse = |message: String| Err(PyValueError::new_err(message));
    let mut announced: Vec<&str> = tools.entries().map(|(name, ..)| name).filter(|name| !is_system(name)).collect();
    // What answers in both manners stands there twice.
    announced.dedup();
    if announced.len() > MAX_TOOLS {
        return refuse(format!("{} tools, at most {MAX_TOOLS} can be announced", announced.len()));
    }
    if manifest_length > MAX_HANDSHAKE {
        return refuse(format!("a manifest of {manifest_length} bytes, at most {MAX_HANDSHAKE} can be sent"));
    }
    let mut names = Vec::new();
    put_array(&mut names, u32::try_from(announced.len()).unwrap_or(u32::MAX));
    for name in announced {
        if !is_tool_name(name) {
            return refuse(format!(
                "`{}` is no tool name: letters, digits, `_`, `.` and `-`, at most 128, beginning with a letter or `_`",
                name.escape_debug()
            ));
        }
        put_str(&mut names, name);
    }
    Ok(names)
}

/// What this side accepts. A host that says nothing that can be read gets the defaults.
fn limits() -> Limits {
    std::env::var(LIMITS).ok().and_then(|text| parse_limits(&text)).unwrap_or_default()
}

/// Six numbers in the order in which HELLO announces them.
fn parse_limits(text: &str) -> Option<Limits> {
    let numbers: Vec<u64> = text.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [frame, body, depth, items, window, calls] = numbers[..] else { return None };
    Some(Limits { frame, body, depth, items, window, calls })
}

/// The body of our HELLO: who we are.
fn identity(py: Python<'_>) -> PyResult<Vec<u8>> {
    let sys = py.import("sys")?;
    let text = |value: &Bound<'_, PyAny>| value.extract::<String>().ok();
    let executable = sys.getattr("executable").ok().as_ref().and_then(text);
    let package =
        sys.getattr("modules")?.get_item("snakebridge").and_then(|package| package.getattr("__path__")?.get_item(0));
    let package_path = package.ok().as_ref().and_then(text);
    let version = py.version_info();
    let language_version = format!("{}.{}.{}", version.major, version.minor, version.patch);

    let mut body = Vec::new();
    put_map(&mut body, 6);
    put_str(&mut body, "version");
    put_str(&mut body, env!("CARGO_PKG_VERSION"));
    put_str(&mut body, "pid");
    put_uint(&mut body, u64::from(std::process::id()));
    for (key, value) in [
        ("language", Some("python")),
        ("language_version", Some(language_version.as_str())),
        ("executable", executable.as_deref()),
        ("package_path", package_path.as_deref()),
    ] {
        put_str(&mut body, key);
        match value {
            Some(value) => put_str(&mut body, value),
            None => put_nil(&mut body),
        }
    }
    Ok(body)
}

/// The page that the host's HELLO names, if it does and this is it.
fn status_page(hello: &[u8], parent: Option<i32>, nonce: &str) -> Option<StatusPage> {
    let greeting: Value = body::decode(hello).ok()?;
    // The parent of a forked worker is its template. A host in another namespace has another number there.
    let host = greeting["pid"].as_i64().and_then(|pid| pid.try_into().ok());
    let descriptor = greeting["status_fd"].as_u64()?;
    let parent = parent.unwrap_or_else(|| rustix::process::Pid::as_raw(rustix::process::getppid()));
    [host, Some(parent)].into_iter().flatten().find_map(|host| StatusPage::open(host, descriptor, nonce))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_numbers_are_limits_and_anything_else_is_not() {
        let limits = parse_limits("2097152,268435456,64,1000000,262144,20000").unwrap();
        assert_eq!(limits, Limits { frame: 2 << 20, calls: 20_000, ..Limits::default() });
        for text in ["", "1,2,3", "1,2,3,4,5,six", "1,2,3,4,5,6,7", "1, 2, 3, 4, 5, 6"] {
            assert_eq!(parse_limits(text), None, "{text}");
        }
    }
}
