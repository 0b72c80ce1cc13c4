//! What the main thread does with the calls that come to it, whoever waits for them.
//!
//! What others have read comes first (it is older), then what is in the receive buffer, then each stream gets a turn.

use std::collections::VecDeque;

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::call::{self, ActiveCall};
use super::objects::call_with;
use super::serving::Serving;
use super::stream::{Stream, Turn};
use super::{coroutine, fork, moved, nested};
use crate::core::{CallRequest, Place};

/// The main thread's part of serving.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) serving: &'static Serving,
    streams: VecDeque<Stream>,
}

impl Server {
    pub(super) fn new(serving: &'static Serving) -> Self {
        serving.core.begin_serving();
        Self { serving, streams: VecDeque::new() }
    }

    /// Does everything that can be done without reading; true when a stream could go on at once.
    pub(super) fn turn(&mut self, py: Python<'_>) -> bool {
        let core = self.serving.core;
        loop {
            if core.has_news() {
                self.heed_news(py);
            }
            self.run_buffered(py);
            moved::begin(py, self.serving);
            if !core.has_news() {
                return self.pull_streams(py);
            }
        }
    }

    /// Another server goes on where this one stops.
    pub(super) fn stop(self) {
        nested::leave_to_next(self.streams);
    }

    /// The wire has ended: a watcher would take that for the death of the host and end the process under Python's clean-up.
    pub(super) fn end(&mut self, py: Python<'_>) {
        py.detach(|| {
            fork::end_watching(self.serving.core);
            if !self.serving.core.is_terminating() {
                self.serving.core.leave_none_behind();
            }
        });
        moved::abandon(py);
        for stream in self.streams.drain(..).chain(nested::drain()) {
            stream.abandon(py, self.serving);
        }
    }

    /// Cancellations of calls at rest, what coroutines wait for, and calls, that somebody else has read.
    fn heed_news(&mut self, py: Python<'_>) {
        let core = self.serving.core;
        let news = core.take_news();
        if news.queued > 0 {
            core.move_on();
        }
        for id in news.cancelled {
            self.cancel(py, id);
        }
        for id in news.awakened {
            coroutine::wake(py, id);
        }
        // No more than there were: what others read meanwhile is the next batch.
        for _ in 0..news.queued {
            let Some((request, body)) = core.next_queued_call() else { return };
            let body = PyBytes::new(py, &body);
            self.run(request, &body);
        }
    }

    fn cancel(&mut self, py: Python<'_>, id: u64) {
        let place = self.streams.iter().position(|stream| stream.id() == id);
        match place.and_then(|place| self.streams.remove(place)) {
            Some(stream) => stream.cancel(py, self.serving),
            // Or it has ended while the CANCEL was read.
            None if nested::cancel(py, id, self.serving) => {}
            None => coroutine::cancel(py, id),
        }
    }

    /// Calls in the receive buffer, until somebody else has read one.
    fn run_buffered(&mut self, py: Python<'_>) {
        // No Python code runs under the reader's lock: making a bytes object neither collects garbage nor calls anybody.
        while let Some((request, body)) = self.serving.core.next_buffered_call(|body| PyBytes::new(py, body)) {
            self.run(request, &body);
        }
    }

    /// Runs one call. It was made the running one by whoever took it.
    fn run(&mut self, request: CallRequest, body: &Bound<'_, PyBytes>) {
        let (serving, py) = (self.serving, body.py());
        let (core, id) = (serving.core, request.id);
        // The core's table and this list were made from the same one.
        let Some(tool) = serving.tools.get(request.tool) else { return };
        if request.place == Place::Loop {
            return coroutine::begin(ActiveCall::new(request), body, serving);
        }
        call::enter(py, ActiveCall::new(request), serving);
        core.entered(id);
        let result = call_with(tool.run.bind(py), body.as_any());
        fork::end_if_forked();
        let pending = match result {
            Ok(items) if tool.streams => {
                let own = core.begin_stream(id);
                let Some(call) = call::leave(py, serving) else { return };
                if serving.is_coroutine(&items) {
                    return moved::hand_over(call, own, items, serving);
                }
                let stream = Stream::new(call, own, items);
                if stream.is_cancelled() {
                    stream.cancel(py, serving);
                } else {
                    self.streams.push_back(stream);
                }
                return;
            }
            Ok(result) => {
                core.left(id);
                serving.reply(id, &tool.name, &result)
            }
            Err(error) => {
                core.left(id);
                serving.fail_with(py, id, error)
            }
        };
        call::leave(py, serving).into_iter().for_each(ActiveCall::end);
        if core.wants_flush(pending) {
            py.detach(|| core.flush());
        }
    }

    /// Gives every stream a turn; true when one could go on at once.
    fn pull_streams(&mut self, py: Python<'_>) -> bool {
        let mut may_go_on = false;
        self.streams.extend(nested::left_over());
        if !self.streams.is_empty() {
            self.serving.core.move_on();
        }
        for _ in 0..self.streams.len() {
            let Some(stream) = self.streams.pop_front() else { break };
            match stream.turn(py, self.serving) {
                Turn::More(stream) => {
                    may_go_on = true;
                    self.streams.push_back(stream);
                }
                Turn::Starved(stream) => self.streams.push_back(stream),
                Turn::Over => {}
            }
        }
        may_go_on
    }
}

/// Python's handlers for signals that came while nothing ran. What they raise belongs to no call: only a wish to end is heeded.
pub(super) fn run_signal_handlers(py: Python<'_>) -> PyResult<()> {
    match py.check_signals() {
        Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py) => {
            Err(error)
        }
        Err(error) => {
            error.write_unraisable(py, None);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
