//! What the end of a worker means: its exit status, the kernel's count of kills for want of memory, and its last words.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Crash, Exit};

/// What the drivers and runtimes of GPUs say when they fail, in words that ordinary output does not have.
const GPU_FAILURES: [&str; 8] = [
    "CUDA error",
    "CUDA out of memory",
    "CUDA driver error",
    "cudaError",
    "CUBLAS_STATUS_",
    "CUDNN_STATUS_",
    "HIP error",
    "NCCL error",
];

/// The exit code by which a shell tells that its child was killed by SIGKILL.
const KILLED_CHILD: i32 = 137;

/// Classifies an end. `by_host`: the host had decided to end it. `out_of_memory`: whether the kernel has killed somebody
/// for want of memory meanwhile; asked only where it matters.
pub(super) fn classify(exit: Exit, by_host: bool, out_of_memory: impl FnOnce() -> bool, last_words: &str) -> Crash {
    let gpu = || GPU_FAILURES.iter().any(|failure| last_words.contains(failure));
    match exit {
        _ if by_host => Crash::Ended,
        Exit::Unknown => Crash::Unknown,
        Exit::Signal(9) | Exit::Code(KILLED_CHILD) => {
            if out_of_memory() {
                Crash::OutOfMemory
            } else {
                Crash::Killed
            }
        }
        // A runtime that loses its device aborts or exits, and sometimes stumbles on into nowhere.
        Exit::Signal(6 | 7 | 11) | Exit::Code(1..) if gpu() => Crash::Gpu,
        Exit::Signal(7 | 11) => Crash::Segfault,
        Exit::Signal(6) => Crash::Abort,
        Exit::Signal(4 | 5 | 8) => Crash::IllegalInstruction,
        Exit::Signal(24) => Crash::ProcessorTime,
        Exit::Signal(_) => Crash::Killed,
        Exit::Code(_) => Crash::Exited,
    }
}

/// Kills for want of memory that belong to some worker's end already, or were before the first worker started.
static ACCOUNTED: AtomicU64 = AtomicU64::new(NOT_COUNTED);
const NOT_COUNTED: u64 = u64::MAX;

/// Begins to count, if nobody has: what was killed before the first worker is nobody's here.
pub(super) fn count_kills() {
    if ACCOUNTED.load(Ordering::Relaxed) == NOT_COUNTED {
        let kills = kills_for_memory(read).unwrap_or(NOT_COUNTED);
        let _ = ACCOUNTED.compare_exchange(NOT_COUNTED, kills, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Whether the kernel has killed somebody for want of memory whom nobody has claimed yet; claims one.
pub(super) fn claim_kill() -> bool {
    let Some(kills) = kills_for_memory(read) else { return false };
    let claim = |accounted| (accounted < kills).then_some(accounted + 1);
    ACCOUNTED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).is_ok()
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// How often the kernel has killed a process of our control group for want of memory, or of the whole machine where the
/// group does not count. Workers are in the group of the process that starts them.
fn kills_for_memory(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    // Lines are `hierarchy:controllers:path`; of the second version there is one, without controllers.
    let counters = groups.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        match controllers {
            "" => Some(format!("/sys/fs/cgroup{path}/memory.events")),
            "memory" => Some(format!("/sys/fs/cgroup/memory{path}/memory.oom_control")),
            _ => None,
        }
    });
    counters.chain(["/proc/vmstat".to_owned()]).find_map(|counter| oom_kills(&read(&counter)?))
}

/// The line `oom_kill N`.
fn oom_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn of(exit: Exit) -> Crash {
        classify(exit, false, || false, "")
    }

    #[test]
    fn each_signal_has_its_meaning_and_an_exit_is_a_crash_whatever_its_code() {
        for (signal, crash) in [
            (11, Crash::Segfault),
            (7, Crash::Segfault),
            (6, Crash::Abort),
            (4, Crash::IllegalInstruction),
            (8, Crash::IllegalInstruction),
            (9, Crash::Killed),
            (15, Crash::Killed),
            (24, Crash::ProcessorTime),
        ] {
            assert_eq!(of(Exit::Signal(signal)), crash, "signal {signal}");
        }
        for code in [0, 1, 3, -1] {
            assert_eq!(of(Exit::Code(code)), Crash::Exited, "code {code}");
        }
        assert_eq!(of(Exit::Unknown), Crash::Unknown);
    }

    #[test]
    fn what_the_host_ended_is_nobodys_crash() {
        assert_eq!(classify(Exit::Signal(9), true, || unreachable!("not asked"), "CUDA error"), Crash::Ended);
    }

    #[test]
    fn a_kill_is_for_want_of_memory_only_when_the_kernel_has_counted_one() {
        for exit in [Exit::Signal(9), Exit::Code(137)] {
            assert_eq!(classify(exit, false, || true, ""), Crash::OutOfMemory, "{exit}");
            assert_eq!(classify(exit, false, || false, ""), Crash::Killed, "{exit}");
        }
        assert_eq!(classify(Exit::Signal(11), false, || unreachable!("not asked"), ""), Crash::Segfault);
    }

    #[test]
    fn the_last_words_of_a_lost_gpu_are_recognised_and_others_are_not() {
        let words = "RuntimeError: CUDA error: an illegal memory access was encountered\n";
        for exit in [Exit::Signal(6), Exit::Signal(11), Exit::Code(1)] {
            assert_eq!(classify(exit, false, || false, words), Crash::Gpu, "{exit}");
        }
        assert_eq!(classify(Exit::Signal(6), false, || false, "using CUDA device 0\n"), Crash::Abort);
        assert_eq!(classify(Exit::Code(0), false, || false, words), Crash::Exited, "it left in good order");
    }

    #[test]
    fn kills_are_counted_by_the_control_group_of_either_version_and_else_by_the_machine() {
        let counted = |files: &[(&str, &str)]| {
            let files: HashMap<&str, &str> = files.iter().copied().collect();
            kills_for_memory(|path| files.get(path).map(|&text| text.to_owned()))
        };
        let vmstat = ("/proc/vmstat", "nr_free_pages 5\noom_kill 40\n");
        let second = [
            ("/proc/self/cgroup", "0::/system.slice/app.service\n"),
            ("/sys/fs/cgroup/system.slice/app.service/memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
            vmstat,
        ];
        assert_eq!(counted(&second), Some(2));
        let first = [
            ("/proc/self/cgroup", "9:name=systemd:/\n4:memory:/docker/abc\n0::/\n"),
            ("/sys/fs/cgroup/memory/docker/abc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"),
            vmstat,
        ];
        assert_eq!(counted(&first), Some(7));
        assert_eq!(counted(&[vmstat]), Some(40));
        assert_eq!(counted(&[]), None);
    }
}
