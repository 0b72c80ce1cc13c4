//! A disk without room, for the log and for what tools write. A program of its own, because its stderr is that disk. Row M9
//! of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;

use snakebridge::prelude::*;
use snakebridge_tests::python_folder;

/// Stderr, put back at the end: what fails here should be seen.
struct Stderr(OwnedFd);

impl Drop for Stderr {
    fn drop(&mut self) {
        rustix::stdio::dup2_stderr(&self.0).unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_costs_the_lines_that_do_not_fit_and_no_call() -> Result<()> {
    // Nobody listens to the log in this program, so that lines of workers go to stderr.
    let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let _kept = Stderr(rustix::io::dup(rustix::stdio::stderr()).unwrap());
    rustix::stdio::dup2_stderr(&full).unwrap();
    assert!(std::io::Write::write_all(&mut std::io::stderr(), b"no room").is_err());

    let builder = Bridge::builder().adapter("unruly_tools:UnrulyAdapter").python_path(python_folder());
    let bridge = builder.workers(1).start().await?;
    let pid: u32 = bridge.call("pid", args! {}).await?;
    for _ in 0..10 {
        assert_eq!(bridge.call::<u64>("prints", args! { lines: 100, length: 100 }).await?, 100);
        let error = bridge.execute("fills", args! { path: "/dev/full" }).await.unwrap_err();
        let exception = error.exception().cloned().unwrap();
        assert!(exception.type_name == "OSError" && exception.message.contains("No space left"), "{error}");
    }
    assert_eq!(bridge.call::<u32>("pid", args! {}).await?, pid);
    bridge.shutdown().await
}
