//! What a worker's process writes to its standard error, line by line.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::telemetry::{Ear, one_line};

/// A longer line is cut here and goes on as the next one.
const LINE: usize = 8 * 1024;

/// Reads a worker's stderr to its end.
pub(super) async fn capture(stderr: OwnedFd, ear: Arc<Ear>) {
    // A pipe that cannot be watched cannot be read without blocking; its words are lost, nothing else.
    let Ok(mut pipe) = pipe::Receiver::from_owned_fd(stderr) else { return };
    let mut pending = Vec::new();
    let mut buffer = vec![0; LINE];
    loop {
        let count = pipe.read(&mut buffer).await.unwrap_or(0);
        pending.extend_from_slice(&buffer[..count]);
        let mut rest = &pending[..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            ear.line(&printable(&rest[..end]));
            rest = &rest[end + 1..];
        }
        while rest.len() >= LINE || (count == 0 && !rest.is_empty()) {
            let (line, others) = rest.split_at(rest.len().min(LINE));
            ear.line(&printable(line));
            rest = others;
        }
        let taken = pending.len() - rest.len();
        pending.drain(..taken);
        if count == 0 {
            return;
        }
    }
}

/// One line of text: what a worker prints cannot forge a second record or move a terminal's cursor.
pub(super) fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    one_line(text.strip_suffix('\r').unwrap_or(&text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_broken_text_is_shown_as_well_as_can_be() {
        assert_eq!(printable(b"a\x1b[31mred\0\xff\r"), "a\\u{1b}[31mred\\u{0}\u{fffd}");
    }
}
