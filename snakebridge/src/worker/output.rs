//! What a worker prints: into the log, or to the host's stderr when nobody listens to the log, and its last lines kept.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::allowance::{Allowance, Verdict};
use crate::telemetry::WORKER_OUTPUT;

/// Bytes of output kept for the error that a dying worker leaves.
const TAIL: usize = 8 * 1024;
/// A longer line is cut here and goes on as the next one.
const LINE: usize = 8 * 1024;

/// The last lines of a worker.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    lines: Arc<Mutex<(VecDeque<String>, usize)>>,
    /// Lines that are not in the log.
    dropped: Arc<AtomicU64>,
}

impl Tail {
    fn push(&self, line: &str) {
        let mut guard = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, bytes) = &mut *guard;
        lines.push_back(line.to_owned());
        *bytes += line.len() + 1;
        while *bytes > TAIL && lines.len() > 1 {
            *bytes -= lines.pop_front().map_or(0, |line| line.len() + 1);
        }
    }

    /// How many lines are not in the log.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
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
    let mut log = Log { worker, pid, tail, allowance: Allowance::new(Instant::now()) };
    let mut pending = Vec::new();
    let mut buffer = vec![0; LINE];
    loop {
        let count = pipe.read(&mut buffer).await.unwrap_or(0);
        pending.extend_from_slice(&buffer[..count]);
        let now = Instant::now();
        let mut rest = &pending[..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            log.take(&rest[..end], now);
            rest = &rest[end + 1..];
        }
        while rest.len() >= LINE || (count == 0 && !rest.is_empty()) {
            let (line, others) = rest.split_at(rest.len().min(LINE));
            log.take(line, now);
            rest = others;
        }
        let taken = pending.len() - rest.len();
        pending.drain(..taken);
        if count == 0 {
            log.tell_left_out(log.allowance.left_out());
            return;
        }
    }
}

/// Where the lines of a worker go.
struct Log {
    worker: u64,
    pid: u32,
    tail: Tail,
    allowance: Allowance,
}

impl Log {
    fn take(&mut self, line: &[u8], now: Instant) {
        let line = printable(line);
        self.tail.push(&line);
        match self.allowance.line(now) {
            Verdict::Shown { left_out } => {
                self.tell_left_out(left_out);
                report(&line, self.worker, self.pid);
            }
            Verdict::LeftOut => {
                self.tail.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn tell_left_out(&self, lines: u64) {
        if lines > 0 {
            report(&format!("({lines} lines left out: more than a thousand a second)"), self.worker, self.pid);
        }
    }
}

fn report(line: &str, worker: u64, pid: u32) {
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
