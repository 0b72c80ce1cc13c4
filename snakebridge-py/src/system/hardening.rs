//! What a worker gives up before it runs anybody's code.

use rustix::process::{Pid, Resource, Rlimit, setrlimit};

use super::exit;

/// Ties the worker's life to its host's and takes away what no tool needs. `parent` is the process that the host said it
/// is; where the parent is another one, the host died before the signal was armed, and this worker ends at once.
pub(crate) fn arm(parent: Option<i32>) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        // Both refuse only what is no signal and no flag.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        let _ = rustix::thread::set_no_new_privs(true);
    }
    if let Some(expected) = parent {
        let actual = Pid::as_raw(rustix::process::getppid());
        if actual != expected {
            exit::because(
                exit::HOST_GONE,
                format_args!("the host was process {expected}, the parent is process {actual}: the host has died"),
            );
        }
    }
    // A core dump would write callers' arguments to a disk.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Lets the kernel deliver the calling thread's timers a little late, together with others: saves wake-ups.
pub(crate) fn relax_timers() {
    #[cfg(target_os = "linux")]
    {
        const SLACK_NANOSECONDS: u64 = 200_000;
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(SLACK_NANOSECONDS));
    }
}
