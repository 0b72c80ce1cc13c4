//! The methods by which the settings of a pool are said, written once for the two builders that have them.

/// The settings of a pool, for the builder of a pool and for that of a bridge, which passes them on to its pool `default`.
/// `$pool` is where `$this` builder keeps them.
macro_rules! pool_settings {
    (|$this:ident| $pool:expr) => {
        /// The adapter that workers load: `module:Class`, or `module` alone.
        pub fn adapter(mut self, adapter: impl Into<String>) -> Self {
            let $this = &mut self;
            $pool.adapters.push(adapter.into());
            self
        }

        /// Loads the adapter that a client's trait names.
        pub fn client<C: $crate::client::PythonTools>(mut self) -> Self {
            let $this = &mut self;
            $pool.adapters.extend(C::ADAPTER.map(str::to_owned));
            self
        }

        /// The Python to run: a path, or a name that is looked up on `PATH`. Default: `SNAKEBRIDGE_PYTHON`, then
        /// `VIRTUAL_ENV`, then a `.venv` in the current folder or above it, then `python3`.
        pub fn python(mut self, python: impl Into<std::path::PathBuf>) -> Self {
            let $this = &mut self;
            $pool.python = Some(python.into());
            self
        }

        /// A program that speaks the protocol (`docs/protocol.md`), and its arguments, in place of Python:
        /// `["node", "worker.js"]`. A bare name is looked up on `PATH`; what is relative, also among the arguments, is so
        /// to the current folder. No adapter need be named: the program may know what it offers.
        pub fn command<W: Into<std::ffi::OsString>>(mut self, command: impl IntoIterator<Item = W>) -> Self {
            let $this = &mut self;
            $pool.command = Some(command.into_iter().map(Into::into).collect());
            self
        }

        /// A folder with Python modules of yours, in front of the installed ones. Relative to the current folder.
        pub fn python_path(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
            let $this = &mut self;
            $pool.python_path.push(folder.into());
            self
        }

        /// From which level on records of Python's `logging` are told: the level of the root logger, which loggers without one
        /// of their own have too. The adapter may set another one. Default: Python's own, which is
        /// [`Warn`](crate::telemetry::Level::Warn).
        pub fn log_level(mut self, level: $crate::telemetry::Level) -> Self {
            let $this = &mut self;
            $pool.log_level = Some(level);
            self
        }

        /// The adapter was written for another bridge, and runs unchanged.
        pub fn compat(mut self, other: $crate::worker::Compat) -> Self {
            let $this = &mut self;
            $pool.compat = Some(other);
            self
        }

        /// What becomes of objects that have no form on the wire, where neither the tool nor its adapter says it (default: the call
        /// fails with an error that names their type and place).
        pub fn unserializable(mut self, policy: $crate::worker::Unserializable) -> Self {
            let $this = &mut self;
            $pool.unserializable = policy;
            self
        }

        /// Passed to an adapter whose constructor has a `config` parameter: anything that can be serialised. What cannot is
        /// an error when the bridge starts.
        pub fn config<T: serde::Serialize + ?Sized>(mut self, config: &T) -> Self {
            let $this = &mut self;
            $pool.config = $crate::value::Value::from_serialize(config);
            self
        }

        /// Sets an environment variable of the workers.
        pub fn env(mut self, name: impl Into<std::ffi::OsString>, value: impl Into<std::ffi::OsString>) -> Self {
            let $this = &mut self;
            $pool.environment.set.insert(name.into(), value.into());
            self
        }

        /// Passes a variable of this process on to the workers, which otherwise get a short list of harmless ones.
        pub fn pass_env(mut self, name: impl Into<std::ffi::OsString>) -> Self {
            let $this = &mut self;
            $pool.environment.passed.push(name.into());
            self
        }

        /// How much of the operating system the workers may use: [`Restrictions`](crate::Restrictions). Default:
        /// [`Sandbox::Hardened`](crate::Sandbox::Hardened), which takes away nothing that a user's program may do. Workers
        /// enforce it on themselves; one that cannot, because its kernel does not know how, does not start.
        pub fn sandbox(mut self, sandbox: impl Into<$crate::worker::Sandbox>) -> Self {
            let $this = &mut self;
            $pool.sandbox = sandbox.into();
            self
        }

        /// How many workers. Default: the number of cores.
        pub fn workers(mut self, workers: usize) -> Self {
            let $this = &mut self;
            $pool.workers = Some(workers);
            self
        }

        /// How many workers at most: while calls wait for longer than a moment, more are started, and those that have had
        /// nothing to do for [`idle_timeout`](Self::idle_timeout) leave again, down to the number of
        /// [`workers`](Self::workers). Default: no more than those.
        pub fn max_workers(mut self, workers: usize) -> Self {
            let $this = &mut self;
            $pool.max_workers = Some(workers);
            self
        }

        /// Replaces each worker after about so many calls: a tenth more or less, so that those that start together are not
        /// replaced together. The one that takes its place is ready first, and no call fails. Default: never.
        ///
        /// With 1, each call has a process of its own, in which no other has left anything; it waits until that has started,
        /// which [`preload`](Self::preload) makes short.
        pub fn max_calls(mut self, calls: u64) -> Self {
            let $this = &mut self;
            $pool.recycling.calls = Some(calls);
            self
        }

        /// Replaces each worker when it is about so old, like [`max_calls`](Self::max_calls). Default: never.
        pub fn max_age(mut self, age: std::time::Duration) -> Self {
            let $this = &mut self;
            $pool.recycling.age = Some(age);
            self
        }

        /// Replaces each worker that holds more than so many bytes of memory, like [`max_calls`](Self::max_calls): its own
        /// memory and its share of what it shares with others (PSS), measured four times a second. Default: never.
        pub fn max_memory(mut self, bytes: u64) -> Self {
            let $this = &mut self;
            $pool.recycling.memory = Some(bytes);
            self
        }

        /// How many calls and streams a worker has at once. Default: 1000 for the profiles `Process` (which runs one of them
        /// at a time) and `Async`, 16 more than its threads for `Threads`. Never more than the worker itself allows.
        pub fn max_concurrency(mut self, calls: usize) -> Self {
            let $this = &mut self;
            $pool.max_concurrency = Some(calls);
            self
        }

        /// How many workers that were killed and do not end may be replaced; beyond that their places stay empty until one has
        /// ended. The kernel does not let go of a process that waits for a file system or a device which does not answer.
        /// Default: as many as there are workers.
        pub fn max_stuck_workers(mut self, number: usize) -> Self {
            let $this = &mut self;
            $pool.max_stuck_workers = Some(number);
            self
        }

        /// While less than so many bytes of memory are left, of the machine or of this program's control group, no call begins
        /// to wait: it is sent if a worker is free, and else refused, before the kernel has to end a process. Looked at four
        /// times a second. A pool with a larger reserve gives way to one with a smaller. Default: none.
        pub fn memory_reserve(mut self, bytes: u64) -> Self {
            let $this = &mut self;
            $pool.memory_reserve = Some(bytes);
            self
        }

        /// How many calls and streams of one tool the workers of the pool have at a time, so that a slow tool does not take all
        /// of them. Further calls of it wait, and let others pass. It counts for the pool as a whole, which is why the tool
        /// does not say it itself: it does not know how many workers there are. A name that no tool has is an error when the
        /// bridge starts. Default: no limit.
        ///
        /// ```no_run
        /// # use snakebridge::prelude::*;
        /// # async fn example() -> Result<()> {
        /// let bridge = Bridge::builder().adapter("reports:Reports").workers(4).tool_concurrency("render", 2).start().await?;
        /// # Ok(())
        /// # }
        /// ```
        pub fn tool_concurrency(mut self, tool: impl Into<String>, calls: usize) -> Self {
            let $this = &mut self;
            $pool.tool_concurrency.insert(tool.into(), calls);
            self
        }

        /// How many units there are of something that calls need for themselves while they run, as their tools say in Python by
        /// `@tool(resources={"gpu": 1})`: for all workers of the pool together, whichever tools share it. A call that needs more
        /// than is free waits, and lets others pass, as with [`tool_concurrency`](Self::tool_concurrency). A name that no tool
        /// needs, or a tool that needs more than there is, is an error when the bridge starts. What tools need and nothing is
        /// said of here is there without end. Default: nothing is said.
        ///
        /// ```no_run
        /// # use snakebridge::prelude::*;
        /// # async fn example() -> Result<()> {
        /// let builder = Bridge::builder().adapter("models:Models").workers(4);
        /// let bridge = builder.resource("gpu", 2).resource("license", 1).start().await?;
        /// # Ok(())
        /// # }
        /// ```
        pub fn resource(mut self, name: impl Into<String>, units: usize) -> Self {
            let $this = &mut self;
            $pool.resources.insert(name.into(), units);
            self
        }

        /// Where calls of a session go in this pool that say nothing about it, nor their tools. Default: what
        /// [`SessionConfig::affinity`](crate::session::SessionConfig::affinity) says for all pools.
        pub fn affinity(mut self, affinity: $crate::session::Affinity) -> Self {
            let $this = &mut self;
            $pool.affinity = Some(affinity);
            self
        }

        /// The deadlines of calls and streams and the time in the queue, as they suit one kind of work: in place of
        /// [`call_timeout`](Self::call_timeout), [`stream_timeout`](Self::stream_timeout) and
        /// [`queue_timeout`](Self::queue_timeout), each of which may follow.
        pub fn timeout_profile(mut self, profile: $crate::bridge::TimeoutProfile) -> Self {
            let $this = &mut self;
            let timeouts = profile.timeouts();
            $pool.call_timeout = timeouts.call;
            $pool.stream_timeout = timeouts.stream;
            $pool.queue_timeout = timeouts.queue;
            self
        }

        /// How many objects a worker keeps for one session; beyond that the one that was used longest ago is dropped, and
        /// `reference_lost` from then on. Default 10 000.
        pub fn max_references(mut self, objects: usize) -> Self {
            let $this = &mut self;
            $pool.objects.maximum = objects;
            self
        }

        /// Lets the host use these modules of Python, and those inside them, by [`Bridge::python`](crate::Bridge::python).
        /// Allows [`references`](Self::references) too. Needs no adapter. Default: none.
        ///
        /// It keeps callers to what the pool was made for, and is no sandbox: whoever may use `subprocess` may use
        /// everything.
        pub fn python_modules<M: Into<String>>(mut self, modules: impl IntoIterator<Item = M>) -> Self {
            let $this = &mut self;
            $pool.objects.modules.extend(modules.into_iter().map(Into::into));
            self
        }

        /// As [`python_modules`](Self::python_modules), with every module that there is.
        pub fn any_python_module(mut self) -> Self {
            let $this = &mut self;
            $pool.objects.any_module = true;
            self
        }

        $crate::bridge::pool_settings::plain_settings! { |$this| $pool,
            /// How each worker runs its calls. Default: one at a time.
            profile: $crate::worker::Profile,
            /// How many workers are ready beside those that serve. When one that serves is lost, is to be replaced, or one more
            /// is wanted, a spare takes the place at once and another one is started in its stead. Each takes the memory of a
            /// worker. Default 0.
            spares: usize,
            /// Imports the adapter's module once, in a process of its own from which the workers are then forked: they are
            /// ready within milliseconds whatever they import, and share its memory. Default: false, because not everything
            /// survives a fork. A module that starts threads or uses a GPU while it is imported is refused.
            preload: bool,
            /// Lets results stay in the workers as [`Object`](crate::Object)s, for sessions. Default: false.
            references: bool,
            /// The sizes and numbers that both sides keep to.
            limits: $crate::wire::Limits,
            /// How long a worker may take from launch to ready. Default 60 s.
            start_timeout: std::time::Duration,
            /// Deadline of calls that name none. Default 300 s.
            call_timeout: std::time::Duration,
            /// Deadline of streams that name none. Default 900 s.
            stream_timeout: std::time::Duration,
            /// How long a call may wait for a free worker. Default 10 s.
            queue_timeout: std::time::Duration,
            /// How many calls may wait for a free worker. Default 1000.
            queue_limit: usize,
            /// How many bytes of arguments may wait for a free worker. Default 256 MiB.
            queue_bytes: u64,
            /// How often an idempotent call is repeated whose worker is lost, if it names no number of its own. Default 1.
            retries: u32,
            /// How long a cancelled call may go on before its worker is killed. Default 500 ms.
            cancel_grace: std::time::Duration,
            /// How long a shutdown of the bridge lets running calls finish. Default 30 s.
            drain: std::time::Duration,
            /// How long a worker beyond the fewest may have nothing to do. Default 60 s.
            idle_timeout: std::time::Duration,
            /// For how long calls of a tool are refused that has killed five workers in a row; then one call tries it out.
            /// Default 30 s.
            breaker_pause: std::time::Duration,
            /// How often an idle worker is asked whether it is there; one that does not answer three times is replaced. One
            /// that has a call is never asked. Default 2 s.
            health_interval: std::time::Duration,
        }
    };
}
pub(super) use pool_settings;

/// Settings that are a value and nothing else.
macro_rules! plain_settings {
    (|$this:ident| $pool:expr, $($(#[$doc:meta])* $name:ident: $type:ty),* $(,)?) => {
        $($(#[$doc])* pub fn $name(mut self, $name: $type) -> Self {
            let $this = &mut self;
            $pool.$name = $name;
            self
        })*
    };
}
pub(super) use plain_settings;
