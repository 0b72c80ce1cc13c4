//! The facade: a [`Bridge`] to Python, and the builder that starts it.

mod adapters;
mod ending;
mod pool_builder;
mod pool_settings;
mod sessions;
mod settings;
mod timeouts;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::runtime::Handle;
use tokio::sync::broadcast;

pub use self::pool_builder::PoolBuilder;
use self::pool_settings::pool_settings;
pub use self::sessions::Session;
use self::settings::{configuration, in_pool};
pub use self::timeouts::TimeoutProfile;
use crate::body::Arguments;
use crate::client::{
    AsCaller, Cache, CacheStatistics, Call, Caller, Driver, Home, Module, OwnRuntime, PythonTools, Shared, ToolStream,
    wait_for,
};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::pool::{Common, DEFAULT_POOL, PoolConfig, PoolHandle, Pools, WorkerInfo};
use crate::session::{SessionConfig, SessionStore, Sessions};
use crate::telemetry::{Event, Events, Record, Records, Statistics};
use crate::tools::{Registry, States, Tools};
use crate::value::Value;
use crate::worker::descriptors;

/// Python workers in one or several pools, ready for calls.
///
/// Cheap to clone; clients made from it keep it alive. When the last of them is dropped, the workers are killed; use
/// [`shutdown`](Bridge::shutdown) to let them finish.
#[derive(Debug, Clone)]
pub struct Bridge {
    shared: Arc<Shared>,
    caller: Caller,
    events: Events,
    records: Records,
}

/// What to start. Made by [`Bridge::builder`].
///
/// Its own settings of a pool are those of the pool `default`; [`pool`](Self::pool) adds others.
#[must_use = "a builder does nothing until `.start().await`"]
pub struct Builder {
    default_pool: PoolBuilder,
    /// Whether anything was said about it.
    wants_default_pool: bool,
    pools: Vec<(String, PoolBuilder)>,
    tools: Tools,
    states: States,
    sessions: SessionConfig,
    session_store: Option<Box<dyn SessionStore>>,
    cache_entries: usize,
    cache_bytes: usize,
    own_runtime: bool,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { default_pool, pools, tools, .. } = self;
        f.debug_struct("Builder")
            .field("default_pool", default_pool)
            .field("pools", pools)
            .field("tools", tools)
            .finish_non_exhaustive()
    }
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
            default_pool: PoolBuilder::default(),
            wants_default_pool: false,
            pools: Vec::new(),
            tools: Tools::new(),
            states: States::new(),
            sessions: SessionConfig::default(),
            session_store: None,
            cache_entries: 1024,
            cache_bytes: 64 << 20,
            own_runtime: false,
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

    /// A module of Python, whose functions are called without an adapter, where a pool allows it by
    /// [`python_modules`](Builder::python_modules). It has a session of its own; see [`Module`], and
    /// [`Session::python`] for one in a given session.
    ///
    /// ```no_run
    /// # use snakebridge::prelude::*;
    /// # async fn example() -> Result<()> {
    /// let bridge = Bridge::builder().python_modules(["math"]).start().await?;
    /// let root: f64 = bridge.python("math").call("sqrt", (16.0,)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn python(&self, module: &str) -> Module {
        self.caller.python(module)
    }

    /// A typed client, checked against the manifest of the pool that loads its adapter: its calls go there. A client that
    /// names no adapter, or one that no pool names, is one of the pool `default`.
    ///
    /// # Errors
    /// `ManifestMismatch` when a tool is missing, streams where the client does not expect it or the reverse, has other
    /// parameters, or takes or gives types that cannot fit; the message names everything that differs. `InvalidArgument`
    /// when several pools load the adapter.
    pub fn client<C: PythonTools>(&self) -> Result<C> {
        self.caller.client(None)
    }

    /// A typed client whose calls go to the pool of this name, as [`client`](Self::client) makes them.
    ///
    /// # Errors
    /// As those of `client`, and `InvalidArgument` when there is no such pool; the message lists the pools.
    pub fn client_in<C: PythonTools>(&self, pool: &str) -> Result<C> {
        self.caller.client(Some(pool))
    }

    /// What the workers of the pool `default` offer, or those of the only pool.
    pub fn manifest(&self) -> Option<Arc<Manifest>> {
        let pools = &self.shared.pools;
        pools.at(pools.default().ok()?).manifest()
    }

    /// What the workers of the pool of this name offer.
    ///
    /// # Errors
    /// `InvalidArgument` when there is no such pool; the message lists the pools.
    pub fn manifest_of(&self, pool: &str) -> Result<Option<Arc<Manifest>>> {
        let pools = &self.shared.pools;
        Ok(pools.at(pools.named(pool)?).manifest())
    }

    /// The workers of all pools that live at this moment: those that serve calls, those that drain, and spares.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        self.shared.pools.workers()
    }

    /// What the cache of results has done, and what it holds. See [`Call::cache`].
    pub fn cache_statistics(&self) -> CacheStatistics {
        self.shared.cache().statistics()
    }

    /// Forgets the results that are kept of `tool`, in all pools and sessions, because what they depend on has changed. What
    /// is being computed at this moment is not kept either, and calls from now on do not wait for it. Returns how many there
    /// were.
    pub fn forget_results_of(&self, tool: &str) -> usize {
        self.shared.cache().forget(|other| other == tool)
    }

    /// As [`forget_results_of`](Self::forget_results_of), of all tools.
    pub fn forget_results(&self) -> usize {
        self.shared.cache().forget(|_| true)
    }

    /// Replaces a worker by its number: another one is started and takes its place, and then it gets no more calls and ends
    /// when those that it has are done. Waits until it gets no more. No call fails for it.
    ///
    /// # Errors
    /// `InvalidArgument` when no worker of that number serves; `StartFailed` when none can take its place, because its module
    /// cannot be imported any more or offers other tools now. It serves on, and is replaced when that is mended.
    pub async fn recycle(&self, worker: u64) -> Result<()> {
        self.shared.pools.recycle(worker).await
    }

    /// What calls and workers have come to since the bridge started, in all and by tool.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = self.shared.pools.statistics();
        (statistics.records, statistics.records_dropped) = self.records.counts();
        statistics
    }

    /// What calls and workers of the pool of this name have come to since the bridge started, in all and by tool.
    ///
    /// # Errors
    /// `InvalidArgument` when there is no such pool; the message lists the pools.
    pub fn statistics_of(&self, pool: &str) -> Result<Statistics> {
        let pools = &self.shared.pools;
        Ok(pools.at(pools.named(pool)?).statistics())
    }

    /// What happens from now on. A subscriber that lags behind by more than 1024 events loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// What Python says from now on: records of `logging` and warnings, printed lines, and events of
    /// `snakebridge.telemetry`, each with its call. They are `tracing` events as well, whether or not anybody subscribes. A
    /// subscriber that lags behind by more than 1024 records loses the oldest, and none of the [`events`](Self::events).
    pub fn records(&self) -> broadcast::Receiver<Record> {
        self.records.subscribe()
    }

    /// Waits on this thread for anything that the bridge can be asked for: `bridge.wait_for(bridge.session("demo"))??`. See
    /// [`Call::wait`] for where that is possible.
    ///
    /// # Errors
    /// `InvalidArgument` where it is not.
    pub fn wait_for<F: Future>(&self, future: F) -> Result<F::Output> {
        self.shared.wait_for(future)
    }
}

impl AsCaller for Bridge {
    fn caller(&self) -> Caller {
        self.caller.clone()
    }
}

impl Builder {
    pool_settings!(|this| this.default_pool());

    fn default_pool(&mut self) -> &mut PoolBuilder {
        self.wants_default_pool = true;
        &mut self.default_pool
    }

    /// Another pool beside the pool `default`: with its own adapter, workers and limits. What is said about the pool
    /// `default` does not count for it. Without an adapter of its own the pool `default` is left out.
    ///
    /// ```no_run
    /// # use snakebridge::prelude::*;
    /// # async fn example() -> Result<()> {
    /// let bridge = Bridge::builder()
    ///     .adapter("text_tools:TextAdapter")
    ///     .pool("gpu", |pool| pool.adapter("models:Models").workers(1).profile(Profile::Threads(4)))
    ///     .start()
    ///     .await?;
    /// let vector: Vec<f64> = bridge.call("embed", args! { text: "hello" }).pool("gpu").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn pool(mut self, name: impl Into<String>, describe: impl FnOnce(PoolBuilder) -> PoolBuilder) -> Self {
        self.pools.push((name.into(), describe(PoolBuilder::default())));
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

    /// What sessions may cost, how long they live, and where their calls go.
    pub fn sessions(mut self, sessions: SessionConfig) -> Self {
        self.sessions = sessions;
        self
    }

    /// Sessions live on in `store` when this process ends. Without one they end with the bridge.
    pub fn session_store(mut self, store: impl SessionStore) -> Self {
        self.session_store = Some(Box::new(store));
        self
    }

    /// A call in a session that is not there creates it: the same as
    /// [`SessionConfig::create_on_use`].
    pub fn create_sessions(mut self) -> Self {
        self.sessions.create_on_use = true;
        self
    }

    /// How many results are kept for calls that allow it, by their declaration or by [`Call::cache`]. Default 1024; with 0
    /// none is. The one that was not used for longest goes first.
    pub fn cache_entries(mut self, entries: usize) -> Self {
        self.cache_entries = entries;
        self
    }

    /// How many bytes the results that are kept may have, together with the arguments they are kept for. Default 64 MiB.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Drives the bridge by a runtime of its own, with a thread for each core, instead of the one it is started in. For
    /// programs whose runtimes come and go, such as tests that share a bridge in a `static`, and for [`Call::wait`].
    pub fn own_runtime(mut self) -> Self {
        self.own_runtime = true;
        self
    }

    /// Starts the workers and waits until the first of each pool is ready.
    ///
    /// # Errors
    /// `StartFailed` when a setting makes no sense, there is no usable Python, or an adapter cannot be loaded; the
    /// message says what was tried and what mends it, and, where there are several pools, which of them it was.
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one that was built without `enable_all` (it needs both I/O and time); not with
    /// [`own_runtime`](Self::own_runtime).
    pub async fn start(self) -> Result<Bridge> {
        let driver =
            if self.own_runtime { Driver::Own(OwnRuntime::new()?) } else { Driver::Borrowed(Handle::current()) };
        self.start_in(driver).await
    }

    /// As [`start`](Self::start), waited for on this thread, in a runtime of its own. Needs no other runtime, and no
    /// `.await` anywhere: see [`Call::wait`] and [`ToolStream::wait`].
    ///
    /// ```no_run
    /// use snakebridge::prelude::*;
    ///
    /// fn main() -> Result<()> {
    ///     let bridge = Bridge::builder().adapter("snakebridge.adapters.showcase:ShowcaseAdapter").start_blocking()?;
    ///     let sum: f64 = bridge.call("add", args! { a: 2, b: 2 }).wait()?;
    ///     assert_eq!(sum, 4.0);
    ///     bridge.shutdown_blocking()
    /// }
    /// ```
    ///
    /// # Errors
    /// As those of `start`.
    ///
    /// # Panics
    /// Inside a `LocalSet` on a runtime of several threads, as `tokio::task::block_in_place` does.
    pub fn start_blocking(self) -> Result<Bridge> {
        let driver = Driver::Own(OwnRuntime::new()?);
        let handle = driver.handle().clone();
        wait_for(&handle, self.start_in(driver))?
    }

    async fn start_in(self, driver: Driver) -> Result<Bridge> {
        let (events, records) = (Events::new(), Records::new());
        let (cache, home) = (Cache::new(self.cache_entries, self.cache_bytes), Home::default());
        let (pools, sessions) = driver.run(self.start_pools(events.clone(), records.clone(), home.clone())).await?;
        let shared = Arc::new(Shared::new(pools, sessions, cache, driver));
        home.set(&shared);
        shared.release_objects();
        Ok(Bridge { caller: Caller::new(Arc::clone(&shared)), shared, events, records })
    }

    async fn start_pools(mut self, events: Events, records: Records, home: Home) -> Result<(Pools, Sessions)> {
        let (sessions, store) = (self.sessions.clone(), self.session_store.take());
        let (configs, tools, mut states) = self.finish()?;
        let workers =
            configs.iter().map(|pool| pool.spares + pool.scaling.map_or(pool.workers, |scaling| scaling.most));
        descriptors::check(workers.fold(0, usize::saturating_add))?;
        states.insert(home);
        let sessions = Sessions::start(sessions, store, events.clone()).await?;
        let registry = Arc::new(Registry::new(tools, states, sessions.clone())?);
        registry.end_with_sessions();
        let common = Common { registry, events, records, numbers: Arc::new(AtomicU64::new(0)) };
        let several = configs.len() > 1;
        let start = |config: PoolConfig| {
            let (name, started) = (Arc::clone(&config.name), PoolHandle::start(config, common.clone()));
            async move { started.await.map_err(|error| if several { in_pool(&name, error) } else { error }) }
        };
        let pools = Pools::start(configs.into_iter().map(start).collect()).await?;
        Ok((pools, sessions))
    }

    /// The pools to start, the default one first, and what they have together.
    fn finish(self) -> Result<(Vec<PoolConfig>, Tools, States)> {
        let mut pools = self.pools;
        check_names(&pools)?;
        if pools.is_empty() || self.default_pool.has_adapter() {
            pools.insert(0, (DEFAULT_POOL.to_owned(), self.default_pool));
        } else if self.wants_default_pool {
            return Err(configuration(
                "the bridge has settings for its pool `default` and no adapter for it: name one with `.adapter(..)`, or \
                 move the settings into the `.pool(.., |pool| ..)` that they are for",
            ));
        }
        let several = pools.len() > 1;
        let finish = |(name, pool): (String, PoolBuilder)| {
            pool.finish(&name).map_err(|error| if several { in_pool(&name, error) } else { error })
        };
        let configs = pools.into_iter().map(finish).collect::<Result<_>>()?;
        Ok((configs, self.tools, self.states))
    }
}

/// Whether the names of the pools beside the default one are names, and differ.
fn check_names(pools: &[(String, PoolBuilder)]) -> Result<()> {
    for (index, (name, _)) in pools.iter().enumerate() {
        if name == DEFAULT_POOL || pools[..index].iter().any(|(other, _)| other == name) {
            let settings = "the pool `default` is described by the builder's own settings, and each other pool once";
            return Err(configuration(&format!("`.pool(\"{name}\", ..)`: {settings}")));
        }
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return Err(configuration(&format!(
                "`.pool(\"{}\", ..)`: expected a name of 1 to 64 bytes without control characters",
                name.escape_debug()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wire::Limits;
    use crate::worker::Profile;

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
        let zero = Duration::ZERO;
        for (setting, builder) in [
            ("start_timeout", builder().start_timeout(zero)),
            ("call_timeout", builder().call_timeout(zero)),
            ("stream_timeout", builder().stream_timeout(zero)),
            ("max_calls", builder().max_calls(0)),
            ("max_age", builder().max_age(zero)),
            ("max_memory", builder().max_memory(0)),
        ] {
            assert!(refused(builder).await.contains(&format!("`.{setting}(..)` is 0")), "{setting}");
        }
        for name in ["", "A=B", "A\0"] {
            assert!(refused(builder().env(name, "value")).await.contains("is no name of a variable"), "{name:?}");
            assert!(refused(builder().pass_env(name)).await.contains("is no name of a variable"), "{name:?}");
        }
        let message = refused(builder().env("KEY", "a secret\0")).await;
        assert!(message.contains("`.env(\"KEY\", ..)`") && !message.contains("secret"), "{message}");
        assert!(
            refused(Bridge::builder().command(["sh", "a\0b"])).await.contains("`.command(..)`: `a\\0b` has a zero")
        );
        assert!(refused(builder().python_path("a\0b")).await.contains("`.python_path(..)`: `a\\0b` has a zero"));
        let good = |pool: PoolBuilder| pool.adapter("b");
        assert!(refused(builder().pool("default", good)).await.contains("own settings"));
        assert!(refused(builder().pool("x", good).pool("x", good)).await.contains("each other pool once"));
        assert!(refused(builder().pool("", good)).await.contains("expected a name"));
        let message = refused(builder().pool("gpu", |pool| good(pool).workers(0))).await;
        assert!(message.contains("pool `gpu`") && message.contains("expected at least 1"), "{message}");
        assert!(refused(builder().pool("gpu", |pool| pool)).await.contains("pool `gpu`: no adapter"));
        let without_adapter = Bridge::builder().workers(3).pool("gpu", good);
        assert!(refused(without_adapter).await.contains("settings for its pool `default`"));
    }
}
