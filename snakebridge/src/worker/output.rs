//! What a worker prints: into the log, or to the host's stderr when nobody listens to the log, and its last lines kept.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::seeded::{self, Bug};
use crate::telemetry::WORKER_OUTPUT;

/// Bytes of output kept for the error that a dying worker leaves.
const TAIL: usize = 8 * 1024;
/// A longer line is cut here and goes on as the next one.
const LINE: usize = 8 * 1024;

/// The last lines of a worker.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    lines: Arc<Mutex<(VecDeque<String>, usize)>>,
}

impl Tail {
    fn push(&self, line: &str) {
        let mut guard = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, bytes) = &mut *guard;
        lines.push_back(line.to_owned());
        *bytes += line.len() + 1;
        while *bytes > TAIL && lines.len() > 1 && !seeded::has(Bug::UnboundedOutput) {
            *bytes -= lines.pop_front().map_or(0, |line| line.len() + 1);
        }
    }

    /// The lines, oldest first.
    pub(super) fn text(&self) -> String {
        let guard = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        guard.0.iter().fold(String::new(), |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        })
    }

    /// The lines as the end of an error message, empty when there are none.
    pub(super) fn quoted(&self) -> String {
        match self.text().trim_end() {
            "" => String::new(),
            text => format!("; it last wrote:\n{text}"),
        }
    }
}

/// Reads a worker's stderr to its end.
pub(super) async fn capture(stderr: OwnedFd, worker: u64, pid: u32, tail: Tail) {
    // A pipe that cannot be watched cannot be read without blocking; its words are lost, nothing else.
    let Ok(mut pipe) = pipe::Receiver::from_owned_fd(stderr) else { return };
    let mut pending = Vec::new();
    let mut buffer = vec![0; LINE];
    loop {
        let count = pipe.read(&mut buffer).await.unwrap_or(0);
        pending.extend_from_slice(&buffer[..count]);
        while let Some(end) = pending.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            report(&line[..end], worker, pid, &tail);
        }
        while pending.len() >= LINE || (count == 0 && !pending.is_empty()) {
            let line: Vec<u8> = pending.drain(..pending.len().min(LINE)).collect();
            report(&line, worker, pid, &tail);
        }
        if count == 0 {
            return;
        }
    }
}

fn report(line: &[u8], worker: u64, pid: u32, tail: &Tail) {
    let line = printable(line);
    tail.push(&line);
    if tracing::dispatcher::has_been_set() {
        tracing::info!(target: WORKER_OUTPUT, worker, pid, "{line}");
    } else {
        // Nobody may be listening there either, which is no reason to stop the worker from talking.
        let _ = writeln!(std::io::stderr().lock(), "[worker {worker}] {line}");
    }
}

/// One line of text: what a worker prints cannot forge a second record or move a terminal's cursor.
pub(super) fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\r').unwrap_or(&text);
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\t' {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_broken_text_is_shown_as_well_as_can_be() {
        assert_eq!(printable(b"a\x1b[31mred\0\xff\r"), "a\\u{1b}[31mred\\u{0}\u{fffd}");
    }

    #[test]
    fn the_tail_keeps_the_last_lines_and_a_bounded_number_of_bytes() {
        let tail = Tail::default();
        for number in 0..10_000 {
            tail.push(&format!("line {number}"));
        }
        let text = tail.text();
        assert!(text.ends_with("line 9999\n") && text.len() <= TAIL, "{}", text.len());
    }
}
