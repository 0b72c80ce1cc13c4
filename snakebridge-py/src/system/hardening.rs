//! What a worker gives up before it runs anybody's code.

use rustix::process::{Pid, Resource, Rlimit, setrlimit};

use super::exit;

/// Ties the worker's life to its host's and takes away what no tool needs. `parent` is the process that the host said it
/// is; where the parent is another one, the host died before the signal was armed, and this worker ends at once.
pub(crate) fn arm(parent: Option<i32>) {
    #[cfg(target_os = "linux")]
    {
        super::orphans::arm(parent);
        // Refuses only what is no flag.
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
    // A core dump would write callers' arguments to a disk. Not 0, which does not bind a program that dumps are piped to:
    // the kernel takes 1 as a sign that there is to be none at all, and no dump fits it.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(1), maximum: Some(1) });
}

/// Has the end of the host end this process also while it is stopped. Called by a thread that lasts as long as the process.
pub(crate) fn watch_while_stopped() {
    #[cfg(target_os = "linux")]
    super::orphans::go_on_when_the_host_dies();
}

/// Lets the kernel deliver the calling thread's timers a little late, together with others: saves wake-ups.
pub(crate) fn relax_timers() {
    #[cfg(target_os = "linux")]
    {
        const SLACK_NANOSECONDS: u64 = 200_000;
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(SLACK_NANOSECONDS));
    }
}
