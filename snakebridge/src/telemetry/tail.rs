//! The last lines of a worker, for the error that it leaves when it dies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::seeded::{self, Bug};

/// Bytes that are kept.
const TAIL: usize = 8 * 1024;

/// The last lines of a worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    lines: Arc<Mutex<(VecDeque<String>, usize)>>,
}

impl Tail {
    pub(super) fn push(&self, line: &str) {
        let mut guard = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, bytes) = &mut *guard;
        lines.push_back(line.to_owned());
        *bytes += line.len() + 1;
        while *bytes > TAIL && lines.len() > 1 && !seeded::has(Bug::UnboundedOutput) {
            *bytes -= lines.pop_front().map_or(0, |line| line.len() + 1);
        }
    }

    /// The lines, oldest first.
    pub(crate) fn text(&self) -> String {
        let guard = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        guard.0.iter().fold(String::new(), |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        })
    }

    /// The lines as the end of an error message, empty when there are none.
    pub(crate) fn quoted(&self) -> String {
        match self.text().trim_end() {
            "" => String::new(),
            text => format!("; it last wrote:\n{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
