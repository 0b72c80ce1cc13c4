//! Whether what a builder was told makes sense.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, StartFailure, shown};
use crate::pool::{Limit, Limited, Scaling};
use crate::wire::Limits;
use crate::wire::limits::WINDOWS;
use crate::worker::Environment;

/// The most calls that one worker can be given at once, whatever it allows itself.
const MAX_CONCURRENCY: usize = 1_000_000;

/// The most units of something that tools share, as the decorator in Python has it: sums of them fit in 64 bits.
const MOST_UNITS: usize = 1_000_000_000_000;

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;

pub(super) fn configuration(message: &str) -> Error {
    Error::start_failed(StartFailure::Configuration, message)
}

/// The error of a start, with the name of the pool that it is about.
pub(super) fn in_pool(name: &str, error: Error) -> Error {
    match error.kind() {
        ErrorKind::StartFailed { why, message } => Error::start_failed(*why, format!("pool `{name}`: {message}")),
        _ => error,
    }
}

pub(super) fn check_concurrency(number: Option<usize>) -> Result<()> {
    match number {
        Some(number) if !(1..=MAX_CONCURRENCY).contains(&number) => {
            Err(configuration(&format!("`.max_concurrency({number})`: expected 1 to {MAX_CONCURRENCY}")))
        }
        _ => Ok(()),
    }
}

/// What bounds calls beside workers: first the tools that have a limit, then what tools share.
pub(super) fn checked_limits(tools: BTreeMap<String, usize>, resources: BTreeMap<String, usize>) -> Result<Vec<Limit>> {
    for (setting, limits, those) in [("tool_concurrency", &tools, "run"), ("resource", &resources, "run that needs it")]
    {
        if let Some((name, _)) = limits.iter().find(|(_, units)| **units == 0) {
            return Err(configuration(&format!(
                "`.{setting}(\"{}\", 0)` would let no call {those}; expected at least 1, or none for no limit",
                name.escape_debug()
            )));
        }
    }
    if let Some((name, units)) = resources.iter().find(|(_, units)| **units > MOST_UNITS) {
        return Err(configuration(&format!(
            "`.resource(\"{}\", {units})` is more than can be counted; expected 1 to {MOST_UNITS}, in larger units",
            name.escape_debug()
        )));
    }
    let tools = tools.into_iter().map(|(tool, units)| Limit { of: Limited::Tool(tool), units: units.min(MOST_UNITS) });
    Ok(tools.chain(resources.into_iter().map(|(name, units)| Limit { of: Limited::Resource(name), units })).collect())
}

/// How far a pool of `least` workers grows, if it does.
pub(super) fn scaling(least: usize, most: Option<usize>, idle_timeout: Duration) -> Result<Option<Scaling>> {
    match most {
        Some(most) if most < least.max(1) => Err(configuration(&format!(
            "`.max_workers({most})`: expected at least {}, the number of workers",
            least.max(1)
        ))),
        most => Ok(most.map(|most| Scaling { least, most, idle_timeout })),
    }
}

/// Refuses limits under which nothing would work, or a limit would be none.
pub(super) fn check_limits(limits: &Limits) -> Result<()> {
    let checks: [(&str, u64, RangeInclusive<u64>, &str); 6] = [
        // A fragment of a large body, or the list of a worker's tools, has to fit; a length is 32 bits.
        ("frame", limits.frame, 128 * KIB..=GIB, "bytes"),
        // The manifest is a body too.
        ("body", limits.body, 64 * KIB..=1024 * GIB, "bytes"),
        // Decoders recurse: each level takes its part of a thread's stack.
        ("depth", limits.depth, 16..=256, "levels"),
        ("items", limits.items, 10_000..=GIB, "values"),
        ("window", limits.window, WINDOWS, "bytes"),
        ("calls", limits.calls, 1..=1_000_000, "calls"),
    ];
    for (name, value, range, unit) in checks {
        if !range.contains(&value) {
            return Err(configuration(&format!(
                "`.limits(Limits {{ {name}: {value}, .. }})`: expected {} to {} {unit}",
                range.start(),
                range.end()
            )));
        }
    }
    Ok(())
}

/// Refuses a time or a number that is 0, under which nothing would be done at all, or everything over and over.
pub(super) fn check_not_zero(settings: &[(&str, bool)]) -> Result<()> {
    match settings.iter().find(|(_, is_zero)| *is_zero) {
        Some((name, _)) => {
            Err(configuration(&format!("`.{name}(..)` is 0: expected more than that; leave it out for the default")))
        }
        None => Ok(()),
    }
}

/// Refuses words that the operating system cannot pass to a process.
pub(super) fn check_words<'a>(setting: &str, words: impl IntoIterator<Item = &'a OsStr>) -> Result<()> {
    match words.into_iter().find(|word| word.as_encoded_bytes().contains(&0)) {
        Some(word) => {
            Err(configuration(&format!("`.{setting}(..)`: `{}` has a zero byte in it", shown(&word.to_string_lossy()))))
        }
        None => Ok(()),
    }
}

/// Refuses names that no variable can have. Values may be secrets, and are not shown.
pub(super) fn check_environment(environment: &Environment) -> Result<()> {
    let is_name =
        |name: &OsStr| !name.is_empty() && !name.as_encoded_bytes().iter().any(|byte| matches!(byte, 0 | b'='));
    if let Some(name) = environment.set.keys().chain(&environment.passed).find(|name| !is_name(name)) {
        return Err(configuration(&format!(
            "`.env(..)` or `.pass_env(..)`: `{}` is no name of a variable: expected one without `=` and zero bytes",
            shown(&name.to_string_lossy())
        )));
    }
    match environment.set.iter().find(|(_, value)| value.as_encoded_bytes().contains(&0)) {
        Some((name, _)) => {
            let name = shown(&name.to_string_lossy());
            Err(configuration(&format!("`.env(\"{name}\", ..)`: the value has a zero byte in it")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bounds_nothing_or_everything_is_refused_and_a_tool_comes_before_what_is_shared() {
        let one = |name: &str, units| BTreeMap::from([(name.to_owned(), units)]);
        let refused = |tools, resources| checked_limits(tools, resources).unwrap_err().to_string();
        let error = refused(one("t", 0), BTreeMap::new());
        assert!(error.contains("`.tool_concurrency(\"t\", 0)`") && error.contains("at least 1"), "{error}");
        let error = refused(BTreeMap::new(), one("gpu", 0));
        assert!(error.contains("`.resource(\"gpu\", 0)`") && error.contains("at least 1"), "{error}");
        let error = refused(BTreeMap::new(), one("gpu", MOST_UNITS + 1));
        assert!(error.contains("`.resource(\"gpu\", 1000000000001)`") && error.contains("larger units"), "{error}");
        let limits = checked_limits(one("t", usize::MAX), one("gpu", MOST_UNITS)).unwrap();
        let limits: Vec<_> = limits.into_iter().map(|limit| (limit.of, limit.units)).collect();
        let (tool, gpu) = (Limited::Tool("t".into()), Limited::Resource("gpu".into()));
        assert_eq!(limits, [(tool, MOST_UNITS), (gpu, MOST_UNITS)]);
    }

    #[test]
    fn the_defaults_make_sense_and_each_nonsense_is_named() {
        let good = Limits::default();
        check_limits(&good).unwrap();
        let bad = [
            ("frame: 0", Limits { frame: 0, ..good }),
            ("frame: 4294967296", Limits { frame: 1 << 32, ..good }),
            ("body: 1,", Limits { body: 1, ..good }),
            ("depth: 1000", Limits { depth: 1000, ..good }),
            ("items: 0", Limits { items: 0, ..good }),
            ("window: 0", Limits { window: 0, ..good }),
            ("calls: 0", Limits { calls: 0, ..good }),
        ];
        for (named, limits) in bad {
            let message = check_limits(&limits).unwrap_err().to_string();
            assert!(message.contains(named) && message.contains("expected"), "`{named}` in: {message}");
        }
    }
}
