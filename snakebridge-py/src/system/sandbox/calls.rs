//! System calls, by seccomp: what no tool needs is answered with `EPERM`. A list of what is denied, not of what is allowed:
//! Python's libraries make so many different calls that a list of those would break with the next of them.

use std::collections::BTreeMap;

use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};

use super::Restrictions;

/// Looking into other processes, and into the kernel.
const TRACING: [i64; 8] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_perf_event_open,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
];
/// Changing what the file system looks like, and opening files past their paths.
const MOUNTS: [i64; 14] = [
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_fanotify_init,
];
/// Administering the system.
const ADMINISTRATION: [i64; 16] = [
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];
/// Keys and shared memory of the user's other programs, other namespaces, and a queue that makes system calls past this
/// filter.
const OTHERS: [i64; 13] = [
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];
#[cfg(target_arch = "x86_64")]
const OF_THIS_MACHINE: [i64; 3] = [libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt];
#[cfg(not(target_arch = "x86_64"))]
const OF_THIS_MACHINE: [i64; 0] = [];
/// Changing what is beside a file's content, which Landlock does not know. Copying a file needs it, too.
const ATTRIBUTES: [i64; 11] = [
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];
/// The number of fchmodat2(2), the same on every machine.
const FCHMODAT2: i64 = 452;
#[cfg(target_arch = "x86_64")]
const OLD_ATTRIBUTES: [i64; 6] =
    [libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat];
#[cfg(not(target_arch = "x86_64"))]
const OLD_ATTRIBUTES: [i64; 0] = [];
#[cfg(target_arch = "x86_64")]
const FORKS: [i64; 2] = [libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const FORKS: [i64; 0] = [];
/// Flags of clone(2) that make a namespace. `CLONE_NEWTIME` is none of them: that bit is a signal there.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];
/// The bits of a socket's type that are not flags.
const SOCKET_TYPE: u64 = 0xf;

/// Which calls are denied: always where there are no rules, else where one of them fits.
type Denied = BTreeMap<i64, Vec<SeccompRule>>;

/// Denies what the restrictions do not leave, on all threads and for good.
pub(super) fn deny(restrictions: &Restrictions) -> Result<(), String> {
    // Its flags are in memory, where no filter can see them. C libraries that are told it is not there use clone(2).
    install([(libc::SYS_clone3, Vec::new())].into(), libc::ENOSYS)?;
    install(denied(restrictions)?, libc::EPERM)
}

fn denied(restrictions: &Restrictions) -> Result<Denied, String> {
    let always = TRACING.iter().chain(&MOUNTS).chain(&ADMINISTRATION).chain(&OTHERS).chain(&OF_THIS_MACHINE);
    let mut denied: Denied = always.map(|&call| (call, Vec::new())).collect();
    let mut clone = Vec::new();
    for flag in NAMESPACES {
        let flag = u64::from(flag.unsigned_abs());
        clone.push(masked(0, flag, flag)?);
    }
    if restrictions.processes == Some(0) {
        clone.push(masked(0, u64::from(libc::CLONE_THREAD.unsigned_abs()), 0)?);
        denied.extend(FORKS.map(|call| (call, Vec::new())));
    }
    denied.insert(libc::SYS_clone, clone);
    if restrictions.writable.is_empty() {
        denied.extend(ATTRIBUTES.iter().chain(&OLD_ATTRIBUTES).map(|&call| (call, Vec::new())));
        denied.insert(FCHMODAT2, Vec::new());
    }
    // Limits of its own only, not of the host's.
    denied.insert(libc::SYS_prlimit64, vec![rule(0, SeccompCmpOp::Ne, 0)?]);
    if !restrictions.network {
        for call in [libc::SYS_socket, libc::SYS_connect, libc::SYS_bind] {
            denied.insert(call, Vec::new());
        }
        // A pair that knows no connection could be sent anywhere from; event loops use the other kind.
        let datagrams = u64::from(libc::SOCK_DGRAM.unsigned_abs());
        denied.insert(libc::SYS_socketpair, vec![masked(1, SOCKET_TYPE, datagrams)?]);
    }
    Ok(with_x32(denied))
}

/// A rule that fits where the bits `mask` of the argument are `value`.
fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, String> {
    rule(argument, SeccompCmpOp::MaskedEq(mask), value)
}

fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, String> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|error| format!("a rule for system calls: {error}"))
}

/// The same for the x32 numbers of the same calls, which some kernels for x86-64 take beside their own: with this bit, or
/// from 512 on with it.
#[cfg(target_arch = "x86_64")]
fn with_x32(mut denied: Denied) -> Denied {
    const BIT: i64 = 0x4000_0000;
    let same: Vec<_> = denied.iter().map(|(call, rules)| (call | BIT, rules.clone())).collect();
    denied.extend(same);
    denied.extend((512..=547).map(|call| (call | BIT, Vec::new())));
    denied
}

#[cfg(not(target_arch = "x86_64"))]
fn with_x32(denied: Denied) -> Denied {
    denied
}

/// Installs a filter that answers what is denied with `error`, and ends a process that calls as another machine would.
fn install(denied: Denied, error: libc::c_int) -> Result<(), String> {
    let machine = std::env::consts::ARCH;
    let action = SeccompAction::Errno(error.unsigned_abs());
    let program = machine
        .try_into()
        .and_then(|machine| SeccompFilter::new(denied, SeccompAction::Allow, action, machine))
        .and_then(seccompiler::BpfProgram::try_from)
        .map_err(|error| format!("a filter of system calls for {machine}: {error}"))?;
    apply_filter_all_threads(&program)
        .map_err(|error| format!("this kernel cannot restrict system calls (seccomp): {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restrictions(network: bool, processes: Option<u64>) -> Restrictions {
        Restrictions {
            readable: None,
            writable: Vec::new(),
            network,
            memory: None,
            file_size: None,
            processes,
            open_files: None,
            cpu_seconds: None,
        }
    }

    #[test]
    fn sockets_and_forks_are_denied_only_where_that_is_asked_for() {
        let strict = denied(&restrictions(false, Some(0))).unwrap();
        let loose = denied(&restrictions(true, None)).unwrap();
        assert!(strict.contains_key(&libc::SYS_socket) && !loose.contains_key(&libc::SYS_socket));
        assert_eq!(strict[&libc::SYS_clone].len(), loose[&libc::SYS_clone].len() + 1);
        for denied in [strict, loose] {
            assert!(denied[&libc::SYS_ptrace].is_empty() && denied[&libc::SYS_mount].is_empty(), "without condition");
            assert!(!denied.contains_key(&libc::SYS_read) && !denied.contains_key(&libc::SYS_execve));
        }
    }
}
