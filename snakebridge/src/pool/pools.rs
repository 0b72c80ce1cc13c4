//! The pools of a bridge, and which of them a call goes to.

use std::sync::Arc;

use futures::future::{join_all, try_join_all};

use super::{PoolHandle, WorkerInfo};
use crate::error::{Error, ErrorKind, Executed, Result, shown};
use crate::session::Identity;
use crate::telemetry::Statistics;
use crate::tools::Registry;
use crate::worker::Objects;

/// The name of the pool that the builder's own settings describe.
pub(crate) const DEFAULT_POOL: &str = "default";

/// At least one pool, each with a name of its own; the default one is the first, if there is one.
#[derive(Debug)]
pub(crate) struct Pools {
    pools: Vec<PoolHandle>,
}

impl Pools {
    /// Waits until each has a worker. When one cannot, the others are ended, and the error names it.
    pub(crate) async fn start(starting: Vec<impl Future<Output = Result<PoolHandle>>>) -> Result<Self> {
        Ok(Self { pools: try_join_all(starting).await? })
    }

    /// The Rust tools that their workers may call; all pools have the same.
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        self.at(0).registry()
    }

    /// The one at this place.
    pub(crate) fn at(&self, place: usize) -> &PoolHandle {
        &self.pools[place]
    }

    /// Where the pool of that name is.
    pub(crate) fn named(&self, name: &str) -> Result<usize> {
        let found = self.pools.iter().position(|pool| pool.name() == name);
        found.ok_or_else(|| {
            let message = format!("there is no pool `{}`: there are {}", shown(name), self.names());
            Error::invalid_argument(message)
        })
    }

    /// Where the only pool is that loads `adapter`; `None` when none does.
    pub(crate) fn of_adapter(&self, adapter: &str) -> Result<Option<usize>> {
        let loading = self.places(|pool| pool.adapter() == Some(adapter));
        match loading[..] {
            [] => Ok(None),
            [place] => Ok(Some(place)),
            _ => Err(Error::invalid_argument(format!(
                "{} load the adapter `{adapter}`: name one of them with `bridge.client_in(\"..\")`",
                self.listed(&loading)
            ))),
        }
    }

    /// Where the pool is to which a call goes that names none: the default one, unless it has not got the tool and another
    /// one has.
    pub(crate) fn of_tool(&self, tool: &str) -> Result<usize> {
        let [first, others @ ..] = &self.pools[..] else { return Ok(0) };
        let is_default = first.name() == DEFAULT_POOL;
        if others.is_empty() || (is_default && first.has_tool(tool)) {
            return Ok(0);
        }
        let having = self.places(|pool| pool.has_tool(tool));
        match having[..] {
            [place] => Ok(place),
            // It says what it has instead.
            [] if is_default => Ok(0),
            [] => {
                let message = format!("no pool has a tool `{tool}`: there are {}", self.names());
                Err(Error::new(ErrorKind::ToolNotFound { message }, Executed::Never))
            }
            _ => Err(Error::invalid_argument(format!(
                "{} have a tool `{tool}`: name one of them with `.pool(\"..\")`",
                self.listed(&having)
            ))),
        }
    }

    /// Where the pool is whose workers may use modules for the host: `place`, or the default one, or the only one.
    pub(crate) fn with_modules(&self, place: Option<usize>) -> Result<usize> {
        let allows = |pool: &PoolHandle| pool.objects().is_some_and(Objects::has_modules);
        let default = self.pools.first().filter(|pool| pool.name() == DEFAULT_POOL && allows(pool)).map(|_| 0);
        match (place.or(default), &self.places(allows)[..]) {
            (Some(place), _) if allows(self.at(place)) => Ok(place),
            (None, [place]) => Ok(*place),
            (None, several @ [_, _, ..]) => Err(Error::invalid_argument(format!(
                "{} let modules of Python be used: name one of them with `.pool(\"..\")`",
                self.listed(several)
            ))),
            (Some(place), _) => Err(Error::invalid_argument(format!(
                "the pool `{}` lets no module of Python be used: allow some with `.python_modules([..])`",
                self.at(place).name()
            ))),
            (None, []) => Err(Error::invalid_argument(
                "no module of Python may be used: allow some with `.python_modules([..])` on the builder of the pool",
            )),
        }
    }

    /// Whether any tool says in Python that its results are kept.
    pub(crate) fn keep_results(&self) -> bool {
        self.pools.iter().any(PoolHandle::keeps_any)
    }

    /// Where the pool is that is meant when nothing names one.
    pub(crate) fn default(&self) -> Result<usize> {
        match &self.pools[..] {
            [first, ..] if first.name() == DEFAULT_POOL => Ok(0),
            [_] => Ok(0),
            _ => Err(Error::invalid_argument(format!(
                "there is no pool `{DEFAULT_POOL}`: name one of {} with `bridge.client_in(\"..\")`",
                self.names()
            ))),
        }
    }

    /// Whether workers of any keep objects.
    pub(crate) fn keep_objects(&self) -> bool {
        self.pools.iter().any(|pool| pool.objects().is_some())
    }

    /// The workers of all of them, by number.
    pub(crate) fn workers(&self) -> Vec<WorkerInfo> {
        let mut workers: Vec<_> = self.pools.iter().flat_map(PoolHandle::workers).collect();
        workers.sort_by_key(|worker| worker.number);
        workers
    }

    /// What they have done so far, together.
    pub(crate) fn statistics(&self) -> Statistics {
        let mut sum = Statistics::default();
        self.pools.iter().for_each(|pool| sum.merge(pool.statistics()));
        sum
    }

    /// Replaces the worker of that number, wherever it is, and waits until it gets no more calls.
    pub(crate) async fn recycle(&self, number: u64) -> Result<()> {
        let having = self.pools.iter().find(|pool| pool.workers().iter().any(|worker| worker.number == number));
        // Where none has it, any says so.
        having.unwrap_or(self.at(0)).recycle(number).await
    }

    /// Cancels the calls that run in `session` or wait to, wherever they are.
    pub(crate) fn cancel_session(&self, session: &Arc<Identity>) {
        self.pools.iter().for_each(|pool| pool.cancel_session(session));
    }

    /// Ends all of them in good order, side by side.
    pub(crate) async fn shutdown(&self) {
        join_all(self.pools.iter().map(PoolHandle::shutdown)).await;
    }

    /// Ends all of them at once.
    pub(crate) fn kill(&self) {
        self.pools.iter().for_each(PoolHandle::kill);
    }

    fn places(&self, is_meant: impl Fn(&PoolHandle) -> bool) -> Vec<usize> {
        (0..self.pools.len()).filter(|&place| is_meant(&self.pools[place])).collect()
    }

    fn listed(&self, places: &[usize]) -> String {
        let names: Vec<_> = places.iter().map(|&place| format!("`{}`", self.pools[place].name())).collect();
        format!("the pools {}", names.join(" and "))
    }

    fn names(&self) -> String {
        self.pools.iter().map(|pool| format!("`{}`", pool.name())).collect::<Vec<_>>().join(", ")
    }
}
