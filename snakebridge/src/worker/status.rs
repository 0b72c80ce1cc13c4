//! The status page: memory shared with a worker, on which its native side notes what it runs, and behind it room for the
//! stacks that it writes before it is killed.
//!
//! It is what makes `executed: never` possible after a crash: the page survives the worker, and a call whose id is above
//! the last one started never ran. Layout: 16 bytes of the launch nonce, then two native-endian 64-bit counters. The
//! counters begin at their greatest value, which claims nothing; a worker that keeps the page begins by setting them to 0.
//! From byte 4096 on the file holds text, which is only ever read as a file.

#![expect(unsafe_code, reason = "maps one page of memory that is shared with another process")]

use std::ffi::c_void;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

const SIZE: usize = 4096;
/// Room for stacks behind the page.
const STACKS: usize = 64 * 1024;
/// Bytes of the nonce that the page carries.
pub(super) const NONCE: usize = 16;

/// The host's side of one worker's page.
#[derive(Debug)]
pub(super) struct StatusPage {
    /// Kept open: the worker opens the page through this descriptor of its parent.
    file: OwnedFd,
    page: NonNull<c_void>,
}

// SAFETY: the page is only read through atomics, from any thread, and unmapped when the last owner drops it.
unsafe impl Send for StatusPage {}
// SAFETY: as above; no method hands out a plain reference into the page.
unsafe impl Sync for StatusPage {}

impl StatusPage {
    /// Makes a page and writes the nonce on it.
    pub(super) fn create(nonce: &str) -> std::io::Result<Self> {
        let file = memfd_create("snakebridge-status", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, (SIZE + STACKS) as u64)?;
        // A worker that shrank the file would turn our next read into a SIGBUS; one that grew it would spend our memory.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let head = nonce.as_bytes().get(..NONCE).ok_or_else(|| std::io::Error::other("the nonce is too short"))?;
        rustix::io::pwrite(&file, head, 0)?;
        rustix::io::pwrite(&file, &[0xff; 16], NONCE as u64)?;
        // SAFETY: a new shared mapping of a file of that size, at an address of the kernel's choice.
        let page = unsafe {
            mmap(std::ptr::null_mut(), SIZE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &file, 0)?
        };
        let page = NonNull::new(page).ok_or_else(|| std::io::Error::other("mmap returned null"))?;
        Ok(Self { file, page })
    }

    /// The number under which the worker finds the page in `/proc/PARENT/fd`.
    pub(super) fn descriptor(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// The id of the last call whose tool the worker entered, 0 before the first; `None` when the worker does not keep
    /// the page.
    pub(super) fn last_started(&self) -> Option<u64> {
        Some(self.counter(NONCE).load(Ordering::Acquire)).filter(|&id| id != u64::MAX)
    }

    /// The stacks that the worker has written so far, as it wrote them; empty when there are none.
    pub(super) fn stacks(&self) -> Vec<u8> {
        let mut text = vec![0; STACKS];
        let mut length = 0;
        while let Ok(count @ 1..) = rustix::io::pread(&self.file, &mut text[length..], (SIZE + length) as u64) {
            length += count;
        }
        // Room that was never written to is zero.
        text.truncate(text[..length].iter().position(|&byte| byte == 0).unwrap_or(length));
        text
    }

    fn counter(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset.is_multiple_of(8) && offset + 8 <= SIZE);
        // SAFETY: inside the mapping, aligned to eight bytes, and only ever accessed as an atomic by both processes.
        unsafe { AtomicU64::from_ptr(self.page.as_ptr().cast::<u8>().add(offset).cast()) }
    }
}

impl Drop for StatusPage {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `create`; no reference into it outlives `self`.
        let unmapped = unsafe { munmap(self.page.as_ptr(), SIZE) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_side_writes_through_the_file_is_seen_on_the_page() {
        let page = StatusPage::create("0123456789abcdef and more").unwrap();
        assert_eq!(page.last_started(), None, "nobody has claimed anything");
        rustix::io::pwrite(&page.file, &77u64.to_ne_bytes(), NONCE as u64).unwrap();
        assert_eq!(page.last_started(), Some(77));
    }

    #[test]
    fn a_worker_can_neither_shrink_the_page_under_the_host_nor_grow_it() {
        let page = StatusPage::create("0123456789abcdef").unwrap();
        assert!(ftruncate(&page.file, 0).is_err() && ftruncate(&page.file, 1 << 30).is_err());
        assert!(rustix::io::pwrite(&page.file, b"more", (SIZE + STACKS) as u64).is_err());
    }

    #[test]
    fn stacks_are_what_was_written_behind_the_page_up_to_its_end() {
        let page = StatusPage::create("0123456789abcdef").unwrap();
        assert_eq!(page.stacks(), b"");
        rustix::io::pwrite(&page.file, b"Thread 1:\n", SIZE as u64).unwrap();
        assert_eq!(page.stacks(), b"Thread 1:\n");
        rustix::io::pwrite(&page.file, &vec![b'x'; STACKS], SIZE as u64).unwrap();
        assert_eq!(page.stacks().len(), STACKS);
    }
}
