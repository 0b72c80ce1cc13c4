//! Landlock's three system calls in a safe form: <https://docs.kernel.org/userspace-api/landlock.html>.
//!
//! There is no wrapper of them in the C library, nor in `rustix`. What is here is all that a worker needs of them: rules
//! about files, and the scope of signals. A kernel's version of the interface says what it knows; rights that this module
//! does not name are not handled, so that a newer kernel denies nothing new.
#![expect(unsafe_code, reason = "there is no safe form of Landlock's system calls")]

use std::ffi::{c_int, c_long};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

/// What is required: with the third version (Linux 6.2) a file that may not be written cannot be truncated either.
const REQUIRED: c_long = 3;
/// From this version on (Linux 6.12) signals to processes outside can be forbidden.
const SIGNALS: c_long = 6;

/// `LANDLOCK_CREATE_RULESET_VERSION`: ask for the version, make nothing.
const VERSION: u32 = 1;
/// `LANDLOCK_RULE_PATH_BENEATH`.
const PATH_BENEATH: c_int = 1;
/// `LANDLOCK_SCOPE_SIGNAL`.
const SCOPE_SIGNAL: u64 = 1 << 1;

/// What may be done with a file or a folder, and with everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access(u64);

impl Access {
    const EXECUTE: Self = Self(1 << 0);
    const WRITE_FILE: Self = Self(1 << 1);
    const READ_FILE: Self = Self(1 << 2);
    const READ_FOLDER: Self = Self(1 << 3);
    /// What needs a folder: removing folders and files (4, 5), making devices, folders, files, sockets, pipes and links
    /// (6 to 12), moving between folders (13).
    const CHANGE_FOLDER: Self = Self(((1 << 14) - 1) & !((1 << 4) - 1));
    const TRUNCATE: Self = Self(1 << 14);

    /// Reading and running.
    pub(super) const READ: Self = Self(Self::EXECUTE.0 | Self::READ_FILE.0 | Self::READ_FOLDER.0);
    /// What a file has of it. The kernel refuses a rule about a file that names more.
    const OF_FILES: Self = Self(Self::EXECUTE.0 | Self::WRITE_FILE.0 | Self::READ_FILE.0 | Self::TRUNCATE.0);
    /// Everything that the required version knows: what no rule allows is denied.
    pub(super) const ALL: Self = Self(Self::OF_FILES.0 | Self::READ_FOLDER.0 | Self::CHANGE_FOLDER.0);

    /// What of it the kernel takes in a rule about a folder, or about anything else.
    fn of(self, kind: FileType) -> Self {
        if kind.is_dir() { self } else { Self(self.0 & Self::OF_FILES.0) }
    }
}

/// `struct landlock_ruleset_attr` as of the sixth version. An older kernel takes the longer struct as long as what it does
/// not know is zero.
#[repr(C)]
#[derive(Debug, PartialEq, Eq)]
struct RulesetAttributes {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

impl RulesetAttributes {
    /// What a kernel with this version of the interface is asked for: everything about files, or nothing at all; signals
    /// where it can.
    fn of(version: c_long) -> Result<Self, String> {
        if version < REQUIRED {
            return Err(format!(
                "it has version {version} of the interface, and version {REQUIRED} (Linux 6.2) is required"
            ));
        }
        let scoped = if version >= SIGNALS { SCOPE_SIGNAL } else { 0 };
        Ok(Self { handled_access_fs: Access::ALL.0, handled_access_net: 0, scoped })
    }
}

/// `struct landlock_path_beneath_attr`, which the kernel packs.
#[repr(C, packed)]
struct PathBeneath {
    allowed_access: u64,
    parent_fd: c_int,
}

/// What will be allowed. Nothing is restricted before [`restrict_thread`](Ruleset::restrict_thread).
#[derive(Debug)]
pub(super) struct Ruleset(OwnedFd);

impl Ruleset {
    /// A ruleset that allows nothing yet. Errors say why the kernel cannot do it.
    pub(super) fn new() -> Result<Self, String> {
        let attributes = RulesetAttributes::of(version()?)?;
        // SAFETY: the kernel reads as many bytes of the struct as it has, and keeps no pointer to it.
        let created = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                &raw const attributes,
                size_of::<RulesetAttributes>(),
                0_u32,
            )
        };
        let descriptor = checked(created).map_err(|error| error.to_string())?;
        let descriptor = c_int::try_from(descriptor).map_err(|error| error.to_string())?;
        // SAFETY: the kernel has just made this descriptor (close-on-exec), and nobody else knows its number.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Allows this at `path`, and at everything below it. What is found there now is meant, wherever it is moved to.
    pub(super) fn allow(&self, path: &Path, access: Access) -> io::Result<()> {
        // Found, not opened for reading: a rule needs no right to what it is about.
        let found = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode);
        let rule = PathBeneath { allowed_access: access.of(kind).0, parent_fd: found.as_raw_fd() };
        // SAFETY: both descriptors are open during the call; the kernel reads the struct that this kind of rule has, and
        // keeps no pointer to it.
        let added = unsafe {
            libc::syscall(libc::SYS_landlock_add_rule, self.0.as_raw_fd(), PATH_BENEATH, &raw const rule, 0_u32)
        };
        checked(added).map(|_| ())
    }

    /// Restricts the calling thread, and all threads and processes that it starts, for good.
    pub(super) fn restrict_thread(self) -> io::Result<()> {
        // Without it, a program that runs as another user could be started restricted and be confused by that; the kernel
        // insists on it.
        rustix::thread::set_no_new_privs(true)?;
        // SAFETY: the descriptor is open during the call, and no memory is passed.
        let restricted = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.0.as_raw_fd(), 0_u32) };
        checked(restricted).map(|_| ())
    }
}

/// The version of the interface that the running kernel has, at least 1.
fn version() -> Result<c_long, String> {
    // SAFETY: with this flag the kernel reads no struct, and requires a null pointer and no size.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<RulesetAttributes>(), 0_usize, VERSION)
    };
    checked(version).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOSYS) => "it was built without it, or is older than Linux 5.13".to_owned(),
        Some(libc::EOPNOTSUPP) => {
            "it is switched off: `landlock` is missing in `lsm=` of the kernel's start".to_owned()
        }
        _ => error.to_string(),
    })
}

/// What a system call returned, or the error that it left.
fn checked(returned: c_long) -> io::Result<c_long> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    /// What this kernel says when a thread restricts itself; `None`, with a line about it, where it cannot.
    fn in_restricted_thread<T: Send + 'static>(
        allowed: Vec<(std::path::PathBuf, Access)>,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let ruleset = Ruleset::new().inspect_err(|error| eprintln!("left out: {error}")).ok()?;
        let thread = std::thread::spawn(move || {
            for (path, access) in allowed {
                ruleset.allow(&path, access).unwrap();
            }
            ruleset.restrict_thread().unwrap();
            run()
        });
        Some(thread.join().unwrap())
    }

    fn is_denied<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn the_structs_are_as_long_as_the_kernels() {
        assert_eq!((size_of::<RulesetAttributes>(), size_of::<PathBeneath>()), (24, 12));
    }

    #[test]
    fn rights_are_those_of_the_third_version_and_no_more() {
        assert_eq!(Access::ALL.0, (1 << 15) - 1);
        assert_eq!(Access::READ.0 & Access::ALL.0, Access::READ.0);
        assert_eq!(Access::CHANGE_FOLDER.0.count_ones(), 10);
    }

    #[test]
    fn files_are_required_and_signals_are_kept_inside_where_the_kernel_can() {
        for old in 0..REQUIRED {
            let refused = RulesetAttributes::of(old).unwrap_err();
            assert!(refused.contains(&format!("version {old} ")) && refused.contains("Linux 6.2"), "{refused}");
        }
        for (version, scoped) in [(3, 0), (5, 0), (6, SCOPE_SIGNAL), (100, SCOPE_SIGNAL)] {
            let asked = RulesetAttributes { handled_access_fs: Access::ALL.0, handled_access_net: 0, scoped };
            assert_eq!(RulesetAttributes::of(version).unwrap(), asked, "version {version}");
        }
    }

    #[test]
    fn a_thread_does_what_its_rules_allow_and_nothing_else_and_others_are_not_concerned() {
        let folder = tempfile::tempdir().unwrap();
        let [read, write, file] = ["read", "write", "file"].map(|name| folder.path().join(name));
        for path in [&read, &write] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("file"), "content").unwrap();
        }
        fs::write(&file, "content").unwrap();
        let allowed = vec![(read.clone(), Access::READ), (write.clone(), Access::ALL), (file.clone(), Access::READ)];
        let outside = folder.path().to_owned();
        in_restricted_thread(allowed, move || {
            assert_eq!(fs::read_to_string(read.join("file")).unwrap(), "content");
            assert_eq!(fs::read_dir(&read).unwrap().count(), 1);
            assert!(is_denied(fs::write(read.join("file"), "")), "a file below what may be read is written");
            assert!(is_denied(fs::write(read.join("new"), "")), "a file is made below what may be read");
            assert!(is_denied(fs::remove_file(read.join("file"))));
            fs::write(write.join("new"), "new").unwrap();
            fs::remove_file(write.join("file")).unwrap();
            fs::create_dir(write.join("folder")).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), "content");
            assert!(is_denied(File::options().write(true).open(&file)));
            assert!(is_denied(fs::read_dir(&outside)), "the folder above is listed");
            assert!(is_denied(fs::rename(write.join("new"), outside.join("new"))));
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "this thread is not restricted");
        fs::write(folder.path().join("new"), "").unwrap();
    }

    #[test]
    fn a_path_that_is_not_there_is_an_error_of_its_rule() {
        let Ok(ruleset) = Ruleset::new() else { return };
        let missing = ruleset.allow(Path::new("/nowhere/at/all"), Access::READ).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
