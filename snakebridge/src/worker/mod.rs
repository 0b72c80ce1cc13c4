//! One worker: an operating-system process with a Python interpreter in it, from its launch to its last byte.
//!
//! [`interpreter`] finds a Python, [`launch`] says what is run instead of it, [`sandbox`] how much it may, [`spawner`]
//! starts it from a thread that never ends, if there are [`descriptors`] for it, [`handshake`] agrees with it,
//! [`status`] is the page of shared memory on which it notes what it runs, [`output`] carries what it prints, [`process`]
//! watches and ends it, [`crash`] says what its end means, and [`template`] is what workers are forked from where that was
//! asked for. [`Worker::start`] ties them together.

mod compat;
mod crash;
pub(crate) mod descriptors;
mod diagnosis;
mod environment;
mod handshake;
mod interpreter;
mod launch;
pub(crate) mod memory;
mod objects;
mod output;
mod pipe;
mod process;
mod profile;
mod sandbox;
mod spawner;
mod status;
mod template;
mod unserializable;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::compat::Compat;
pub(crate) use self::environment::Environment;
use self::interpreter::Interpreter;
pub(crate) use self::launch::Launch;
pub(crate) use self::objects::Objects;
use self::process::Process;
pub use self::profile::Profile;
pub use self::sandbox::{Restrictions, Sandbox};
use self::spawner::{Input, Invocation};
use self::status::StatusPage;
pub(crate) use self::template::Preload;
pub use self::unserializable::Unserializable;
use crate::error::{Crash, Error, Executed, Exit, Result, StartFailure};
use crate::link::{CloseReason, Control, Greeting, Link, PendingCall, Pipes, Service, Unanswered, WriteFailure};
use crate::manifest::Manifest;
use crate::telemetry::{Ear, Level};
use crate::value::Value;
use crate::wire::Limits;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct WorkerConfig {
    /// The Python to run, or another program.
    pub launch: Launch,
    /// The adapter to load: `module:Class` or `module`. A program that is not Python may know by itself.
    pub adapter: Option<String>,
    /// The bridge for which it was written, where that is another one.
    pub compat: Option<Compat>,
    /// What becomes of objects without a form on the wire.
    pub unserializable: Unserializable,
    /// From which level on Python's root logger lets records pass, where that is not Python's own.
    pub log_level: Option<Level>,
    /// Passed to the adapter.
    pub config: Value,
    /// Folders in front of Python's own module path.
    pub python_path: Vec<PathBuf>,
    /// How much of the operating system it may use.
    pub sandbox: Sandbox,
    /// Variables of the worker.
    pub environment: Environment,
    /// What this side accepts.
    pub limits: Limits,
    /// What they are forked from, where they are.
    pub preload: Option<Preload>,
    /// How it runs calls.
    pub profile: Profile,
    /// What it keeps for the host, if anything.
    pub objects: Option<Objects>,
    /// How long a worker may take to get ready.
    pub start_timeout: Duration,
    /// How long a worker that was told to end may take.
    pub exit_grace: Duration,
}

impl WorkerConfig {
    /// What messages call the worker by.
    fn subject(&self) -> String {
        match (&self.launch, &self.adapter) {
            (Launch::Command(program), _) => format!("command `{program}`"),
            (Launch::Python(_), Some(adapter)) => format!("adapter `{adapter}`"),
            (Launch::Python(_), None) => "a worker without an adapter".to_owned(),
        }
    }

    /// The environment of a process launched with `nonce`.
    fn variables(&self, nonce: &str) -> Vec<(OsString, OsString)> {
        self.environment.variables(nonce, &self.limits, self.profile)
    }

    fn too_slow(&self, after: Duration, last_words: &str) -> Error {
        let subject = self.subject();
        let message = format!(
            "{subject} was not ready after {after:?}; a slow import wants a longer `start_timeout`{last_words}"
        );
        Error::start_failed(StartFailure::Timeout, message)
    }
}

/// A worker that serves calls.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Its number, never used again.
    pub number: u64,
    /// Its process id.
    pub pid: u32,
    /// The connection to it.
    pub link: Arc<Link>,
    /// What it offers.
    pub manifest: Arc<Manifest>,
    /// The hash it announced for that.
    pub manifest_hash: String,
    process: Process,
    status: Option<StatusPage>,
    control: tokio::sync::Mutex<UnboundedReceiver<Control>>,
    ear: Arc<Ear>,
    /// Why the host decided to end it, if it did.
    killed: Mutex<Option<String>>,
    /// It takes no more calls.
    retired: CancellationToken,
    /// Somebody has seen to that.
    retiring: AtomicBool,
    /// Somebody has begun to end it.
    ending: AtomicBool,
    /// When it was ready.
    pub ready: Instant,
    /// A random number of its own, from 0 to 50.
    pub jitter: u32,
    /// Nobody is to take its place.
    dismissed: AtomicBool,
    /// Why another one is to take its place, once it is.
    succession: watch::Sender<Option<String>>,
    /// Why the last that was to do so could not start and nobody else will, if it is so.
    without_successor: watch::Sender<Option<(StartFailure, String)>>,
}

/// How a worker ended, and what that leaves.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status, as far as it has one.
    pub exit: Exit,
    /// It was killed and goes on nonetheless: the kernel does not let go of it.
    pub stuck: bool,
    /// What that means.
    pub crash: Crash,
    /// Why the connection ended.
    pub reason: CloseReason,
    /// Why the host ended it, if it did.
    pub killed: Option<String>,
    /// The last lines it wrote.
    pub stderr_tail: String,
    /// What it had not answered, oldest first.
    pub unanswered: Vec<Unanswered>,
}

/// How long the rest of a dead worker's output may take to arrive. It is in the pipe already; this bounds a grandchild
/// that holds the pipe open and writes into it.
const DRAIN: Duration = Duration::from_millis(500);
/// How long a worker that is about to be killed may take to write its stacks.
const DUMP: Duration = Duration::from_millis(50);

impl Worker {
    /// Starts a worker and waits until it is ready.
    ///
    /// `ear` listens to it, and `known` looks a manifest up by its hash, so that only the first worker of a kind sends it.
    /// `stuck` hears of a process that took too long and does not end although it was killed: its id, and what ends with it.
    pub(crate) async fn start(
        number: u64,
        config: &WorkerConfig,
        service: Arc<dyn Service>,
        ear: Arc<Ear>,
        known: impl Fn(&str) -> Option<Arc<Manifest>> + Send,
        stuck: impl FnOnce(u32, BoxFuture<'static, ()>) + Send,
    ) -> Result<Self> {
        let begun = Instant::now();
        crash::count_kills();
        let nonce = handshake::nonce();
        // Without the page nothing is lost but certainty: a lost call is then always `maybe`.
        let status = StatusPage::create(&nonce).ok();
        let spawned = if let Some(preload) = &config.preload {
            let forked = tokio::time::timeout(config.start_timeout, preload.fork(config, &nonce, &ear));
            forked.await.unwrap_or_else(|_| Err(config.too_slow(begun.elapsed(), "")))?
        } else {
            let invocation = Invocation {
                program: config.launch.program().to_path_buf(),
                arguments: config.launch.arguments(),
                environment: config.variables(&nonce),
                input: Input::Pipe,
            };
            spawner::spawn(invocation).await.map_err(|error| config.launch.cannot_run(&error))?
        };
        let process = Process::new(spawned.child)?;
        tokio::spawn(output::capture(spawned.stderr, Arc::clone(&ear)));

        let hello = handshake::hello(config, status.as_ref())?;
        let stdin = spawned.stdin.ok_or_else(|| std::io::Error::other("there is none"));
        let stdin = stdin
            .and_then(tokio::net::unix::pipe::Sender::from_owned_fd)
            .map_err(|error| Error::resource("cannot use the worker's stdin", error))?;
        let source = pipe::Output::new(spawned.stdout, process.exited())
            .map_err(|error| Error::resource("cannot use the worker's stdout", error))?;
        let (sender, mut control) = unbounded_channel();
        let pipes = Pipes { writer: Box::new(stdin), source: Box::new(source) };
        let greeting = Greeting { limits: config.limits, nonce: &nonce, hello: &hello };
        let link = Link::start(number, pipes, &greeting, service, sender);

        let start = handshake::Start { config, process: &process, tail: ear.tail(), link: &link };
        let (manifest_hash, manifest) =
            if let Ok(started) = tokio::time::timeout(config.start_timeout, start.run(&mut control, known)).await {
                started?
            } else {
                process.kill();
                let error = config.too_slow(begun.elapsed(), &ear.tail().quoted());
                if process.exit_unless_stuck().await.is_none() {
                    stuck(process.pid(), async move { process.wait().await }.boxed());
                }
                return Err(error);
            };
        Ok(Self {
            number,
            pid: process.pid(),
            link,
            manifest,
            manifest_hash,
            process,
            status,
            control: tokio::sync::Mutex::new(control),
            ear,
            killed: Mutex::new(None),
            retired: CancellationToken::new(),
            retiring: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            ready: Instant::now(),
            jitter: 0,
            dismissed: AtomicBool::new(false),
            succession: watch::Sender::new(None),
            without_successor: watch::Sender::new(None),
        })
    }

    /// Gives it a random number of its own, from 0 to 50.
    pub(crate) fn with_jitter(self, jitter: u32) -> Self {
        Self { jitter, ..self }
    }

    /// How long it has been ready.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.ready)
    }

    /// Another one is to take its place, for the first reason that is given.
    pub(crate) fn ask_for_successor(&self, reason: String) {
        self.succession.send_if_modified(|wanted| {
            let first = wanted.is_none();
            wanted.get_or_insert(reason);
            first
        });
    }

    /// Waits until another one is to take its place, and tells why.
    pub(crate) async fn successor_wanted(&self) -> String {
        let mut wanted = self.succession.subscribe();
        // Never an error: the sender is here.
        let reason = wanted.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_default()
    }

    /// One that was to take its place could not start, and another would not either; `None`: one is about to be started.
    pub(crate) fn note_successor(&self, failure: Option<(StartFailure, String)>) {
        self.without_successor.send_replace(failure);
    }

    /// Waits until it is known that none can take its place, and tells why.
    pub(crate) async fn no_successor(&self) -> Error {
        let mut failure = self.without_successor.subscribe();
        match failure.wait_for(Option::is_some).await.ok().and_then(|failure| failure.clone()) {
            Some((why, message)) => Error::start_failed(why, message),
            // Never: the sender is here.
            None => std::future::pending().await,
        }
    }

    /// Waits until its process has ended.
    pub(crate) async fn gone(&self) {
        self.process.wait().await;
    }

    /// Tells how much it said that was not listened to, should it have gone silent since.
    pub(crate) fn remind_of_drops(&self) {
        self.ear.remind();
    }

    /// Whether it has left the process group or the session that it was started in.
    pub(crate) fn has_moved(&self) -> bool {
        self.process.has_moved()
    }

    /// Waits until the worker has ended, or does not although it was killed, and tells what it had not answered. Before
    /// that, `going_away` hears if it takes no more calls: why, and which of them it never ran.
    pub(crate) async fn ended(&self, going_away: impl Fn(String, Vec<Unanswered>)) -> Ended {
        let mut control = self.control.lock().await;
        let mut closed = None;
        let exit = tokio::select! {
            exit = self.process.exit_unless_stuck() => exit,
            ended = self.closing(&mut control, &going_away) => {
                // A worker without a connection is of no use, and one that broke the protocol is not to be trusted.
                closed = Some(ended);
                self.process.kill();
                self.process.exit_unless_stuck().await
            }
        };
        let (exit, stuck) = (exit.unwrap_or(Exit::Unknown), exit.is_none());
        let (reason, unanswered) = match closed {
            Some(closed) => closed,
            None => match tokio::time::timeout(DRAIN, self.closing(&mut control, &going_away)).await {
                Ok(closed) => closed,
                Err(_) => (CloseReason::Eof, self.link.close()),
            },
        };
        let killed = self.killed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stderr_tail = self.ear.tail().text();
        // One that broke the protocol was killed a moment ago, by us.
        let by_host = killed.is_some() || matches!(reason, CloseReason::Violation(_));
        let crash = crash::classify(exit, by_host, crash::claim_kill, &stderr_tail);
        Ended { exit, stuck, crash, reason, killed, stderr_tail, unanswered }
    }

    /// Ends the worker now, for a reason that its last event will name.
    pub(crate) fn kill(&self, reason: impl Into<String>) {
        self.killed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| reason.into());
        self.process.kill();
    }

    /// Asks the worker to end by closing its input; kills it when it has not ended after `grace`.
    pub(crate) async fn stop(&self, grace: Duration) {
        self.link.close_output();
        if tokio::time::timeout(grace, self.process.wait()).await.is_err() {
            self.kill(format!("it had not ended {grace:?} after its input was closed"));
        }
    }

    /// It gets no more calls and ends when those it has are done. False when that was so already.
    pub(crate) fn retire(&self) -> bool {
        let first = !self.retiring.swap(true, Ordering::SeqCst);
        self.retired.cancel();
        first
    }

    /// Whether it gets no more calls.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.is_cancelled()
    }

    /// Waits until it gets no more calls.
    pub(crate) async fn retired(&self) {
        self.retired.cancelled().await;
    }

    /// Nobody is to take its place.
    pub(crate) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::SeqCst);
    }

    /// Whether nobody is to take its place.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::SeqCst)
    }

    /// True for the first who is about to end it.
    pub(crate) fn begin_to_end(&self) -> bool {
        !self.ending.swap(true, Ordering::SeqCst)
    }

    /// Asks the worker what its threads are doing, before it is killed for `reason`. `None` when it has not said so within
    /// [`DUMP`].
    ///
    /// The answer comes from a signal handler in C, so it comes from a worker that holds the interpreter's lock, too. A
    /// worker that does not know the signal dies of it.
    pub(crate) async fn last_stacks(&self, reason: &str) -> Option<String> {
        let status = self.status.as_ref()?;
        // Said first: the question may be what it dies of.
        self.killed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| reason.to_owned());
        self.process.ask_for_stacks();
        let begun = Instant::now();
        let mut seen = Vec::new();
        loop {
            tokio::time::sleep(DUMP / 16).await;
            let written = status.stacks();
            // It writes line after line, for much less time than there is between two looks.
            let complete = !written.is_empty() && written == seen;
            if complete || self.process.has_ended() || begun.elapsed() >= DUMP {
                let lines = written.split(|&byte| byte == b'\n').map(output::printable).collect::<Vec<_>>().join("\n");
                return (!written.is_empty()).then_some(lines);
            }
            seen = written;
        }
    }

    /// Ends the worker now, without a word.
    pub(crate) fn kill_now(&self) {
        self.process.kill();
    }

    /// The last call whose tool it has entered, 0 before the first; `None` when it cannot tell.
    pub(crate) fn last_started(&self) -> Option<u64> {
        self.status.as_ref().and_then(StatusPage::last_started)
    }

    /// Whether a call that it had when it ended ran.
    pub(crate) fn executed_if_lost(&self, call: &Unanswered) -> Executed {
        match self.last_started() {
            _ if !call.sent => Executed::Never,
            // Items of it came, whatever the page says.
            _ if call.call.has_received() => Executed::Maybe,
            Some(last_started) if call.id > last_started => Executed::Never,
            _ => Executed::Maybe,
        }
    }

    /// Whether a call that it has handed back as one that it never ran did run after all.
    pub(crate) fn executed_if_handed_back(&self, id: u64, call: &PendingCall) -> Executed {
        let started = self.last_started().is_some_and(|last_started| id <= last_started);
        if started || call.has_received() { Executed::Maybe } else { Executed::Never }
    }

    /// Waits for the end of the connection.
    async fn closing(
        &self,
        control: &mut UnboundedReceiver<Control>,
        going_away: impl Fn(String, Vec<Unanswered>),
    ) -> (CloseReason, Vec<Unanswered>) {
        loop {
            match control.recv().await {
                Some(Control::Closed { reason, unanswered }) => return (reason, unanswered),
                Some(Control::GoingAway { reason, never_ran }) => going_away(reason, never_ran),
                Some(Control::Unwritable(WriteFailure::Refused)) => {
                    // Dead, most likely, and its last words are being read. One that only does not listen any more is
                    // of no use either.
                    if tokio::time::timeout(DRAIN, self.process.wait()).await.is_err() {
                        self.kill("it does not read its input any more");
                    }
                }
                Some(Control::Unwritable(WriteFailure::Flood)) => {
                    self.kill("it asks the host for more than it reads");
                }
                Some(_) => {}
                // The reader task is gone without a word: the runtime is going down.
                None => return (CloseReason::Eof, Vec::new()),
            }
        }
    }
}
