//! Workers by fork: a *template* process imports the adapter's module once, and each worker begins as a copy of it.
//!
//! What a worker then spends is a fork and the adapter's own initialisation, not the import of its libraries; and what
//! the template has in memory all its workers share until they write to it. The template has no wire. It takes requests over
//! a socket, one at a time: to fork, with the worker's three pipes, and to reap. A worker's process id is not free before
//! the host has asked for the latter, so that no signal of ours can reach anybody else, as with children of our own.
//!
//! A worker dies with its template, and the template with the host.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

use super::handshake::Failure;
use super::process::{Forked, OwnedChild, Process};
use super::spawner::{self, Input, Invocation, Spawned};
use super::{Compat, WorkerConfig, handshake, output};
use crate::body;
use crate::error::{Error, Result, StartFailure};
use crate::telemetry::Ear;

/// What a template prints is in the log under this number, which no worker has.
const NUMBER: u64 = 0;
/// A longer message is none of a template's.
const MESSAGE: usize = 1 << 20;

/// A pool's template, made when the first worker starts, and again when it has died.
#[derive(Debug, Clone, Default)]
pub(crate) struct Preload {
    template: Arc<Mutex<Option<Arc<Template>>>>,
    /// Held by whoever makes one.
    making: Arc<tokio::sync::Mutex<()>>,
}

/// A process that workers are forked from.
#[derive(Debug)]
pub(crate) struct Template {
    process: Process,
    ear: Arc<Ear>,
    /// One request at a time.
    socket: tokio::sync::Mutex<UnixStream>,
    /// Workers that nobody waits for: reaped with the next request.
    forgotten: Mutex<Vec<u32>>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Request<'a> {
    Prepare { python_path: Vec<&'a str>, module: &'a str, compat: Option<Compat> },
    Fork { environment: Vec<(String, String)>, forgotten: Vec<u32> },
    Reap { pid: u32 },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Prepared {
    Ready,
    /// Forking it would not be safe.
    Refused(String),
    Failed(Failure),
}

#[derive(Deserialize)]
struct Started {
    pid: u32,
}

#[derive(Deserialize)]
struct Reaped {
    /// As `wait` gives it.
    status: i32,
}

impl Preload {
    /// A worker by fork, from the template that is there, or from a new one.
    pub(super) async fn fork(&self, config: &WorkerConfig, nonce: &str, ear: &Ear) -> Result<Spawned> {
        let making = self.making.lock().await;
        let current = self.lock().clone();
        if let Some(template) = current.filter(|template| !template.process.has_ended()) {
            match template.fork(config, nonce).await {
                Ok(spawned) => return Ok(spawned),
                // It died just now; the next one is told of nothing.
                Err(error) => tracing::warn!(target: "snakebridge::worker", ?error, "the template is lost"),
            }
        }
        let template = Arc::new(Template::start(config, ear).await?);
        *self.lock() = Some(Arc::clone(&template));
        drop(making);
        let resource = |error| Error::resource("cannot fork a worker from its template", error);
        template.fork(config, nonce).await.map_err(resource)
    }

    /// Ends the template, and with it whatever it still has of workers. Needs no runtime.
    pub(crate) fn kill(&self) -> Option<Arc<Template>> {
        let template = self.lock().take()?;
        template.process.kill();
        Some(template)
    }

    /// As `kill`, and waits until it has ended.
    pub(crate) async fn close(&self) {
        if let Some(template) = self.kill() {
            template.process.wait().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Template>>> {
        self.template.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Template {
    async fn start(config: &WorkerConfig, ear: &Ear) -> Result<Self> {
        let resource = |error| Error::resource("cannot make a template process", error);
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(resource)?;
        ours.set_nonblocking(true).map_err(resource)?;
        let invocation = Invocation {
            program: config.launch.program().to_path_buf(),
            arguments: ["-I", "-m", "snakebridge.template"].map(OsString::from).into(),
            environment: config.variables(&handshake::nonce()),
            input: Input::Given(theirs.into()),
        };
        let spawned = spawner::spawn(invocation).await.map_err(|error| config.launch.cannot_run(&error))?;
        let process = Process::new(spawned.child)?;
        let ear = Arc::new(ear.of_another(NUMBER));
        tokio::spawn(output::capture(spawned.stderr, Arc::clone(&ear)));
        let socket = tokio::sync::Mutex::new(UnixStream::from_std(ours).map_err(resource)?);
        let template = Self { process, ear, socket, forgotten: Mutex::default() };
        let module = config.adapter.as_deref().unwrap_or_default();
        let module = module.split_once(':').map_or(module, |(module, _)| module);
        let request = Request::Prepare { python_path: handshake::python_path(config)?, module, compat: config.compat };
        match template.ask(&request, &[]).await {
            Ok(Prepared::Ready) => Ok(template),
            Ok(Prepared::Refused(why)) => Err(Error::start_failed(
                StartFailure::Configuration,
                format!("`.preload(true)` of `{module}`: {why}; leave it out, and every worker imports it by itself"),
            )),
            Ok(Prepared::Failed(failure)) => Err(handshake::failure(config, failure)),
            Err(error) => {
                let message =
                    format!("the template process ended before it was ready ({error}){}", template.ear.tail().quoted());
                Err(Error::start_failed(StartFailure::Exit, message))
            }
        }
    }

    async fn fork(self: &Arc<Self>, config: &WorkerConfig, nonce: &str) -> io::Result<Spawned> {
        let (stdin, input) = pipe_with(PipeFlags::CLOEXEC)?;
        let (output, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let (errors, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
        let text = |text: OsString| text.into_string().map_err(|_| io::Error::other("a variable that is not UTF-8"));
        let environment = config.variables(nonce).into_iter();
        let environment =
            environment.map(|(name, value)| Ok((text(name)?, text(value)?))).collect::<io::Result<Vec<_>>>()?;
        let forgotten = std::mem::take(&mut *self.forgotten.lock().unwrap_or_else(PoisonError::into_inner));
        let request = Request::Fork { environment, forgotten };
        let Started { pid } = self.ask(&request, &[stdin.as_fd(), stdout.as_fd(), stderr.as_fd()]).await?;
        let child = OwnedChild::forked(Forked::new(pid, Arc::clone(self)));
        Ok(Spawned { child, stdin: Some(input), stdout: output, stderr: errors })
    }

    /// The status of a worker that has ended; nothing is left of it then. `None` when the template is gone, with which it
    /// died.
    pub(super) async fn reap(&self, pid: u32) -> Option<ExitStatus> {
        let reaped: Reaped = self.ask(&Request::Reap { pid }, &[]).await.ok()?;
        Some(ExitStatus::from_raw(reaped.status))
    }

    /// Nobody will ask for the status of a worker that was killed.
    pub(super) fn forget(&self, pid: u32) {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(pid);
    }

    async fn ask<T: DeserializeOwned>(&self, request: &Request<'_>, descriptors: &[BorrowedFd<'_>]) -> io::Result<T> {
        let body = body::encode(request).map_err(io::Error::other)?;
        let length = u32::try_from(body.len()).map_err(io::Error::other)?.to_be_bytes();
        let mut socket = self.socket.lock().await;
        let sent = socket.async_io(Interest::WRITABLE, || send(socket.as_fd(), &length, descriptors)).await?;
        // Four bytes into a socket that holds nothing else: all or nothing.
        debug_assert_eq!(sent, length.len());
        socket.write_all(&body).await?;
        let length = socket.read_u32().await? as usize;
        if length > MESSAGE {
            return Err(io::Error::other(format!("an answer of {length} bytes")));
        }
        let mut answer = vec![0; length];
        socket.read_exact(&mut answer).await?;
        body::decode(&answer).map_err(io::Error::other)
    }
}

/// Sends bytes with descriptors, of which the other side gets copies.
fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("more descriptors than a worker has pipes"));
    }
    Ok(rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}
