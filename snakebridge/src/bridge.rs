//! The facade: a [`Bridge`] to Python, and the builder that starts it.

mod settings;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast;

use self::settings::{check_concurrency, check_limits, configuration, scaling};
use crate::body::Arguments;
use crate::client::{AsCaller, Call, Caller, PythonTools, ToolStream};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::pool::{PoolConfig, PoolHandle, Recycling, WorkerInfo};
use crate::telemetry::{Event, Events, Statistics};
use crate::tools::{Registry, States, Tools};
use crate::value::Value;
use crate::wire::Limits;
use crate::worker::{Environment, Interpreter, Profile, WorkerConfig};

/// A pool of Python workers, ready for calls.
///
/// Cheap to clone; clients made from it keep it alive. When the last of them is dropped, the workers are killed; use
/// [`shutdown`](Bridge::shutdown) to let them finish.
#[derive(Debug, Clone)]
pub struct Bridge {
    caller: Caller,
    events: Events,
}

/// What to start. Made by [`Bridge::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `.start().await`"]
pub struct Builder {
    adapters: Vec<String>,
    python: Option<PathBuf>,
    python_path: Vec<PathBuf>,
    config: Result<Value>,
    environment: Environment,
    tools: Tools,
    states: States,
    workers: Option<usize>,
    max_workers: Option<usize>,
    idle_timeout: Duration,
    profile: Profile,
    max_concurrency: Option<usize>,
    limits: Limits,
    start_timeout: Duration,
    call_timeout: Duration,
    stream_timeout: Duration,
    queue_timeout: Duration,
    queue_limit: usize,
    cancel_grace: Duration,
    drain: Duration,
    breaker_pause: Duration,
    health_interval: Duration,
    recycling: Recycling,
}

impl Bridge {
    /// Says what to start.
    ///
    /// ```no_run
    /// use snakebridge::prelude::*;
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<()> {
    ///     let bridge = Bridge::builder().adapter("snakebridge.adapters.showcase:ShowcaseAdapter").start().await?;
    ///     let sum: f64 = bridge.call("add", args! { a: 2, b: 2 }).await?;
    ///     assert_eq!(sum, 4.0);
    ///     bridge.shutdown().await
    /// }
    /// ```
    pub fn builder() -> Builder {
        Builder {
            adapters: Vec::new(),
            python: None,
            python_path: Vec::new(),
            config: Ok(Value::Nil),
            environment: Environment::default(),
            tools: Tools::new(),
            states: States::new(),
            workers: None,
            max_workers: None,
            idle_timeout: Duration::from_mins(1),
            profile: Profile::default(),
            max_concurrency: None,
            limits: Limits::default(),
            start_timeout: Duration::from_mins(1),
            call_timeout: Duration::from_mins(5),
            stream_timeout: Duration::from_mins(15),
            queue_timeout: Duration::from_secs(10),
            queue_limit: 1000,
            cancel_grace: Duration::from_millis(500),
            drain: Duration::from_secs(30),
            breaker_pause: Duration::from_secs(30),
            health_interval: Duration::from_secs(2),
            recycling: Recycling::default(),
        }
    }

    /// Calls a tool by its name; the result is whatever it returns.
    pub fn execute(&self, tool: &str, arguments: Arguments) -> Call<Value> {
        self.call(tool, arguments)
    }

    /// Calls a tool by its name; the result is decoded into `T`.
    pub fn call<T>(&self, tool: &str, arguments: Arguments) -> Call<T> {
        self.caller.call_named(tool, arguments)
    }

    /// Opens a stream of a tool by its name; items are decoded into `T`.
    pub fn stream<T>(&self, tool: &str, arguments: Arguments) -> ToolStream<T> {
        self.caller.stream_named(tool, arguments)
    }

    /// A typed client, checked against the workers' manifest.
    ///
    /// # Errors
    /// `ManifestMismatch` when a tool is missing, or streams where the client does not expect it, or the reverse; the
    /// message names every such tool.
    pub fn client<C: PythonTools>(&self) -> Result<C> {
        self.caller.check::<C>()?;
        Ok(C::from_caller(self.caller.clone()))
    }

    /// What the workers offer.
    pub fn manifest(&self) -> Option<Arc<Manifest>> {
        self.caller.pool.manifest()
    }

    /// The workers that serve calls at this moment.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        self.caller.pool.workers()
    }

    /// Replaces a worker by its number: another one is started and takes its place, and then it gets no more calls and ends
    /// when those that it has are done. Waits until it gets no more. No call fails for it.
    ///
    /// # Errors
    /// `InvalidArgument` when no worker of that number serves.
    pub async fn recycle(&self, worker: u64) -> Result<()> {
        self.caller.pool.recycle(worker).await
    }

    /// What calls and workers have come to since the bridge started, in all and by tool.
    pub fn statistics(&self) -> Statistics {
        self.caller.pool.statistics()
    }

    /// What happens from now on. A subscriber that lags behind by more than 1024 events loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Admits no more calls, answers those that wait with `ShuttingDown`, lets running ones finish for at most the
    /// drain time, then ends the workers. Can be called more than once.
    pub async fn shutdown(&self) -> Result<()> {
        self.caller.pool.shutdown().await;
        Ok(())
    }
}

impl AsCaller for Bridge {
    fn caller(&self) -> Caller {
        self.caller.clone()
    }
}

/// Setters that take a value and nothing else.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty),* $(,)?) => {
        $($(#[$doc])* pub fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        })*
    };
}

impl Builder {
    /// The adapter that workers load: `module:Class`, or `module` alone.
    pub fn adapter(mut self, adapter: impl Into<String>) -> Self {
        self.adapters.push(adapter.into());
        self
    }

    /// Loads the adapter that a client's trait names.
    pub fn client<C: PythonTools>(mut self) -> Self {
        self.adapters.extend(C::ADAPTER.map(str::to_owned));
        self
    }

    /// The Python to run: a path, or a name that is looked up on `PATH`. Default: `SNAKEBRIDGE_PYTHON`, then
    /// `VIRTUAL_ENV`, then a `.venv` in the current folder or above it, then `python3`.
    pub fn python(mut self, python: impl Into<PathBuf>) -> Self {
        self.python = Some(python.into());
        self
    }

    /// A folder with Python modules of yours, in front of the installed ones. Relative to the current folder.
    pub fn python_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.python_path.push(folder.into());
        self
    }

    /// Passed to an adapter whose constructor has a `config` parameter: anything that can be serialised. What cannot is
    /// an error of [`start`](Self::start).
    pub fn config<T: Serialize + ?Sized>(mut self, config: &T) -> Self {
        self.config = Value::from_serialize(config);
        self
    }

    /// Sets an environment variable of the workers.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.set.insert(name.into(), value.into());
        self
    }

    /// Passes a variable of this process on to the workers, which otherwise get a short list of harmless ones.
    pub fn pass_env(mut self, name: impl Into<OsString>) -> Self {
        self.environment.passed.push(name.into());
        self
    }

    /// Rust tools that Python may call: `tools![validate, text::shout]`.
    pub fn tools(mut self, tools: impl Into<Tools>) -> Self {
        self.tools = self.tools.and(tools);
        self
    }

    /// A value for the tools that have a parameter `#[py(state)] name: &T`. A second of the same type takes the place of the
    /// first.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// How many workers. Default: the number of cores.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many workers at most: while calls wait for longer than a moment, more are started, and those that have had
    /// nothing to do for [`idle_timeout`](Self::idle_timeout) leave again, down to the number of [`workers`](Self::workers).
    /// Default: no more than those.
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.max_workers = Some(workers);
        self
    }

    /// How many calls and streams a worker has at once. Default: 1000 for the profiles `Process` (which runs one of them
    /// at a time) and `Async`, 16 more than its threads for `Threads`. Never more than the worker itself allows.
    pub fn max_concurrency(mut self, calls: usize) -> Self {
        self.max_concurrency = Some(calls);
        self
    }

    setters! {
        /// How each worker runs its calls. Default: one at a time.
        profile: Profile,
        /// The sizes and numbers that both sides keep to.
        limits: Limits,
        /// How long a worker may take from launch to ready. Default 60 s.
        start_timeout: Duration,
        /// Deadline of calls that name none. Default 300 s.
        call_timeout: Duration,
        /// Deadline of streams that name none. Default 900 s.
        stream_timeout: Duration,
        /// How long a call may wait for a free worker. Default 10 s.
        queue_timeout: Duration,
        /// How many calls may wait for a free worker. Default 1000.
        queue_limit: usize,
        /// How long a cancelled call may go on before its worker is killed. Default 500 ms.
        cancel_grace: Duration,
        /// How long [`Bridge::shutdown`] lets running calls finish. Default 30 s.
        drain: Duration,
        /// How long a worker beyond the fewest may have nothing to do. Default 60 s.
        idle_timeout: Duration,
        /// For how long calls of a tool are refused that has killed five workers in a row; then one call tries it out.
        /// Default 30 s.
        breaker_pause: Duration,
        /// How often an idle worker is asked whether it is there; one that does not answer three times is replaced. One that
        /// has a call is never asked. Default 2 s.
        health_interval: Duration,
    }

    /// Replaces each worker after about so many calls: a tenth more or less, so that those that start together are not
    /// replaced together. The one that takes its place is ready first, and no call fails. Default: never.
    pub fn max_calls(mut self, calls: u64) -> Self {
        self.recycling.calls = Some(calls);
        self
    }

    /// Replaces each worker when it is about so old, like [`max_calls`](Self::max_calls). Default: never.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.recycling.age = Some(age);
        self
    }

    /// Replaces each worker that holds more than so many bytes of memory, like [`max_calls`](Self::max_calls): its own
    /// memory and its share of what it shares with others (PSS), measured four times a second. Default: never.
    pub fn max_memory(mut self, bytes: u64) -> Self {
        self.recycling.memory = Some(bytes);
        self
    }

    /// Starts the workers and waits until the first is ready.
    ///
    /// # Errors
    /// `StartFailed` when a setting makes no sense, there is no usable Python, or the adapter cannot be loaded; the
    /// message says what was tried and what mends it.
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one that was built without `enable_all` (it needs both I/O and time).
    pub async fn start(self) -> Result<Bridge> {
        let adapter = self.one_adapter()?;
        let workers = match self.workers {
            Some(0) => return Err(configuration("`.workers(0)`: expected at least 1")),
            Some(workers) => workers,
            None => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                self.max_workers.map_or(cores, |most| cores.min(most))
            }
        };
        let scaling = scaling(workers, self.max_workers, self.idle_timeout)?;
        self.profile.check()?;
        check_concurrency(self.max_concurrency)?;
        check_limits(&self.limits)?;
        let events = Events::new();
        let worker = WorkerConfig {
            interpreter: Interpreter::find(self.python.as_deref())?,
            adapter,
            config: self.config.map_err(|error| configuration(&format!("`.config(..)`: {}", error.kind())))?,
            python_path: self.python_path.iter().map(|path| absolute(path)).collect::<Result<_>>()?,
            environment: self.environment,
            limits: self.limits,
            profile: self.profile,
            start_timeout: self.start_timeout,
            exit_grace: Duration::from_secs(2),
        };
        let config = PoolConfig {
            worker,
            workers,
            scaling,
            max_concurrency: self.max_concurrency,
            call_timeout: self.call_timeout,
            stream_timeout: self.stream_timeout,
            queue_timeout: self.queue_timeout,
            queue_limit: self.queue_limit,
            cancel_grace: self.cancel_grace,
            drain: self.drain,
            attempts: 2,
            breaker_pause: self.breaker_pause,
            health_interval: self.health_interval,
            recycling: self.recycling,
        };
        let pool = PoolHandle::start(config, Registry::new(self.tools, self.states)?, events.clone()).await?;
        Ok(Bridge { caller: Caller::new(Arc::new(pool)), events })
    }

    fn one_adapter(&self) -> Result<String> {
        let Some(adapter) = self.adapters.first() else {
            return Err(configuration(
                "no adapter: name one with `.adapter(\"module:Class\")`, or `.client::<..>()` of a trait that names one",
            ));
        };
        if let Some(other) = self.adapters.iter().find(|other| *other != adapter) {
            return Err(configuration(&format!(
                "a bridge loads one adapter, and `{adapter}` and `{other}` were named; start a bridge for each"
            )));
        }
        if !is_adapter(adapter) {
            return Err(configuration(&format!(
                "adapter `{}`: expected `module:Class` or `module`, with dots between packages",
                adapter.escape_debug()
            )));
        }
        Ok(adapter.clone())
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| configuration(&format!("`.python_path(\"{}\")`: {error}", path.display())))
}

/// `ident(.ident)*(:ident)?`, nothing else: what is named here becomes an import.
fn is_adapter(adapter: &str) -> bool {
    let is_identifier = |part: &str| {
        part.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && part.chars().all(|character| character.is_alphanumeric() || character == '_')
    };
    let (module, class) = adapter.split_once(':').map_or((adapter, None), |(module, class)| (module, Some(class)));
    module.split('.').all(is_identifier) && class.is_none_or(is_identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_is_a_module_path_and_perhaps_a_class() {
        for good in ["text_tools", "a.b.c", "a.b:C", "_x:_Y"] {
            assert!(is_adapter(good), "{good}");
        }
        for bad in ["", "../x", "os;system", "a.b:c; import", "/etc/x", "a..b", "a:b:c", "a:b.c", "1a", "a\0"] {
            assert!(!is_adapter(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn settings_that_make_no_sense_are_refused_before_anything_starts() {
        let refused = |builder: Builder| async move { builder.start().await.unwrap_err().to_string() };
        assert!(refused(Bridge::builder()).await.contains("no adapter"));
        assert!(refused(Bridge::builder().adapter("a").adapter("b")).await.contains("`a` and `b`"));
        assert!(refused(Bridge::builder().adapter("os;system")).await.contains("expected `module:Class`"));
        assert!(refused(Bridge::builder().adapter("a").workers(0)).await.contains("expected at least 1"));
        let builder = || Bridge::builder().adapter("a");
        for threads in [0, usize::MAX] {
            let message = refused(builder().profile(Profile::Threads(threads))).await;
            assert!(message.contains(&format!("Threads({threads})")) && message.contains("1 to 1024"), "{message}");
        }
        let message = refused(builder().workers(4).max_workers(3)).await;
        assert!(message.contains("max_workers(3)") && message.contains("at least 4"), "{message}");
        assert!(refused(builder().max_workers(0)).await.contains("max_workers(0)"));
        assert!(refused(builder().max_concurrency(0)).await.contains("max_concurrency(0)"));
        let limits = Limits { window: 0, ..Limits::default() };
        assert!(refused(builder().limits(limits)).await.contains("window: 0"));
    }
}
