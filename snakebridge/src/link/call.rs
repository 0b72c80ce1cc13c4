//! One call on its way: shared by the future that waits for it, the pool that routes it and the link that carries it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Link, ToolName};
use crate::error::{Error, Result};

/// What a call asks for, owned, so that it can be sent again.
#[derive(Debug, Clone)]
pub struct OwnedRequest {
    /// The tool.
    pub target: ToolName,
    /// Whether items are wanted instead of one reply.
    pub stream: bool,
    /// The session it runs in.
    pub session: Option<Arc<str>>,
    /// An encoded metadata map.
    pub meta: Option<Bytes>,
    /// The encoded arguments.
    pub body: Vec<u8>,
}

/// One item of a stream, still encoded.
#[derive(Debug)]
pub struct Item {
    /// See [`item_flag`](crate::wire::frame::item_flag).
    pub flags: u64,
    /// The encoded item.
    pub body: Bytes,
}

/// Where a call is.
#[derive(Debug, Clone)]
pub enum Stage {
    /// Waiting for a worker.
    Queued,
    /// Under this id on this connection.
    Sent {
        /// The connection.
        link: Arc<Link>,
        /// The id there.
        id: u64,
    },
    /// Answered, or given up.
    Done,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    attempts: u32,
    items: VecDeque<Item>,
    /// Items that came, delivered or not. With one, the call is committed: it is not repeated.
    received: u64,
    outcome: Option<Result<Bytes>>,
    waker: Option<Waker>,
}

/// A call that is waiting, running or answered.
#[derive(Debug)]
pub struct PendingCall {
    /// What it asks for.
    pub request: OwnedRequest,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// How long that was, for the message.
    pub timeout: Duration,
    /// Whether it may be repeated when nobody knows if it ran.
    pub idempotent: bool,
    /// When it was admitted.
    pub admitted: Instant,
    state: Mutex<State>,
}

/// What a consumer of a stream gets next.
#[derive(Debug)]
pub enum Next {
    /// An item; report its length back to `link` as consumed.
    Item(Item, Option<(Arc<Link>, u64)>),
    /// The end, with the generator's return value.
    End(Bytes),
    /// The error that ended it.
    Failed(Error),
}

impl PendingCall {
    /// A call that has not been sent.
    pub fn new(
        request: OwnedRequest,
        deadline: Option<Instant>,
        timeout: Duration,
        idempotent: bool,
        admitted: Instant,
    ) -> Self {
        let state = State {
            stage: Stage::Queued,
            attempts: 0,
            items: VecDeque::new(),
            received: 0,
            outcome: None,
            waker: None,
        };
        Self { request, deadline, timeout, idempotent, admitted, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is.
    pub fn stage(&self) -> Stage {
        self.lock().stage.clone()
    }

    /// Whether it is answered or given up.
    pub fn is_done(&self) -> bool {
        matches!(self.lock().stage, Stage::Done)
    }

    /// How often it was handed to a worker.
    pub fn attempts(&self) -> u32 {
        self.lock().attempts
    }

    /// Whether items of it have come, so that repeating it would repeat them.
    pub fn is_committed(&self) -> bool {
        self.lock().received > 0
    }

    /// It was sent under `id`. False when nobody waits for it any more.
    pub(super) fn sent(&self, link: &Arc<Link>, id: u64) -> bool {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Done) {
            return false;
        }
        state.attempts += 1;
        state.stage = Stage::Sent { link: Arc::clone(link), id };
        true
    }

    /// It goes back to the queue after its worker was lost. False when nobody waits for it any more.
    pub fn requeue(&self) -> bool {
        let mut state = self.lock();
        let wanted = !matches!(state.stage, Stage::Done);
        if wanted {
            state.stage = Stage::Queued;
        }
        wanted
    }

    /// Its answer. Returns false, and does nothing, when it had one already or was given up.
    pub fn complete(&self, outcome: Result<Bytes>) -> bool {
        let waker = {
            let mut state = self.lock();
            if matches!(state.stage, Stage::Done) {
                return false;
            }
            state.stage = Stage::Done;
            let attempts = state.attempts;
            state.outcome =
                Some(outcome.map_err(|error| error.for_tool(&self.request.target).after_attempts(attempts)));
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// An item of its stream.
    pub(super) fn push(&self, item: Item) {
        let waker = {
            let mut state = self.lock();
            state.received += 1;
            if matches!(state.stage, Stage::Done) {
                return;
            }
            state.items.push_back(item);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nobody waits for it any more. Returns where it was.
    pub fn abandon(&self) -> Stage {
        let mut state = self.lock();
        state.waker = None;
        state.items.clear();
        std::mem::replace(&mut state.stage, Stage::Done)
    }

    /// Waits for the answer.
    pub fn poll_outcome(&self, context: &mut Context<'_>) -> Poll<Result<Bytes>> {
        let mut state = self.lock();
        if let Some(outcome) = state.outcome.take() {
            return Poll::Ready(outcome);
        }
        register(&mut state.waker, context);
        Poll::Pending
    }

    /// Waits for the next item, or the end. Items that came before an error are delivered before it.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.lock();
        if let Some(item) = state.items.pop_front() {
            let origin = match &state.stage {
                Stage::Sent { link, id } => Some((Arc::clone(link), *id)),
                // The stream has ended: nobody waits for the credit.
                _ => None,
            };
            return Poll::Ready(Next::Item(item, origin));
        }
        match state.outcome.take() {
            Some(Ok(value)) => Poll::Ready(Next::End(value)),
            Some(Err(error)) => Poll::Ready(Next::Failed(error)),
            None => {
                register(&mut state.waker, context);
                Poll::Pending
            }
        }
    }
}

fn register(waker: &mut Option<Waker>, context: &Context<'_>) {
    match waker {
        Some(waker) if waker.will_wake(context.waker()) => {}
        waker => *waker = Some(context.waker().clone()),
    }
}
