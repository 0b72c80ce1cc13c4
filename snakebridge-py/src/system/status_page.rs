//! The page that tells the host, when this process has died, which calls had entered user code.
//!
//! The host makes it (a memfd), writes the launch nonce into its first bytes and names its descriptor in HELLO. Two counters
//! follow: the greatest id of a call that has entered user code, and the id of the one that last left it. No page, no claim: the worker
//! goes on without, and the host calls more calls `maybe`.
#![expect(unsafe_code, reason = "memory shared with another process")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap};

/// Bytes of the page that are used.
const SIZE: usize = 64;
/// How much of the nonce the page repeats.
const NONCE: usize = 16;
/// Where the counters stand.
const LAST_STARTED: usize = 16;
const LAST_FINISHED: usize = 24;

/// The mapped page.
#[derive(Debug)]
pub(crate) struct StatusPage {
    last_started: &'static AtomicU64,
    last_finished: &'static AtomicU64,
}

impl StatusPage {
    /// Maps the page that process `host` has open as `descriptor`; `None` when it cannot be, or is another launch's.
    pub(crate) fn open(host: i32, descriptor: u64, nonce: &str) -> Option<Self> {
        let path = format!("/proc/{host}/fd/{descriptor}");
        let file = File::options().read(true).write(true).open(path).ok()?;
        let long_enough = file.metadata().is_ok_and(|metadata| metadata.len() >= SIZE as u64);
        let mut written = [0; NONCE];
        file.read_exact_at(&mut written, 0).ok()?;
        if !long_enough || Some(&written[..]) != nonce.as_bytes().get(..NONCE) {
            return None;
        }
        let (access, sharing) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that Rust knows of.
        let page = unsafe { mmap(std::ptr::null_mut(), SIZE, access, sharing, &file, 0) }.ok()?.cast::<AtomicU64>();
        // SAFETY: the mapping is one page long, page-aligned and never unmapped, so both counters are in bounds, aligned and
        // valid for ever. Any bits are a valid u64, and all access to them here is atomic, as is the host's. The file was
        // seen to be long enough; a host that shrinks it later kills this worker (SIGBUS), no more.
        let counter = |offset: usize| unsafe { &*page.add(offset / size_of::<AtomicU64>()) };
        let page = Self { last_started: counter(LAST_STARTED), last_finished: counter(LAST_FINISHED) };
        // Until now the page claimed that every call may have started, as it does for workers that do not keep it.
        page.last_started.store(0, Ordering::Release);
        page.finished(0);
        Some(page)
    }

    /// Call `id` is about to enter user code.
    pub(crate) fn started(&self, id: u64) {
        // Threads and coroutines start calls in any order, and what is later than this has not started.
        self.last_started.fetch_max(id, Ordering::AcqRel);
    }

    /// Call `id` has left user code.
    pub(crate) fn finished(&self, id: u64) {
        self.last_finished.store(id, Ordering::Release);
    }
}
