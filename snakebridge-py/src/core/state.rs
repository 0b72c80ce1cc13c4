//! What the `state` lock protects: the peer, and what was read for somebody else.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use snakebridge::wire::Executed;
use snakebridge::wire::Peer;

use super::call_state::CallState;
use super::events::Lane;
use super::host_streams::HostStreams;
use super::inputs::Inputs;
use super::nested::{NestedCalls, Surroundings, Waiter};
use super::running::{BesideMain, Place};
use crate::system::clock::Nanoseconds;

/// How many bytes of calls the watcher reads ahead of a busy main thread, before it leaves them in the pipe.
const QUEUED_BYTES: usize = 256 << 20;

/// A call that is to be run.
#[derive(Debug)]
pub(crate) struct CallRequest {
    /// Its id.
    pub(crate) id: u64,
    /// The tool, by its place in the list that `ready` was given.
    pub(crate) tool: usize,
    /// The session it runs in.
    pub(crate) session: Option<Box<str>>,
    /// The encoded map of correlation id, trace parent and request metadata.
    pub(crate) metadata: Option<Box<[u8]>>,
    /// When the caller stops waiting.
    pub(crate) deadline: Option<Nanoseconds>,
    /// How many streams are among its arguments, numbered from 1.
    pub(crate) inputs: u64,
    /// The generation of the host's tools that it may use.
    pub(crate) tools: u64,
    /// Where it runs.
    pub(crate) place: Place,
    /// Who waits for it in this worker.
    pub(crate) surroundings: Surroundings,
    /// Its own state, once it has started, where others run beside it.
    pub(crate) state: Option<Arc<CallState>>,
}

/// What an executor thread is to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Run a call.
    Call(CallRequest, Vec<u8>),
    /// Give a stream a turn.
    Turn(u64),
}

/// What the host answered to a call of ours.
#[derive(Debug)]
pub(crate) enum Answer {
    /// REPLY with its body.
    Reply(Vec<u8>),
    /// END, behind the items.
    End,
    /// ERROR.
    Failure {
        /// The stable code.
        code: Box<str>,
        /// Whether it ran.
        executed: Executed,
        /// The error's body.
        body: Vec<u8>,
    },
}

/// Whether anybody still waits for the answer to a call of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// By a thread that blocks.
    Thread(Waiter),
    /// By a coroutine on the event loop, in these surroundings.
    Loop(Surroundings),
    /// By nobody any more.
    Abandoned,
}

/// The peer, and what was read for somebody else.
#[derive(Debug)]
pub(super) struct State {
    pub(super) peer: Peer<Interest>,
    /// Calls that the watcher, or a main thread that waits for the host inside a tool, has read. Older than what is in the
    /// receive buffer.
    queue: VecDeque<(CallRequest, Vec<u8>)>,
    queued_bytes: usize,
    /// What the executor threads are to do, oldest first.
    jobs: VecDeque<Job>,
    /// Calls that threads are to run which wait for the host.
    pub(super) nested: NestedCalls,
    /// The executor threads are to end.
    pub(super) no_more_jobs: bool,
    /// Calls that others run beside.
    pub(super) beside: BesideMain,
    /// Streams that are arguments.
    pub(super) inputs: Inputs,
    /// Streams that answer calls of ours.
    pub(super) host_streams: HostStreams,
    /// Cancelled calls of the main thread that it did not run at that moment: streams and coroutines at rest.
    pub(super) cancelled: Vec<u64>,
    /// Calls that coroutines may be waiting for: streams of theirs that got credit, calls of ours that were answered.
    pub(super) awakened: Vec<u64>,
    /// Answers that nobody has fetched.
    pub(super) answers: HashMap<u64, Answer>,
    /// What is told beside the answers.
    pub(super) events: Lane,
    /// The body of the host's HELLO.
    pub(super) hello: Option<Vec<u8>>,
}

impl State {
    pub(super) fn new(peer: Peer<Interest>) -> Self {
        Self {
            peer,
            queue: VecDeque::new(),
            queued_bytes: 0,
            jobs: VecDeque::new(),
            nested: NestedCalls::default(),
            no_more_jobs: false,
            beside: BesideMain::default(),
            inputs: Inputs::default(),
            host_streams: HostStreams::default(),
            cancelled: Vec::new(),
            awakened: Vec::new(),
            answers: HashMap::new(),
            events: Lane::default(),
            hello: None,
        }
    }

    /// Queues a call.
    pub(super) fn enqueue(&mut self, request: CallRequest, body: Vec<u8>) {
        self.count_bytes(&body);
        self.queue.push_back((request, body));
    }

    /// How many calls are queued.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Takes the oldest call.
    pub(super) fn dequeue(&mut self) -> Option<(CallRequest, Vec<u8>)> {
        let call = self.queue.pop_front()?;
        self.queued_bytes -= call.1.len();
        Some(call)
    }

    /// Queues something for the executor threads.
    pub(super) fn add_job(&mut self, job: Job) {
        if let Job::Call(_, body) = &job {
            self.queued_bytes += body.len();
        }
        self.jobs.push_back(job);
    }

    /// Takes the oldest job. A call has started with that, and has its state.
    pub(super) fn take_job(&mut self) -> Option<Job> {
        let mut job = self.jobs.pop_front()?;
        if let Job::Call(request, body) = &mut job {
            self.queued_bytes -= body.len();
            request.state = Some(self.beside.begin(request.id, Place::Thread));
        }
        Some(job)
    }

    /// Drops call `id` if it waits in a queue.
    pub(super) fn withdraw(&mut self, id: u64) -> bool {
        let body = if let Some(place) = self.queue.iter().position(|(request, _)| request.id == id) {
            self.queue.remove(place).map(|(_, body)| body)
        } else {
            let is_it = |job: &Job| matches!(job, Job::Call(request, _) if request.id == id);
            match self.jobs.iter().position(is_it).and_then(|place| self.jobs.remove(place)) {
                Some(Job::Call(_, body)) => Some(body),
                _ => None,
            }
        };
        let body = body.or_else(|| self.nested.withdraw(id));
        self.queued_bytes -= body.as_ref().map_or(0, Vec::len);
        body.is_some()
    }

    /// The arguments of a call wait here.
    pub(super) fn count_bytes(&mut self, body: &[u8]) {
        self.queued_bytes += body.len();
    }

    /// They do not wait any more.
    pub(super) fn forget_bytes(&mut self, body: &[u8]) {
        self.queued_bytes -= body.len();
    }

    /// Whether more may be read ahead.
    pub(super) fn has_room(&self) -> bool {
        self.queued_bytes < QUEUED_BYTES
    }
}

#[cfg(test)]
mod tests {
    use snakebridge::wire::{Limits, Role};

    use super::*;

    fn request(id: u64, place: Place) -> CallRequest {
        CallRequest {
            id,
            tool: 0,
            session: None,
            metadata: None,
            deadline: None,
            inputs: 0,
            tools: 0,
            place,
            surroundings: Surroundings::default(),
            state: None,
        }
    }

    fn state() -> State {
        State::new(Peer::new(Role::Worker, Limits::default(), ""))
    }

    #[test]
    fn calls_leave_the_queue_in_order_and_a_withdrawn_one_never_does() {
        let mut state = state();
        for id in [1, 3, 7, 9] {
            state.enqueue(request(id, Place::Main), vec![0; 10]);
        }
        assert!(state.withdraw(7) && !state.withdraw(7) && !state.withdraw(5));
        let order: Vec<u64> = std::iter::from_fn(|| state.dequeue()).map(|(request, _)| request.id).collect();
        assert_eq!(order, [1, 3, 9]);
        assert_eq!(state.queued_bytes, 0);
    }

    #[test]
    fn a_job_is_taken_once_and_its_call_runs_from_then_on() {
        let mut state = state();
        state.add_job(Job::Call(request(1, Place::Thread), vec![0; 10]));
        state.add_job(Job::Turn(5));
        state.add_job(Job::Call(request(3, Place::Thread), vec![0; 10]));
        assert!(state.withdraw(1) && !state.withdraw(5), "a turn is no call that waits");
        assert!(matches!(state.take_job(), Some(Job::Turn(5))));
        let Some(Job::Call(call, _)) = state.take_job() else { panic!("a call waits") };
        assert!(call.state.is_some_and(|state| state.runs(3)));
        assert!(state.take_job().is_none() && state.queued_bytes == 0);
    }
}
