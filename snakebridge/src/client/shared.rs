//! What all callers of a bridge share.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Handle, Runtime};

use super::blocking::wait_for;
use super::cache::Cache;
use crate::error::{Error, Result};
use crate::pool::Pools;
use crate::session::Sessions;

/// Kept alive by the bridge and everything that calls through it. Its end is the end of the workers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) pools: Pools,
    pub(crate) sessions: Sessions,
    cache: Mutex<Cache>,
    /// Where everything is driven.
    driver: Driver,
}

/// The runtime that drives a bridge.
#[derive(Debug)]
pub(crate) enum Driver {
    /// The one it was started in.
    Borrowed(Handle),
    /// One of its own.
    Own(OwnRuntime),
}

/// A runtime that may be dropped anywhere, inside itself and inside others too.
#[derive(Debug)]
pub(crate) struct OwnRuntime {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl OwnRuntime {
    pub(crate) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("snakebridge").build();
        let runtime = runtime.map_err(|error| Error::resource("cannot make a runtime for the bridge", error))?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Driver {
    pub(crate) fn handle(&self) -> &Handle {
        match self {
            Self::Borrowed(handle) | Self::Own(OwnRuntime { handle, .. }) => handle,
        }
    }

    /// Runs `future` there, whoever waits for it.
    pub(crate) async fn run<F>(&self, future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match self {
            Self::Borrowed(_) => future.await,
            Self::Own(own) => match own.handle.spawn(future).await {
                Ok(output) => output,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    // The runtime ends with the bridge, which this keeps alive.
                    Err(error) => unreachable!("nobody ends a task of the bridge's own runtime: {error}"),
                },
            },
        }
    }
}

impl Shared {
    pub(crate) fn new(pools: Pools, sessions: Sessions, cache: Cache, driver: Driver) -> Self {
        Self { pools, sessions, cache: Mutex::new(cache), driver }
    }

    pub(crate) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the workers in good order, and then the sessions.
    pub(crate) async fn shutdown(self: &Arc<Self>) -> Result<()> {
        let shared = Arc::clone(self);
        let end = async move {
            shared.pools.shutdown().await;
            shared.sessions.shut_down().await
        };
        self.driver.run(end).await
    }

    /// Where everything is driven.
    pub(crate) fn runtime(&self) -> &Handle {
        self.driver.handle()
    }

    /// Waits on this thread.
    pub(crate) fn wait_for<F: Future>(&self, future: F) -> Result<F::Output> {
        wait_for(self.runtime(), future)
    }
}
