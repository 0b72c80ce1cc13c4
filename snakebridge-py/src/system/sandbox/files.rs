//! Files, by Landlock.

use std::path::{Path, PathBuf};

use super::Restrictions;
use super::landlock::{Access, Ruleset};

/// Where the system keeps what a program reads: libraries, certificates, time zones, its own process.
const SYSTEM: [&str; 9] =
    ["/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys/devices/system", "/dev/urandom", "/dev/zero"];
/// What is written into and keeps nothing.
const NOWHERE: &str = "/dev/null";

/// From now on only what the restrictions leave can be opened. What is open stays so.
pub(super) fn restrict(restrictions: &Restrictions, needed: &[PathBuf]) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("this kernel cannot restrict files (Landlock): {error}");
    let ruleset = Ruleset::new().map_err(|error| failed(&error))?;
    let allow =
        |path: &Path, access| ruleset.allow(path, access).map_err(|error| format!("`{}`: {error}", path.display()));
    allow(Path::new(NOWHERE), Access::ALL)?;
    match &restrictions.readable {
        None => allow(Path::new("/"), Access::READ)?,
        Some(readable) => {
            // Not every system has them all, nor is every entry of a module path there.
            let needed = SYSTEM.iter().map(Path::new).chain(needed.iter().map(PathBuf::as_path));
            for path in needed.filter(|path| path.exists()) {
                allow(path, Access::READ)?;
            }
            for path in readable {
                allow(path, Access::READ)?;
            }
        }
    }
    for path in &restrictions.writable {
        allow(path, Access::ALL)?;
    }
    ruleset.restrict_thread().map_err(|error| failed(&error))
}
