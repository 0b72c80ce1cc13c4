//! How much memory a process holds.

/// The proportional share of process `pid` in bytes: what is its own, and of what it shares with others its part. `None`
/// when there is no such process, or nobody may look.
pub(crate) fn proportional(pid: u32) -> Option<u64> {
    share(&std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?)
}

/// `Pss` and `SwapPss` of the kernel's summary.
fn share(summary: &str) -> Option<u64> {
    let kibibytes = |name: &str| {
        let line = summary.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    // Kernels without swap have no line for it.
    Some((kibibytes("Pss")? + kibibytes("SwapPss").unwrap_or(0)) << 10)
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
}
