//! What the `state` lock protects: the peer, and what was read for somebody else.

use std::collections::{HashMap, VecDeque};

use snakebridge::wire::Executed;
use snakebridge::wire::Peer;

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
}

/// What the host answered to a call of ours.
#[derive(Debug)]
pub(crate) enum Answer {
    /// REPLY with its body.
    Reply(Vec<u8>),
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
pub(super) enum Interest {
    Awaited,
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
    /// Cancelled calls that neither waited nor ran: streams between two turns.
    pub(super) cancelled: Vec<u64>,
    /// Answers that nobody has fetched.
    pub(super) answers: HashMap<u64, Answer>,
    /// The body of the host's HELLO.
    pub(super) hello: Option<Vec<u8>>,
}

impl State {
    pub(super) fn new(peer: Peer<Interest>) -> Self {
        Self {
            peer,
            queue: VecDeque::new(),
            queued_bytes: 0,
            cancelled: Vec::new(),
            answers: HashMap::new(),
            hello: None,
        }
    }

    /// Queues a call.
    pub(super) fn enqueue(&mut self, request: CallRequest, body: Vec<u8>) {
        self.queued_bytes += body.len();
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

    /// Drops call `id` if it waits in the queue.
    pub(super) fn withdraw(&mut self, id: u64) -> bool {
        let Some(place) = self.queue.iter().position(|(request, _)| request.id == id) else { return false };
        if let Some((_, body)) = self.queue.remove(place) {
            self.queued_bytes -= body.len();
        }
        true
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

    #[test]
    fn calls_leave_the_queue_in_order_and_a_withdrawn_one_never_does() {
        let mut state = State::new(Peer::new(Role::Worker, Limits::default(), ""));
        for id in [1, 3, 7, 9] {
            let request = CallRequest { id, tool: 0, session: None, metadata: None, deadline: None };
            state.enqueue(request, vec![0; 10]);
        }
        assert!(state.withdraw(7) && !state.withdraw(7) && !state.withdraw(5));
        let order: Vec<u64> = std::iter::from_fn(|| state.dequeue()).map(|(request, _)| request.id).collect();
        assert_eq!(order, [1, 3, 9]);
        assert_eq!(state.queued_bytes, 0);
    }
}
