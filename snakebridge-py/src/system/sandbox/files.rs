//! Files, by Landlock: <https://docs.kernel.org/userspace-api/landlock.html>.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::Restrictions;

/// What is required: with the third version (Linux 6.2) a file that may not be written cannot be truncated either.
const REQUIRED: ABI = ABI::V3;
/// Where the system keeps what a program reads: libraries, certificates, time zones, its own process.
const SYSTEM: [&str; 9] =
    ["/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys/devices/system", "/dev/urandom", "/dev/zero"];
/// What is written into and keeps nothing.
const NOWHERE: &str = "/dev/null";

/// From now on only what the restrictions leave can be opened. What is open stays so.
pub(super) fn restrict(restrictions: &Restrictions, needed: &[PathBuf]) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("this kernel cannot restrict files (Landlock): {error}");
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(REQUIRED))
        .map_err(|error| failed(&error))?
        // Signals to processes outside: from Linux 6.12 on.
        .set_compatibility(CompatLevel::BestEffort)
        .scope(Scope::Signal)
        .and_then(Ruleset::create)
        .map_err(|error| failed(&error))?
        .set_compatibility(CompatLevel::HardRequirement);

    let (read, all) = (AccessFs::from_read(REQUIRED), AccessFs::from_all(REQUIRED));
    let mut ruleset = allow(ruleset, Path::new(NOWHERE), all)?;
    match &restrictions.readable {
        None => ruleset = allow(ruleset, Path::new("/"), read)?,
        Some(readable) => {
            // Not every system has them all, nor is every entry of a module path there.
            let needed = SYSTEM.iter().map(Path::new).chain(needed.iter().map(PathBuf::as_path));
            for path in needed.filter(|path| path.exists()) {
                ruleset = allow(ruleset, path, read)?;
            }
            for path in readable {
                ruleset = allow(ruleset, path, read)?;
            }
        }
    }
    for path in &restrictions.writable {
        ruleset = allow(ruleset, path, all)?;
    }
    let status = ruleset.restrict_self().map_err(|error| failed(&error))?;
    match status.ruleset {
        // Partly, where signals cannot be kept inside: everything that is required was checked one by one.
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err(failed(&"it is not enforced")),
    }
}

fn allow(ruleset: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, String> {
    let failed = |error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    let opened = PathFd::new(path).map_err(|error| failed(&error))?;
    // A file has no entries that could be listed or made.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(REQUIRED) };
    ruleset.add_rule(PathBeneath::new(opened, access)).map_err(|error| failed(&error))
}
