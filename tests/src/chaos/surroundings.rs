//! This process as the system sees it: descriptors, threads, children, memory.

use std::collections::BTreeSet;

/// What was counted at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) descriptors: usize,
    pub(super) threads: usize,
    /// Living children, by process.
    pub(super) children: BTreeSet<u32>,
    pub(super) zombies: usize,
    /// Resident memory in KiB.
    pub(super) memory: u64,
}

impl Surroundings {
    /// As they are now.
    pub(super) fn now() -> Self {
        let entries = |folder: &str| std::fs::read_dir(folder).map_or(0, Iterator::count);
        let this = std::process::id().to_string();
        let (mut children, mut zombies) = (BTreeSet::new(), 0);
        for pid in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = pid.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // The state follows the program's name, which stands in parentheses and may hold anything.
            let mut fields = status.rsplit(')').next().unwrap_or_default().split_whitespace();
            let (state, parent) = (fields.next(), fields.next());
            if parent == Some(this.as_str()) {
                if state == Some("Z") {
                    zombies += 1;
                } else {
                    children.insert(pid);
                }
            }
        }
        Self {
            descriptors: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            children,
            zombies,
            memory: crate::host_memory("VmRSS"),
        }
    }
}

/// Processes that live and have this in their environment.
pub(super) fn processes_with(variable: &str) -> BTreeSet<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    let has_it = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|entry| entry == variable.as_bytes())
    };
    numbers.filter(has_it).collect()
}
