//! A worker's environment variables: an allow-list, and what the host's program names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::wire::Limits;

/// Variables that every worker gets from the host. Nothing else is passed on: a host's secrets are not its workers'.
const INHERITED: [&str; 8] = ["PATH", "HOME", "LANG", "LANGUAGE", "TMPDIR", "TZ", "VIRTUAL_ENV", "USER"];

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
    pub(super) fn variables(&self, nonce: &str, limits: &Limits) -> Vec<(OsString, OsString)> {
        let allowed = |name: &OsStr| {
            name.to_str().is_some_and(|name| INHERITED.contains(&name) || name.starts_with("LC_"))
                || self.passed.iter().any(|passed| passed == name)
        };
        let mut variables: BTreeMap<OsString, OsString> =
            std::env::vars_os().filter(|(name, _)| allowed(name)).collect();
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
            .variables("nonce", &Limits::default())
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
}
