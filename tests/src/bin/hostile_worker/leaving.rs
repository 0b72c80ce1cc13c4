//! Lies about going away.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use snakebridge::wire::Header;

use crate::frames::{Answer, frame, say};

/// What follows READY: all but the first worker, which is asked for its manifest, take no call; or all die at once, while
/// there is a file.
pub(crate) fn behind_ready(lie: &str) -> io::Result<Vec<u8>> {
    if let Some(file) = lie.strip_prefix("dies at once while there is ") {
        if std::fs::exists(file)? {
            std::thread::spawn(|| {
                std::thread::sleep(Duration::from_millis(10));
                // As the kernel does it: whoever has a call in such a worker is not to blame.
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            });
        }
        return Ok(Vec::new());
    }
    let Some(witness) = lie.strip_prefix("leaves at once, witness ") else { return Ok(Vec::new()) };
    let leaves = std::fs::exists(witness)?;
    std::fs::write(witness, "")?;
    Ok(if leaves { frame(&Header::GoAway { last: 0, reason: "" }, &[]) } else { Vec::new() })
}

pub(crate) fn acts(lie: &str, answer: Answer) -> io::Result<bool> {
    match lie {
        "answers and dies" => {
            say(&answer.reply(&[7]))?;
            std::process::exit(9);
        }
        "runs and denies it" => note_started(answer.id)?,
        _ => return Ok(false),
    }
    say(&frame(&Header::GoAway { last: answer.id.saturating_sub(2), reason: "" }, &[]))?;
    Ok(true)
}

/// Notes on the status page that the tool of call `id` was entered.
fn note_started(id: u64) -> io::Result<()> {
    let nonce = std::env::var("SNAKEBRIDGE_NONCE").map_err(io::Error::other)?;
    for entry in std::fs::read_dir(format!("/proc/{}/fd", std::os::unix::process::parent_id()))? {
        let path = entry?.path();
        // Nothing else is opened: to open a pipe may wait for its other end.
        if !std::fs::read_link(&path).is_ok_and(|target| target.to_string_lossy().contains("snakebridge-status")) {
            continue;
        }
        let page = OpenOptions::new().read(true).write(true).open(path)?;
        let mut head = [0; 16];
        page.read_exact_at(&mut head, 0)?;
        if nonce.as_bytes().starts_with(&head) {
            return page.write_all_at(&id.to_ne_bytes(), 16);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}
