//! What a frame means, decided by whichever thread has read it.
//!
//! PING, the answers that need no Python, and cancellation are dealt with on the spot; calls, answers to our own calls and
//! what concerns a stream are left for the thread whose business they are.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use snakebridge::error::Exception;
use snakebridge::wire::frame::{CallHeader, call_flag};
use snakebridge::wire::{Event, Executed, Violation, codec};

use super::nested::Surroundings;
use super::receive_buffer::Reader;
use super::running::Place;
use super::state::{Answer, CallRequest, Interest, Job, State};
use super::tool_table::Entry;
use super::{Core, ToolTable};
use crate::system::exit;

/// The system target that asks for the manifest.
const MANIFEST: &str = "$manifest";

/// What became of a frame.
enum Routed {
    /// It is dealt with, or left for another thread.
    Done,
    /// A call to be run, with the place of its arguments in the receive buffer.
    Call(CallRequest, Range<usize>),
}

/// What others have read for the main thread.
#[derive(Debug)]
pub(crate) struct News {
    /// So many calls are queued.
    pub(crate) queued: usize,
    /// Streams and coroutines that were cancelled at rest.
    pub(crate) cancelled: Vec<u64>,
    /// What coroutines may be waiting for has come to these calls, theirs or ours.
    pub(crate) awakened: Vec<u64>,
}

impl Core {
    /// Deals with every whole frame in the buffer on behalf of others: calls are queued.
    pub(super) fn route_all(&self, reader: &mut Reader) {
        let mut state = self.state();
        while let Some(routed) = self.route_next(reader, &mut state) {
            if let Routed::Call(request, body) = routed {
                state.enqueue(request, reader.buffer.slice(body).to_vec());
                self.announce();
            }
        }
    }

    /// On the main thread: deals with frames in the buffer up to the next call, makes that the running one and returns it,
    /// its arguments copied by `copy`. `None` when no call is there, or the queue has older ones.
    pub(crate) fn next_buffered_call<B>(&self, copy: impl FnOnce(&[u8]) -> B) -> Option<(CallRequest, B)> {
        let mut reader = self.reader();
        while !self.has_news() {
            let mut state = self.state();
            if let Routed::Call(request, body) = self.route_next(&mut reader, &mut state)? {
                let request = self.begin_on_main(request, &mut state);
                drop(state);
                return Some((request, copy(reader.buffer.slice(body))));
            }
        }
        None
    }

    /// On the main thread: what others have read for it.
    pub(crate) fn take_news(&self) -> News {
        let mut state = self.state();
        self.news.store(false, Ordering::Release);
        News {
            queued: state.queued(),
            cancelled: std::mem::take(&mut state.cancelled),
            awakened: std::mem::take(&mut state.awakened),
        }
    }

    /// On the main thread: the oldest call that somebody else has read, made the running one.
    pub(crate) fn next_queued_call(&self) -> Option<(CallRequest, Vec<u8>)> {
        let mut state = self.state();
        let (request, body) = state.dequeue()?;
        Some((self.begin_on_main(request, &mut state), body))
    }

    /// A call starts on the main thread: as what runs there, or with a state of its own where it will take turns with others.
    fn begin_on_main(&self, mut request: CallRequest, state: &mut State) -> CallRequest {
        match request.place {
            Place::Loop => request.state = Some(state.beside.begin(request.id, Place::Loop)),
            Place::Main | Place::Thread => self.running.begin(request.id),
        }
        request
    }

    /// On the main thread: it takes up something new without having waited for the host.
    pub(crate) fn move_on(&self) {
        if self.activity.move_on() {
            self.call_off.raise();
        }
    }

    /// Tells the main thread that there is something for it. Under `state`.
    pub(super) fn announce(&self) {
        self.news.store(true, Ordering::Release);
    }

    fn route_next(&self, reader: &mut Reader, state: &mut State) -> Option<Routed> {
        let Reader { buffer, received_at } = reader;
        let frame = match codec::parse(buffer.unread(), self.frame_limit) {
            Ok(frame) => frame?,
            Err(violation) => broken(&violation),
        };
        let body = &buffer.unread()[frame.body.clone()];
        let header;
        // The body, where it has come in fragments and does not stand in the buffer.
        let mut assembled = None;
        let event = match state.peer.receive(&frame.header, body, received_at.milliseconds()) {
            Ok(Event::Assembled(whole)) => {
                header = whole.header;
                assembled = Some(whole.body);
                state.peer.complete(&header)
            }
            event => event,
        };
        let mut owned = || assembled.take().unwrap_or_else(|| body.to_vec());
        let mut run = None;
        match event {
            Err(violation) => broken(&violation),
            Ok(Event::Call(call)) => {
                let deadline = call.remaining.map(|left| received_at.after(Duration::from_millis(left)));
                run = self.accept(&call, state).map(|tool| CallRequest {
                    id: call.id,
                    tool: tool.index,
                    session: call.session.map(Into::into),
                    metadata: call.meta.map(Into::into),
                    deadline,
                    inputs: call.inputs,
                    tools: call.tools,
                    place: tool.place,
                    surroundings: Surroundings::of(tool.place),
                    state: None,
                });
                if let Some(request) = &run {
                    state.inputs.begin(request.id, request.inputs);
                }
                if let Some(parent) = call.parent
                    && let Some(request) = run.take()
                {
                    run = self.nest(parent, request, &mut owned, state);
                }
                if let Some(request) = run.take_if(|request| request.place == Place::Thread) {
                    state.add_job(Job::Call(request, owned()));
                    self.jobs.notify_one();
                }
            }
            Ok(Event::Hello) => state.hello = Some(owned()),
            Ok(Event::Reply { id, call }) => self.deliver(state, id, call, || Answer::Reply(owned())),
            Ok(Event::Failed { id, call, code, executed }) => {
                self.deliver(state, id, call, || Answer::Failure { code: code.into(), executed, body: owned() });
            }
            Ok(Event::Item { id, call, .. }) => {
                let interest = *call;
                self.receive_item(id, interest, owned(), state);
            }
            Ok(Event::End { id, call, .. }) => self.deliver(state, id, call, || Answer::End),
            Ok(Event::Credit { id, .. }) => self.credit(id, state),
            Ok(Event::Input { id, stream }) => self.input(id, stream, Some(owned()), state),
            Ok(Event::InputEnd { id, stream }) => self.input(id, stream, None, state),
            Ok(Event::GoAway { last, .. }) => self.host_goes(last, state),
            Ok(Event::Withdrawn { id }) => self.refuse_cancelled(id, state),
            Ok(Event::Cancel { id, .. }) => self.cancel(id, state),
            Ok(Event::Ping { nonce }) => self.answer_ping(nonce, state),
            // A worker asks for no PONG, and only a host hears READY and a failed start.
            Ok(_) => {}
        }
        let (length, part) = (frame.length, frame.body);
        let place = buffer.consume(length, &part);
        Some(match (run, assembled) {
            (Some(request), None) => Routed::Call(request, place),
            (Some(request), Some(body)) => {
                state.enqueue(request, body);
                self.announce();
                Routed::Done
            }
            (None, _) => Routed::Done,
        })
    }

    /// The tool that a call asks for. Calls that none can run are answered here.
    fn accept(&self, call: &CallHeader<'_>, state: &mut State) -> Option<Entry> {
        let stream = call.flags & call_flag::STREAM != 0;
        let (code, message) = match self.tools.get().map(|tools| (tools, tools.find(call.target, stream))) {
            Some((_, Some(tool))) if tool.streams == stream => return Some(tool),
            Some((_, Some(_))) => {
                ("invalid_argument", wrong_manner(call.target, if stream { "one value" } else { "a stream" }))
            }
            Some((tools, None)) if call.target == MANIFEST => {
                if !stream {
                    self.send_manifest(call.id, tools, state);
                    return None;
                }
                ("invalid_argument", wrong_manner(MANIFEST, "one value"))
            }
            Some((tools, None)) => ("tool_not_found", tools.explain_unknown(call.target)),
            // The peer lets no call pass before READY, and READY comes with the table.
            None => ("tool_not_found", format!("no tool `{}`: this worker is not ready", call.target)),
        };
        self.refuse(call.id, code, &Exception::new(code, message), state);
        None
    }

    fn send_manifest(&self, id: u64, tools: &ToolTable, state: &mut State) {
        let mut output = self.output();
        if state.peer.reply(id, tools.manifest(), output.frames()).is_err() {
            drop(output);
            let error = Exception::new("payload_too_large", "the manifest is larger than the host accepts");
            self.refuse(id, "payload_too_large", &error, state);
        }
    }

    /// Answers a call that did not run.
    pub(super) fn refuse(&self, id: u64, code: &str, error: &Exception, state: &mut State) {
        let body = snakebridge::body::encode(error).unwrap_or_default();
        // Refused only when somebody has answered it already.
        let _ = state.peer.error(id, code, Executed::Never, &body, self.output().frames());
    }

    fn deliver(&self, state: &mut State, id: u64, interest: Interest, answer: impl FnOnce() -> Answer) {
        match interest {
            Interest::Abandoned => return,
            Interest::Thread(_) => self.arrivals.notify_all(),
            Interest::Loop(_) => {
                state.awakened.push(id);
                self.announce();
            }
        }
        state.answers.insert(id, answer());
        self.release_nested(id, state);
    }

    /// The stream that answers call `id` may have room again: whoever feeds it is to see.
    pub(super) fn credit(&self, id: u64, state: &mut State) {
        let Some(call) = state.beside.get_mut(id) else { return };
        if call.is_nested {
            return self.arrivals.notify_all();
        }
        match call.place {
            Place::Main => self.announce(),
            Place::Thread => self.unpark(id, state),
            Place::Loop => {
                state.awakened.push(id);
                self.announce();
            }
        }
    }

    fn cancel(&self, id: u64, state: &mut State) {
        if let Some(call) = state.beside.get_mut(id) {
            call.state.cancel(id);
            // Threads that wait for the host inside it.
            self.arrivals.notify_all();
            // At rest, a nested stream waits for a thread that may be busy with something else.
            let rests_nested = call.is_nested && call.state.running().is_none();
            if call.place == Place::Thread && !rests_nested {
                self.unpark(id, state);
            } else if self.running.runs(id) {
                self.main_thread.interrupt();
            } else {
                state.cancelled.push(id);
                self.announce();
            }
        } else if self.running.shared().runs(id) {
            self.running.shared().cancel(id);
            self.main_thread.interrupt();
            self.arrivals.notify_all();
        } else if state.withdraw(id) {
            self.refuse_cancelled(id, state);
        }
    }

    fn refuse_cancelled(&self, id: u64, state: &mut State) {
        state.inputs.end(id);
        self.refuse(id, "cancelled", &Exception::new("cancelled", "cancelled before it started"), state);
    }

    /// An item, or the end, of a stream that is an argument of call `id`.
    fn input(&self, id: u64, stream: u64, item: Option<Vec<u8>>, state: &mut State) {
        state.inputs.receive(id, stream, item);
        self.arrivals.notify_all();
        if state.beside.get_mut(id).is_some_and(|call| call.place == Place::Loop) {
            state.awakened.push(id);
            self.announce();
        }
    }

    /// The host answers none of our calls above `last`.
    fn host_goes(&self, last: u64, state: &mut State) {
        let error = Exception::new("shutting_down", "the host takes no more calls");
        let body = snakebridge::body::encode(&error).unwrap_or_default();
        for (id, interest) in state.peer.take_above(last) {
            let failure =
                || Answer::Failure { code: "shutting_down".into(), executed: Executed::Never, body: body.to_vec() };
            self.deliver(state, id, interest, failure);
        }
    }

    fn answer_ping(&self, nonce: u64, state: &mut State) {
        let (running, running_for) = state.beside.oldest(&self.running);
        let running_for = u64::try_from(running_for.as_millis()).unwrap_or(u64::MAX);
        state.peer.pong(nonce, (running, running_for), self.output().frames());
    }
}

fn wrong_manner(tool: &str, answer: &str) -> String {
    let call = if answer == "a stream" { "call it for a stream" } else { "call it for a single reply" };
    format!("`{tool}` answers with {answer}: {call}")
}

/// Nothing that such a host says can be trusted any more.
fn broken(violation: &Violation) -> ! {
    exit::because(exit::PROTOCOL, format_args!("the host broke the protocol ({}): {violation}", violation.kind()))
}
