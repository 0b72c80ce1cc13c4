//! Agreeing with a worker: who says what, and what each way of failing means.

use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedReceiver;

use super::process::Process;
use super::status::StatusPage;
use super::{Compat, Launch, Restrictions, Unserializable, WorkerConfig, diagnosis};
use crate::body;
use crate::error::{Error, Exception, Exit, Result, StartFailure, shown};
use crate::link::{CloseReason, Control, Link, OwnedRequest, PendingCall, ToolName};
use crate::manifest::Manifest;
use crate::telemetry::{Level, Tail};
use crate::value::Value;
use crate::wire::limits::{MAX_TOOLS, is_tool_name};
use crate::wire::peer::Refused;

/// The version of this crate, and of the Python package that belongs to it.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a launch is recognised by: unique among the workers of this machine, not secret.
pub(super) fn nonce() -> String {
    use std::hash::{BuildHasher, RandomState};
    // Two hashers of fresh random keys: 128 random bits without a dependency.
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

#[derive(Serialize)]
struct HostHello<'a> {
    version: &'a str,
    pid: u32,
    adapter: Option<&'a str>,
    compat: Option<Compat>,
    unserializable: Unserializable,
    log_level: Option<u8>,
    config: &'a Value,
    python_path: Vec<&'a str>,
    status_fd: Option<i32>,
    threads: usize,
    sandbox: Option<&'a Restrictions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WorkerHello {
    version: Option<String>,
    executable: Option<String>,
    package_path: Option<String>,
}

/// What a worker says about why it cannot start.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Failure {
    why: String,
    #[serde(rename = "type")]
    type_name: String,
    message: String,
    traceback: Option<String>,
    module: Option<String>,
}

/// The body of our HELLO.
pub(super) fn hello(config: &WorkerConfig, status: Option<&StatusPage>) -> Result<Bytes> {
    let python_path = python_path(config)?;
    body::encode(&HostHello {
        version: VERSION,
        pid: std::process::id(),
        adapter: config.adapter.as_deref(),
        compat: config.compat,
        unserializable: config.unserializable,
        log_level: config.log_level.map(Level::to_python),
        config: &config.config,
        python_path,
        status_fd: status.map(StatusPage::descriptor),
        threads: config.profile.threads(),
        sandbox: config.sandbox.restrictions(),
    })
}

/// The folders in front of the module path, as text.
pub(super) fn python_path(config: &WorkerConfig) -> Result<Vec<&str>> {
    let text = |path: &'_ std::path::PathBuf| {
        Error::start_failed(
            StartFailure::Configuration,
            format!("`.python_path({})`: the path is not UTF-8", path.display()),
        )
    };
    config.python_path.iter().map(|path| path.to_str().ok_or_else(|| text(path))).collect()
}

/// A worker that is starting.
pub(super) struct Start<'a> {
    pub(super) config: &'a WorkerConfig,
    pub(super) process: &'a Process,
    pub(super) tail: &'a Tail,
    pub(super) link: &'a Arc<Link>,
}

impl Start<'_> {
    /// From the first byte to READY; returns the manifest's hash and the manifest.
    pub(super) async fn run(
        &self,
        control: &mut UnboundedReceiver<Control>,
        known: impl Fn(&str) -> Option<Arc<Manifest>>,
    ) -> Result<(String, Arc<Manifest>)> {
        let mut noise = Bytes::new();
        let mut greeted = false;
        loop {
            match control.recv().await {
                Some(Control::Noise(bytes)) => {
                    tracing::warn!(target: "snakebridge::worker", bytes = bytes.len(), "it printed before it started");
                    noise = bytes;
                }
                Some(Control::Hello(bytes)) => {
                    greeted = true;
                    self.check_hello(&bytes)?;
                }
                // Dead, or about to say why it is not coming.
                Some(Control::Unwritable(_)) => {}
                Some(Control::StartFailed(bytes)) => {
                    return Err(failure(self.config, body::decode(&bytes).unwrap_or_default()));
                }
                Some(Control::Ready { manifest_hash, tools }) => {
                    self.check_tools(&tools)?;
                    if let Some(manifest) = known(&manifest_hash) {
                        return Ok((manifest_hash, manifest));
                    }
                    let bytes = tokio::select! {
                        bytes = self.ask("$manifest") => bytes?,
                        closed = closed(control) => return Err(self.closed(&closed, &noise, greeted).await),
                    };
                    let manifest = Manifest::from_body(&bytes, &manifest_hash)?;
                    return Ok((manifest_hash, Arc::new(manifest)));
                }
                Some(Control::Closed { reason, .. }) => return Err(self.closed(&reason, &noise, greeted).await),
                // One that takes no calls any more will never be ready.
                Some(Control::GoingAway { .. }) | None => {
                    return Err(self.closed(&CloseReason::Eof, &noise, greeted).await);
                }
            }
        }
    }

    /// A crate and a package that do not belong together may agree on the protocol and still misunderstand each other.
    fn check_hello(&self, bytes: &[u8]) -> Result<()> {
        let hello: WorkerHello = decode("HELLO", bytes)?;
        // A program of the user's has a version of its own; that it speaks the protocol is checked by the link.
        let Launch::Python(interpreter) = &self.config.launch else { return Ok(()) };
        let theirs = hello.version.unwrap_or_default();
        if compatible(VERSION, &theirs) {
            return Ok(());
        }
        let command = interpreter.install_command(VERSION);
        Err(Error::start_failed(
            StartFailure::PackageVersion,
            format!(
                "the crate is snakebridge {VERSION}, the Python package in `{}` is {}; they have to be of the same \
                 minor version: `{command}`, or with the folder `snakebridge-py` of the same checkout in place of the \
                 name",
                hello.package_path.or(hello.executable).unwrap_or_default(),
                if theirs.is_empty() { "of an unknown version" } else { &theirs },
            ),
        ))
    }

    fn check_tools(&self, names: &[u8]) -> Result<()> {
        let names: Vec<String> = decode("READY", names)?;
        let complaint = if names.len() > MAX_TOOLS {
            format!("it announces {} tools, the limit is {MAX_TOOLS}", names.len())
        } else if let Some(name) = names.iter().find(|name| !is_tool_name(name)) {
            format!("it announces a tool called `{}`", shown(name))
        } else {
            return Ok(());
        };
        Err(Error::start_failed(StartFailure::Handshake, format!("{}: {complaint}", self.config.subject())))
    }

    /// The connection ended before the worker was ready.
    async fn closed(&self, reason: &CloseReason, noise: &[u8], greeted: bool) -> Error {
        if let CloseReason::Violation(violation) = reason {
            let began = match String::from_utf8_lossy(&noise[..noise.len().min(256)]).escape_debug().to_string() {
                empty if empty.is_empty() => empty,
                shown => format!("; it began with `{shown}`"),
            };
            return Error::start_failed(
                StartFailure::Handshake,
                format!("the worker does not speak the protocol: {violation}{began}"),
            );
        }
        // One that has only closed its pipes would be waited for without end.
        self.process.kill();
        let exit = self.process.exit().await;
        if !greeted
            && let Launch::Python(interpreter) = &self.config.launch
            && let Some(error) = diagnosis::diagnose(interpreter, self.config).await
        {
            return error;
        }
        let exit = match exit {
            Exit::Code(code) => format!("exit code {code}"),
            exit => exit.to_string(),
        };
        Error::start_failed(
            StartFailure::Exit,
            format!("the worker ended ({exit}) before it was ready{}", self.tail.quoted()),
        )
    }

    /// A system call of our own, answered natively by the worker.
    async fn ask(&self, target: &'static str) -> Result<Bytes> {
        let request = OwnedRequest {
            target: ToolName::Declared(target),
            stream: false,
            session: None,
            meta: None,
            body: vec![0x80],
            inputs: 0,
            tools: 0,
        };
        let now = std::time::Instant::now();
        let call = Arc::new(PendingCall::new(request, None, self.config.start_timeout, false, now));
        let refused = |refused| {
            Error::start_failed(StartFailure::Handshake, format!("the worker does not take `{target}`: {refused:?}"))
        };
        match self.link.send(&call, now) {
            // The connection has ended, and its end is on its way.
            Err(Refused::NotOpen) => std::future::pending().await,
            sent => sent.map_err(refused)?,
        };
        std::future::poll_fn(|context| call.poll_outcome(context)).await
    }
}

/// What the worker itself says about why it cannot start.
pub(super) fn failure(config: &WorkerConfig, failure: Failure) -> Error {
    let (why, what) = match failure.why.as_str() {
        "import" => (StartFailure::Import, "its module cannot be imported"),
        "init" => (StartFailure::Init, "it cannot be initialised"),
        "sandbox" => (StartFailure::Sandbox, "the worker cannot restrict itself as `.sandbox(..)` says"),
        _ => (StartFailure::Adapter, "it cannot be loaded"),
    };
    let module = failure.module.filter(|module| why == StartFailure::Import && !module.is_empty());
    let exception = Exception::new(failure.type_name, failure.message);
    let path = match (why, &config.launch, config.python_path.as_slice()) {
        (StartFailure::Import, Launch::Python(_), []) => {
            "; no `.python_path(..)` was given, so only installed modules are found".into()
        }
        (StartFailure::Import, Launch::Python(_), paths) => {
            let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            format!(" (`.python_path(..)` is `{}`)", paths.join("`, `"))
        }
        _ => String::new(),
    };
    Error::start_failed(
        why,
        format!(
            "{}: {what}{}: {exception}{path}{}",
            config.subject(),
            module.map(|module| format!(" (`{module}`)")).unwrap_or_default(),
            failure.traceback.map(|traceback| format!("\n{}", traceback.trim_end())).unwrap_or_default(),
        ),
    )
}

/// Reads what the worker sent as `frame`. What cannot be read is no worker of ours.
fn decode<T: DeserializeOwned>(frame: &str, bytes: &[u8]) -> Result<T> {
    body::decode(bytes).map_err(|error| {
        Error::start_failed(StartFailure::Handshake, format!("the worker's {frame} cannot be read: {error}"))
    })
}

/// Waits for the end of the connection, or its announcement.
async fn closed(control: &mut UnboundedReceiver<Control>) -> CloseReason {
    loop {
        match control.recv().await {
            Some(Control::Closed { reason, .. }) => return reason,
            Some(Control::GoingAway { .. }) | None => return CloseReason::Eof,
            Some(_) => {}
        }
    }
}

/// Whether two versions may work together: before 1.0 the minor version must be the same, after it the major.
fn compatible(ours: &str, theirs: &str) -> bool {
    let significant = |version: &str| -> Option<(String, String)> {
        let mut parts = version.split('.');
        let (major, minor) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(if major == "0" { (major, minor) } else { (major, String::new()) })
    };
    significant(ours).is_some() && significant(ours) == significant(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_fit_by_minor_before_one_and_by_major_after() {
        assert!(compatible("0.1.0", "0.1.9") && compatible("1.2.0", "1.9.1"));
        assert!(!compatible("0.1.0", "0.2.0") && !compatible("1.0.0", "2.0.0") && !compatible("0.1.0", ""));
    }

    #[test]
    fn nonces_differ_and_fill_the_status_page() {
        assert!(nonce() != nonce() && nonce().len() >= super::super::status::NONCE);
    }
}
