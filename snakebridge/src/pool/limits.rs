//! What calls need beside a worker: which limits a pool has, what its tools need of them, and whether that makes sense.

use std::ptr;
use std::sync::Arc;

use super::scheduler::{Demand, Placement, Task};
use super::{Pool, State};
use crate::deadlock::Resource;
use crate::error::{Error, Result, StartFailure};
use crate::link::{Chain, PendingCall};
use crate::manifest::{Manifest, Tool, nearest};

/// Something of which a pool has so many units, and calls none if they are taken.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    /// What it is.
    pub of: Limited,
    /// How many units there are.
    pub units: usize,
}

/// What there is only so much of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Limited {
    /// Places of this tool: each of its calls takes one.
    Tool(String),
    /// What tools share that name it: each of their calls takes as many units as its tool says.
    Resource(String),
}

impl Limit {
    /// As part of an error: what of it a call lacks.
    fn lacks(&self) -> String {
        match &self.of {
            Limited::Tool(name) => format!("a place of the tool `{}`", name.escape_debug()),
            Limited::Resource(name) => format!("what it needs of the resource `{}`", name.escape_debug()),
        }
    }

    /// How many units of it a call of `tool` needs, if it needs any.
    fn needed_by(&self, tool: &Tool) -> Option<u64> {
        match &self.of {
            Limited::Tool(name) => (*name == tool.name).then_some(1),
            Limited::Resource(name) => tool.resources.get(name).copied().filter(|units| *units > 0),
        }
    }

    /// Refuses what no tool needs, which would bound nothing, and what a tool needs more of than there is, which would never
    /// run.
    fn check(&self, manifest: &Manifest) -> Result<()> {
        let refuse = |message| Err(Error::start_failed(StartFailure::Configuration, message));
        let greediest = manifest.tools.iter().filter_map(|tool| Some((self.needed_by(tool)?, tool)));
        let greediest = greediest.max_by_key(|(units, _)| *units);
        let hint = |near: Option<&str>| near.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
        match (&self.of, greediest) {
            (Limited::Resource(name), Some((units, tool))) if units > self.units as u64 => refuse(&format!(
                "a call of the tool `{}` needs {units} units of the resource `{name}`, and `.resource(\"{name}\", {})` is all \
                 that there is: raise it to {units}, or have `@tool(resources=..)` ask for no more than {}",
                tool.name, self.units, self.units
            )),
            (_, Some(_)) => Ok(()),
            (Limited::Tool(name), None) => refuse(&format!(
                "`.tool_concurrency(\"{}\", ..)`: there is no such tool{}",
                name.escape_debug(),
                hint(manifest.nearest(name))
            )),
            (Limited::Resource(name), None) => {
                let known = manifest.tools.iter().flat_map(|tool| tool.resources.keys().map(String::as_str));
                refuse(&format!(
                    "`.resource(\"{}\", ..)`: no tool of `{}` names it in `@tool(resources=..)`{}",
                    name.escape_debug(),
                    manifest.adapter,
                    hint(nearest(name, known))
                ))
            }
        }
    }
}

/// What a call of `tool` needs of each of these limits, in their order.
fn demands(limits: &[Limit], tool: &Tool) -> Vec<Demand> {
    // What is more than there is was refused, or is about to be.
    let units = |limit: &Limit| usize::try_from(limit.needed_by(tool)?).ok();
    limits
        .iter()
        .enumerate()
        .filter_map(|(number, limit)| Some(Demand { limit: number, units: units(limit)? }))
        .collect()
}

impl State {
    /// Notes what calls need, as the first worker says it: every other one has to say the same.
    fn learn_needs(&mut self, limits: &[Limit], manifest: &Manifest) {
        for tool in &manifest.tools {
            self.scheduler.set_needs(&tool.name, demands(limits, tool));
        }
    }
}

impl Pool {
    /// What the first worker of all offered, which is this if there was none.
    pub(super) fn offered(&self, manifest: &Arc<Manifest>) -> Arc<Manifest> {
        let mut state = self.lock();
        if let Some(offered) = &state.offered {
            return Arc::clone(offered);
        }
        // No call has come yet: callers get the pool when its first worker serves.
        state.learn_needs(&self.config.limits, manifest);
        state.offered = Some(Arc::clone(manifest));
        Arc::clone(manifest)
    }

    /// Refuses limits that make no sense with what the workers offer.
    pub(super) fn check_limits(&self) -> Result<()> {
        let offered = self.lock().offered.clone();
        offered.iter().try_for_each(|manifest| self.config.limits.iter().try_for_each(|limit| limit.check(manifest)))
    }

    /// Notes that a call has what it needs beside a worker, or waits for it. Refused when it could wait for ever. `waiting`:
    /// the workers that wait for it.
    pub(super) fn claim_needs(
        &self,
        needs: &[Demand],
        call: &Arc<PendingCall>,
        placement: Placement,
        waiting: &[u64],
    ) -> Result<()> {
        let waits = self.registry.waits();
        for Demand { limit, units } in needs {
            let (limit, units) = (&self.config.limits[*limit], *units);
            let resource = Resource::Permit { limit: ptr::from_ref(limit).addr(), units: limit.units };
            let claim = match (placement, call.chain().map(Chain::key)) {
                // It runs inside a call that waits for it, and takes nothing.
                (Placement::Worker(worker), _) if waiting.contains(&worker) => None,
                (Placement::Worker(_), chain) => waits.hold(chain.unwrap_or(call.key()), resource, units),
                (Placement::Queued, None) => Some(waits.expect(call.key(), resource, units)),
                (Placement::Queued, Some(chain)) => waits.wait(chain, resource, units, &limit.lacks())?,
            };
            if let Some(claim) = claim {
                call.claim(claim);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(tools: &[(&str, &[(&str, u64)])]) -> Manifest {
        let tools = tools.iter().map(|(name, resources)| {
            let resources = resources.iter().map(|(name, units)| ((*name).to_owned(), *units)).collect();
            Tool { name: (*name).into(), resources, ..Tool::default() }
        });
        let (adapter, name) = ("a:A".into(), "A".into());
        Manifest { format: 1, adapter, name, version: None, description: String::new(), tools: tools.collect() }
    }

    fn resource(name: &str, units: usize) -> Limit {
        Limit { of: Limited::Resource(name.into()), units }
    }

    fn places(tool: &str, units: usize) -> Limit {
        Limit { of: Limited::Tool(tool.into()), units }
    }

    #[test]
    fn a_call_needs_a_place_of_its_tool_and_what_that_says_as_far_as_it_is_bounded() {
        let manifest = manifest(&[("train", &[("gpu", 2), ("license", 1), ("other", 3)]), ("infer", &[("gpu", 1)])]);
        let limits = [places("train", 1), resource("gpu", 4), resource("license", 1)];
        let demands = |tool: usize| -> Vec<_> {
            demands(&limits, &manifest.tools[tool]).into_iter().map(|demand| (demand.limit, demand.units)).collect()
        };
        assert_eq!((demands(0), demands(1)), (vec![(0, 1), (1, 2), (2, 1)], vec![(1, 1)]));
    }

    #[test]
    fn a_limit_that_bounds_nothing_or_lets_a_tool_never_run_is_refused_with_a_way_to_mend_it() {
        let manifest = manifest(&[("train", &[("gpu", 3)]), ("infer", &[("gpu", 1)]), ("plain", &[("nothing", 0)])]);
        let refused = |limit: Limit| limit.check(&manifest).map_err(|error| error.to_string());
        assert_eq!([refused(resource("gpu", 3)), refused(places("infer", 1))], [Ok(()), Ok(())]);
        for (limit, words) in [
            (resource("gpu", 2), &["`train` needs 3 units", "`.resource(\"gpu\", 2)`", "raise it to 3"][..]),
            (resource("gpuu", 2), &["`.resource(\"gpuu\", ..)`: no tool of `a:A` names it", "did you mean `gpu`?"]),
            (resource("nothing", 2), &["no tool of `a:A` names it"]),
            (places("trian", 2), &["`.tool_concurrency(\"trian\", ..)`: there is no such tool; did you mean `train`?"]),
        ] {
            let error = refused(limit).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
