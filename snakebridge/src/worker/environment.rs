//! A worker's environment variables: an allow-list, and what the host's program names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::Profile;
use crate::wire::Limits;

/// Variables that every worker gets from the host. Nothing else is passed on: a host's secrets are not its workers'.
const INHERITED: [&str; 8] = ["PATH", "HOME", "LANG", "LANGUAGE", "TMPDIR", "TZ", "VIRTUAL_ENV", "USER"];

/// How many threads numerical libraries may use, each for itself. A worker that runs one call at a time has one core's
/// work; with as many threads as cores in each of as many workers as cores, they would only get in each other's way. And a
/// process with threads cannot be forked safely.
const LIBRARY_THREADS: [&str; 6] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
];

/// What a worker gets beside the allow-list.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    /// Names to pass on from the host.
    pub passed: Vec<OsString>,
    /// Variables to set.
    pub set: BTreeMap<OsString, OsString>,
}

impl std::fmt::Debug for Environment {
    /// Names alone: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let set: Vec<_> = self.set.keys().collect();
        f.debug_struct("Environment").field("passed", &self.passed).field("set", &set).finish()
    }
}

impl Environment {
    /// All variables of a worker launched with `nonce`, which is to accept as much as this side does. (Its HELLO crosses
    /// ours, so it cannot learn that from there.)
    pub(super) fn variables(&self, nonce: &str, limits: &Limits, profile: Profile) -> Vec<(OsString, OsString)> {
        let allowed = |name: &OsStr| {
            name.to_str().is_some_and(|name| INHERITED.contains(&name) || name.starts_with("LC_"))
                || self.passed.iter().any(|passed| passed == name)
        };
        let mut variables = BTreeMap::new();
        if profile == Profile::Process {
            variables.extend(LIBRARY_THREADS.map(|name| (name.into(), "1".into())));
        }
        variables.extend(std::env::vars_os().filter(|(name, _)| allowed(name)));
        variables.extend(self.set.iter().map(|(name, value)| (name.clone(), value.clone())));
        variables.insert("SNAKEBRIDGE_NONCE".into(), nonce.into());
        variables.insert("SNAKEBRIDGE_PARENT_PID".into(), std::process::id().to_string().into());
        let Limits { frame, body, depth, items, window, calls } = limits;
        variables
            .insert("SNAKEBRIDGE_LIMITS".into(), format!("{frame},{body},{depth},{items},{window},{calls}").into());
        variables.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_named_and_set_variables_reach_a_worker() {
        let environment =
            Environment { passed: vec!["CARGO_MANIFEST_DIR".into()], set: [("MY_KEY".into(), "v".into())].into() };
        let names: Vec<String> = environment
            .variables("nonce", &Limits::default(), Profile::Process)
            .into_iter()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        for expected in [
            "PATH",
            "MY_KEY",
            "CARGO_MANIFEST_DIR",
            "SNAKEBRIDGE_NONCE",
            "SNAKEBRIDGE_LIMITS",
            "SNAKEBRIDGE_PARENT_PID",
        ] {
            assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
        }
        assert!(!names.iter().any(|name| name == "CARGO_PKG_NAME"), "the host's other variables stay");
    }

    #[test]
    fn numerical_libraries_use_one_thread_where_one_call_runs_at_a_time_unless_they_are_told_otherwise() {
        let mine = Environment { set: [("OMP_NUM_THREADS".into(), "4".into())].into(), ..Environment::default() };
        let threads = |profile, name: &str| {
            let variables = mine.variables("nonce", &Limits::default(), profile);
            variables.into_iter().find(|(found, _)| found == name).and_then(|(_, value)| value.into_string().ok())
        };
        assert_eq!(threads(Profile::Process, "OPENBLAS_NUM_THREADS").as_deref(), Some("1"));
        assert_eq!(threads(Profile::Process, "OMP_NUM_THREADS").as_deref(), Some("4"));
        assert_eq!(threads(Profile::Async, "OPENBLAS_NUM_THREADS"), None);
    }
}
