//! What one pool is made of: the settings that each of several pools has for itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::adapters::checked_objects;
use super::pool_settings::pool_settings;
use super::settings::{
    check_concurrency, check_environment, check_limits, check_not_zero, check_words, checked_limits, configuration,
    scaling,
};
use super::timeouts::TimeoutProfile;
use crate::error::Result;
use crate::pool::{PoolConfig, Recycling};
use crate::session::Affinity;
use crate::telemetry::Level;
use crate::value::Value;
use crate::wire::Limits;
use crate::worker::{Compat, Environment, Launch, Objects, Preload, Profile, Sandbox, Unserializable, WorkerConfig};

/// One pool of workers: what they load, how many they are, and what bounds them.
///
/// [`Builder`](crate::Builder) has the same settings for the pool `default`; a named one begins anew with the defaults.
#[must_use = "a pool is described for the builder that it is returned to"]
pub struct PoolBuilder {
    pub(super) adapters: Vec<String>,
    pub(super) python: Option<PathBuf>,
    pub(super) command: Option<Vec<OsString>>,
    pub(super) python_path: Vec<PathBuf>,
    pub(super) compat: Option<Compat>,
    pub(super) unserializable: Unserializable,
    pub(super) log_level: Option<Level>,
    pub(super) config: Result<Value>,
    pub(super) environment: Environment,
    pub(super) sandbox: Sandbox,
    pub(super) workers: Option<usize>,
    pub(super) spares: usize,
    pub(super) max_workers: Option<usize>,
    pub(super) idle_timeout: Duration,
    pub(super) profile: Profile,
    pub(super) preload: bool,
    pub(super) max_concurrency: Option<usize>,
    pub(super) max_stuck_workers: Option<usize>,
    pub(super) affinity: Option<Affinity>,
    pub(super) limits: Limits,
    pub(super) start_timeout: Duration,
    pub(super) call_timeout: Duration,
    pub(super) stream_timeout: Duration,
    pub(super) queue_timeout: Duration,
    pub(super) queue_limit: usize,
    pub(super) queue_bytes: u64,
    pub(super) memory_reserve: Option<u64>,
    pub(super) tool_concurrency: BTreeMap<String, usize>,
    pub(super) resources: BTreeMap<String, usize>,
    pub(super) retries: u32,
    pub(super) cancel_grace: Duration,
    pub(super) drain: Duration,
    pub(super) breaker_pause: Duration,
    pub(super) health_interval: Duration,
    pub(super) recycling: Recycling,
    pub(super) references: bool,
    pub(super) objects: Objects,
}

impl std::fmt::Debug for PoolBuilder {
    /// Without the adapter's configuration, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { adapters, command, workers, profile, environment, .. } = self;
        f.debug_struct("PoolBuilder")
            .field("adapters", adapters)
            .field("command", command)
            .field("workers", workers)
            .field("profile", profile)
            .field("environment", environment)
            .finish_non_exhaustive()
    }
}

impl Default for PoolBuilder {
    fn default() -> Self {
        let timeouts = TimeoutProfile::default().timeouts();
        Self {
            adapters: Vec::new(),
            python: None,
            command: None,
            python_path: Vec::new(),
            compat: None,
            unserializable: Unserializable::Refuse,
            log_level: None,
            config: Ok(Value::Nil),
            environment: Environment::default(),
            sandbox: Sandbox::default(),
            workers: None,
            spares: 0,
            max_workers: None,
            idle_timeout: Duration::from_mins(1),
            profile: Profile::default(),
            preload: false,
            max_concurrency: None,
            max_stuck_workers: None,
            affinity: None,
            limits: Limits::default(),
            start_timeout: Duration::from_mins(1),
            call_timeout: timeouts.call,
            stream_timeout: timeouts.stream,
            queue_timeout: timeouts.queue,
            queue_limit: 1000,
            queue_bytes: 256 << 20,
            memory_reserve: None,
            tool_concurrency: BTreeMap::new(),
            resources: BTreeMap::new(),
            retries: 1,
            cancel_grace: Duration::from_millis(500),
            drain: Duration::from_secs(30),
            breaker_pause: Duration::from_secs(30),
            health_interval: Duration::from_secs(2),
            recycling: Recycling::default(),
            references: false,
            objects: Objects::default(),
        }
    }
}

impl PoolBuilder {
    pool_settings!(|this| this);

    /// Whether anything says what its workers are to load.
    pub(super) fn has_adapter(&self) -> bool {
        !self.adapters.is_empty() || self.command.is_some() || self.objects.has_modules()
    }

    /// What to start, if it makes sense.
    pub(super) fn finish(self, name: &str) -> Result<PoolConfig> {
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
        self.check_times()?;
        check_environment(&self.environment)?;
        check_words("command", self.command.iter().flatten().map(OsString::as_os_str))?;
        check_words("python_path", self.python_path.iter().map(|path| path.as_os_str()))?;
        self.check_sandbox()?;
        let objects = checked_objects(self.references, &self.objects)?;
        let worker = WorkerConfig {
            launch: Launch::find(self.command.as_deref(), self.python.as_deref())?,
            adapter,
            config: self.config.map_err(|error| configuration(&format!("`.config(..)`: {}", error.kind())))?,
            python_path: self.python_path.iter().map(|path| absolute(path)).collect::<Result<_>>()?,
            compat: self.compat,
            unserializable: self.unserializable,
            log_level: self.log_level,
            environment: self.environment,
            sandbox: self.sandbox.checked()?,
            limits: self.limits,
            profile: self.profile,
            objects,
            preload: self.preload.then(Preload::default),
            start_timeout: self.start_timeout,
            exit_grace: Duration::from_secs(2),
        };
        Ok(PoolConfig {
            name: name.into(),
            worker,
            workers,
            spares: self.spares,
            scaling,
            max_concurrency: self.max_concurrency,
            max_stuck_workers: self.max_stuck_workers,
            affinity: self.affinity,
            call_timeout: self.call_timeout,
            stream_timeout: self.stream_timeout,
            queue_timeout: self.queue_timeout,
            queue_limit: self.queue_limit,
            queue_bytes: self.queue_bytes,
            memory_reserve: self.memory_reserve,
            limits: checked_limits(self.tool_concurrency, self.resources)?,
            retries: self.retries,
            cancel_grace: self.cancel_grace,
            drain: self.drain,
            breaker_pause: self.breaker_pause,
            health_interval: self.health_interval,
            recycling: self.recycling,
        })
    }

    fn check_times(&self) -> Result<()> {
        let Recycling { calls, age, memory } = self.recycling;
        check_not_zero(&[
            ("start_timeout", self.start_timeout.is_zero()),
            ("call_timeout", self.call_timeout.is_zero()),
            ("stream_timeout", self.stream_timeout.is_zero()),
            ("max_calls", calls == Some(0)),
            ("max_age", age.is_some_and(|age| age.is_zero())),
            ("max_memory", memory == Some(0)),
        ])
    }

    /// A sandbox is entered by Python's worker, before it imports anything of the user's.
    fn check_sandbox(&self) -> Result<()> {
        let complaint = match self.sandbox {
            Sandbox::Hardened => return Ok(()),
            _ if self.command.is_some() => {
                "`.sandbox(..)` and `.command(..)`: it is Python's worker that restricts itself; a command has to see to \
                 that by itself"
            }
            _ if self.preload => {
                "`.sandbox(..)` and `.preload(true)`: what is imported before the workers are forked would run outside \
                 the sandbox; leave one of them out"
            }
            Sandbox::Sandboxed(_) => return Ok(()),
        };
        Err(configuration(complaint))
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| configuration(&format!("`.python_path(\"{}\")`: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_of_timeouts_sets_three_of_them_and_each_may_follow() {
        let pool = PoolBuilder::default().timeout_profile(TimeoutProfile::Ml).queue_timeout(Duration::from_secs(1));
        let timeouts = (pool.call_timeout, pool.stream_timeout, pool.queue_timeout);
        assert_eq!(timeouts, (Duration::from_secs(900), Duration::from_secs(3600), Duration::from_secs(1)));
        let batch = pool.timeout_profile(TimeoutProfile::Batch);
        let no_deadline = std::time::Instant::now().checked_add(batch.stream_timeout);
        assert_eq!((no_deadline, batch.queue_timeout), (None, Duration::from_secs(300)));
        let default = PoolBuilder::default().timeout_profile(TimeoutProfile::Default);
        assert_eq!(default.call_timeout, PoolBuilder::default().call_timeout);
    }

    #[test]
    fn a_sandbox_that_nobody_would_enforce_is_refused() {
        let refused =
            |pool: PoolBuilder| pool.sandbox(crate::worker::Restrictions::new()).finish("p").unwrap_err().to_string();
        assert!(refused(PoolBuilder::default().command(["sh"])).contains("`.command(..)`"));
        assert!(refused(PoolBuilder::default().adapter("a").preload(true)).contains("`.preload(true)`"));
    }
}
