//! The main thread's loop: read, run, write.
//!
//! What others have read comes first (it is older), then what is in the receive buffer, then each stream gets a turn; then
//! everything is written and the thread waits, unless a stream could go on.

use std::collections::VecDeque;

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use super::call::{self, ActiveCall};
use super::launch::TOOLS;
use super::objects::call_with;
use super::serving::Serving;
use super::stream::{Stream, Turn};
use super::{core, fork};
use crate::core::{CallRequest, Waited};

/// Read, run and answer calls on this thread until the host closes the wire.
#[pyfunction]
pub(crate) fn serve<'py>(
    py: Python<'py>,
    encode: Bound<'py, PyAny>,
    refuse: Bound<'py, PyAny>,
    chunk_type: Bound<'py, PyType>,
    encode_chunk: Bound<'py, PyAny>,
    describe: Bound<'py, PyAny>,
) -> PyResult<()> {
    let core = core()?;
    let Some(tools) = TOOLS.get() else {
        return Err(PyRuntimeError::new_err("call `ready()` before `serve()`"));
    };
    let limits = core.host_limits();
    let serving = Serving { py, core, tools, limits, encode, refuse, chunk_type, encode_chunk, describe };
    core.begin_serving();
    let mut server = Server { serving, streams: VecDeque::new() };
    server.serve()?;
    // The wire has ended. A watcher would take that for the death of the host and end the process under Python's clean-up.
    py.detach(|| fork::end_watching(core));
    for stream in server.streams {
        stream.abandon(&server.serving);
    }
    Ok(())
}

struct Server<'py> {
    serving: Serving<'py>,
    streams: VecDeque<Stream<'py>>,
}

impl<'py> Server<'py> {
    fn serve(&mut self) -> PyResult<()> {
        let (py, core) = (self.serving.py, self.serving.core);
        loop {
            if core.has_news() {
                self.heed_news();
            }
            self.run_buffered();
            if core.has_news() {
                continue;
            }
            let may_go_on = self.pull_streams();
            let waited = py.detach(|| {
                core.flush();
                core.wait_for_frames(may_go_on)
            });
            match waited {
                Waited::Frames => {}
                Waited::End => return Ok(()),
                Waited::Signal => self.run_signal_handlers()?,
            }
        }
    }

    /// Cancellations of streams, and calls, that somebody else has read.
    fn heed_news(&mut self) {
        let core = self.serving.core;
        let (queued, cancelled) = core.take_news();
        if queued > 0 {
            core.move_on();
        }
        for id in cancelled {
            self.cancel_stream(id);
        }
        // No more than there were: what others read meanwhile is the next batch.
        for _ in 0..queued {
            let Some((request, body)) = core.next_queued_call() else { return };
            let body = PyBytes::new(self.serving.py, &body);
            self.run(request, &body);
        }
    }

    fn cancel_stream(&mut self, id: u64) {
        // A call that is no stream has ended while the CANCEL was read.
        let place = self.streams.iter().position(|stream| stream.id() == id);
        if let Some(stream) = place.and_then(|place| self.streams.remove(place)) {
            stream.cancel(&self.serving);
        }
    }

    /// Calls in the receive buffer, until somebody else has read one.
    fn run_buffered(&mut self) {
        let py = self.serving.py;
        // No Python code runs under the reader's lock: making a bytes object neither collects garbage nor calls anybody.
        while let Some((request, body)) = self.serving.core.next_buffered_call(|body| PyBytes::new(py, body)) {
            self.run(request, &body);
        }
    }

    /// Runs one call. It was made the running one by whoever took it.
    fn run(&mut self, request: CallRequest, body: &Bound<'py, PyBytes>) {
        let serving = &self.serving;
        let (core, id) = (serving.core, request.id);
        // The core's table and this list were made from the same one.
        let Some(tool) = serving.tools.get(request.tool) else { return };
        call::enter(ActiveCall::new(request));
        core.entered(id);
        let result = call_with(tool.run.bind(serving.py), body.as_any());
        fork::end_if_forked();
        let pending = match result {
            Ok(items) if tool.streams => {
                let was_cancelled = core.end_turn(id);
                let Some(call) = call::leave() else { return };
                let stream = Stream::new(call, items);
                if was_cancelled {
                    stream.cancel(serving);
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
                serving.fail_with(id, error)
            }
        };
        call::leave().into_iter().for_each(ActiveCall::end);
        if core.wants_flush(pending) {
            serving.py.detach(|| core.flush());
        }
    }

    /// Gives every stream a turn; true when one could go on at once.
    fn pull_streams(&mut self) -> bool {
        let mut may_go_on = false;
        if !self.streams.is_empty() {
            self.serving.core.move_on();
        }
        for _ in 0..self.streams.len() {
            let Some(stream) = self.streams.pop_front() else { break };
            match stream.turn(&self.serving) {
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

    /// Python's handlers for signals that came while nothing ran. What they raise belongs to no call: only a wish to end is
    /// heeded.
    fn run_signal_handlers(&self) -> PyResult<()> {
        let py = self.serving.py;
        match py.check_signals() {
            Err(error)
                if error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py) =>
            {
                Err(error)
            }
            Err(error) => {
                error.write_unraisable(py, None);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
