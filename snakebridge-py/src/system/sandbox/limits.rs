//! Resources, by the limits of the process.

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Restrictions;

/// Sets what the restrictions name.
pub(super) fn set(restrictions: &Restrictions) -> Result<(), String> {
    let processes = restrictions.processes.filter(|&number| number > 0).map(more_processes).transpose()?;
    let limits = [
        ("memory", Resource::As, restrictions.memory, 0),
        ("file_size", Resource::Fsize, restrictions.file_size, 0),
        ("processes", Resource::Nproc, processes, 0),
        ("open_files", Resource::Nofile, restrictions.open_files, 0),
        // At the first the kernel sends SIGXCPU, which ends the worker unless a tool catches it; then SIGKILL.
        ("cpu_time", Resource::Cpu, restrictions.cpu_seconds, 1),
    ];
    for (name, resource, limit, beyond) in limits {
        let Some(limit) = limit else { continue };
        let limits = Rlimit { current: Some(limit), maximum: Some(limit.saturating_add(beyond)) };
        setrlimit(resource, limits).map_err(|error| format!("`{name}({limit})`: {error}"))?;
    }
    Ok(())
}

/// The kernel's limit is for all that a user runs: what runs now, and `number` more.
fn more_processes(number: u64) -> Result<u64, String> {
    let user = rustix::process::getuid();
    if user.is_root() {
        return Err(format!(
            "`processes({number})`: the kernel does not count what root starts; run the host as another user, or say \
             `processes(0)`, which takes starting processes away"
        ));
    }
    let failed = |error: std::io::Error| format!("`processes({number})`: cannot count what runs in /proc: {error}");
    let mut running = 0;
    for entry in std::fs::read_dir("/proc").map_err(failed)? {
        use std::os::unix::fs::MetadataExt;
        let process = entry.map_err(failed)?;
        // One that has ended meanwhile has no threads; files have none either.
        if process.metadata().is_ok_and(|metadata| metadata.uid() == user.as_raw())
            && let Ok(threads) = std::fs::read_dir(process.path().join("task"))
        {
            running += threads.count() as u64;
        }
    }
    Ok(running.saturating_add(number))
}
