//! How much memory a process holds, and how much is left.

/// The proportional share of process `pid` in bytes: what is its own, and of what it shares with others its part. `None`
/// when there is no such process, or nobody may look.
pub(crate) fn proportional(pid: u32) -> Option<u64> {
    share(&std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?)
}

/// The line `name: N kB` of one of the kernel's summaries.
fn kibibytes(summary: &str, name: &str) -> Option<u64> {
    let line = summary.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// `Pss` and `SwapPss` of the kernel's summary.
fn share(summary: &str) -> Option<u64> {
    // Kernels without swap have no line for it.
    Some((kibibytes(summary, "Pss")? + kibibytes(summary, "SwapPss").unwrap_or(0)) << 10)
}

/// How many bytes this process and its workers may still use: what the machine has left, or a control group that this
/// process is in, if that is less. `None` where nobody can tell.
pub(crate) fn left() -> Option<u64> {
    left_by(|path| std::fs::read_to_string(path).ok())
}

fn left_by(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let machine = read("/proc/meminfo").and_then(|summary| Some(kibibytes(&summary, "MemAvailable")? << 10));
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    // Lines are `hierarchy:controllers:path`; of the second version there is one, without controllers. Groups further up
    // may have less, and are seen only from outside of a container.
    let limited = groups.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (folder, limit, usage, idle) = match controllers {
            "" => (format!("/sys/fs/cgroup{path}"), "memory.max", "memory.current", "inactive_file "),
            "memory" => {
                let folder = format!("/sys/fs/cgroup/memory{path}");
                (folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
            }
            _ => return None,
        };
        // Without a limit it says `max`, or a number beyond all machines.
        let number = |name: &str| read(&format!("{folder}/{name}"))?.trim().parse::<u64>().ok();
        let statistics = read(&format!("{folder}/memory.stat")).unwrap_or_default();
        // Files that are only kept because there is room make room for others.
        let given_back = statistics.lines().find_map(|line| line.strip_prefix(idle)?.trim().parse().ok()).unwrap_or(0);
        Some(number(limit)?.saturating_sub(number(usage)?.saturating_sub(given_back)))
    });
    limited.chain(machine).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_in_memory_and_in_swap_are_added_and_lines_of_similar_names_are_not() {
        let summary = "55e4845dc000-7fff29242000 ---p 00000000 00:00 0   [rollup]\n\
                       Rss:                1808 kB\nPss:                 238 kB\nPss_Dirty:           116 kB\n\
                       Swap:                 90 kB\nSwapPss:               2 kB\n";
        assert_eq!(share(summary), Some(240 << 10));
        assert_eq!(share("Pss:  1 kB\n"), Some(1 << 10));
        assert_eq!(share(""), None);
    }

    #[test]
    fn this_process_holds_something_and_one_that_is_not_there_nothing() {
        assert!(proportional(std::process::id()).is_some_and(|bytes| bytes > 100_000));
        assert_eq!(proportional(u32::MAX), None);
    }

    #[test]
    fn what_is_left_is_what_the_machine_or_the_control_group_has_whichever_is_less() {
        let files = |files: &'static [(&str, &str)]| {
            left_by(|path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned()))
        };
        assert_eq!(files(&[]), None);
        let machine = files(&[("/proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")]);
        assert_eq!(machine, Some(4000 << 10));
        let second = files(&[
            ("/proc/meminfo", "MemAvailable:    4000 kB\n"),
            ("/proc/self/cgroup", "0::/a/b\n"),
            ("/sys/fs/cgroup/a/b/memory.max", "1000000\n"),
            ("/sys/fs/cgroup/a/b/memory.current", "900000\n"),
            ("/sys/fs/cgroup/a/b/memory.stat", "anon 5\ninactive_file 50000\n"),
        ]);
        assert_eq!(second, Some(150_000));
        let unlimited = files(&[
            ("/proc/meminfo", "MemAvailable:    4000 kB\n"),
            ("/proc/self/cgroup", "0::/\n"),
            ("/sys/fs/cgroup/memory.max", "max\n"),
        ]);
        assert_eq!(unlimited, Some(4000 << 10));
        let first = files(&[
            ("/proc/self/cgroup", "7:pids:/x\n4:memory:/x\n"),
            ("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "5000\n"),
            ("/sys/fs/cgroup/memory/x/memory.usage_in_bytes", "9000\n"),
        ]);
        assert_eq!(first, Some(0));
        assert!(left().is_some_and(|bytes| bytes > 1 << 20), "this machine has some");
    }
}
