//! Descriptors: whether this process may have enough of them for so many workers, which is better known before the first
//! call than at the last worker; and how many a worker has.

use rustix::process::{Resource, getrlimit};

use crate::error::{Error, Result, StartFailure};

/// What the host holds of each worker: its stdin, stdout and stderr, the handle by which its end is noticed, and the
/// status page.
const EACH: u64 = 5;
/// For everything else, the other ends of the pipes of workers that are being started among it.
const REST: u64 = 64;

/// Refuses more workers than this process has descriptors for.
pub(crate) fn check(workers: usize) -> Result<()> {
    // No limit is no limit.
    getrlimit(Resource::Nofile).current.map_or(Ok(()), |limit| check_against(limit, workers))
}

fn check_against(limit: u64, workers: usize) -> Result<()> {
    let needed = EACH.saturating_mul(workers as u64).saturating_add(REST);
    if needed <= limit {
        return Ok(());
    }
    let message = format!(
        "{workers} workers need {needed} open files ({EACH} each, and {REST} for all else), and this process may have \
         {limit}: raise that (`ulimit -n`, RLIMIT_NOFILE), or have fewer workers"
    );
    Err(Error::start_failed(StartFailure::Configuration, message))
}

/// How many descriptors a process has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptors {
    pub(crate) open: u64,
    /// How many it may have open.
    pub(crate) limit: u64,
}

/// Those of process `pid`. `None` when there is no such process, or nobody may look.
pub(crate) fn of(pid: u32) -> Option<Descriptors> {
    let folder = format!("/proc/{pid}/fd");
    // Since Linux 6.2 the folder's size is the number; before it was 0.
    let open = match std::fs::metadata(&folder).ok()?.len() {
        0 => std::fs::read_dir(folder).ok()?.count() as u64,
        open => open,
    };
    let limit = soft_limit(&std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?)?;
    Some(Descriptors { open, limit })
}

/// The first of two numbers behind the name: the limit, and how far the process may raise it.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_some_files_open_and_a_limit() {
        let held = of(std::process::id()).unwrap();
        assert!(held.open >= 3 && Some(held.limit) == getrlimit(Resource::Nofile).current, "{held:?}");
        assert_eq!(of(u32::MAX), None);
        assert_eq!(
            soft_limit("Max open files            1024                 4096                 files     \n"),
            Some(1024)
        );
    }

    #[test]
    fn each_worker_takes_five_descriptors_and_the_rest_sixty_four() {
        assert!(check_against(1024, 192).is_ok());
        let message = check_against(1024, 193).unwrap_err().to_string();
        assert!(message.contains("193 workers need 1029 open files") && message.contains("1024"), "{message}");
        assert!(check_against(u64::MAX - 1, usize::MAX).is_err(), "and nothing overflows");
    }
}
