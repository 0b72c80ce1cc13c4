//! The future of one call.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use serde::de::DeserializeOwned;

use super::options::option_methods;
use super::prepared::Prepared;
use super::{CallOptions, Caller};
use crate::body::{self, Encoded};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::link::{PendingCall, ToolName};

/// A call of a Python tool: a future of its result, with options to set before it is first polled.
///
/// The arguments are encoded when the call is made and its deadline starts then; it is sent when it is first polled.
/// Dropping it cancels it: waiting, it never runs; running, Python is told to stop.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<T, E = Error> {
    prepared: Prepared,
    state: State,
    output: PhantomData<fn() -> Result<T, E>>,
}

enum State {
    /// Not polled yet; an encoding error waits here for the first poll.
    New(Result<Encoded>),
    Waiting(Arc<PendingCall>),
    Done,
}

impl<T, E> Call<T, E> {
    pub(super) fn new(caller: &Caller, tool: ToolName, arguments: Result<Encoded>, options: CallOptions) -> Self {
        Self { prepared: Prepared::new(caller, tool, options), state: State::New(arguments), output: PhantomData }
    }

    option_methods!();
}

impl<T, E> std::fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("prepared", &self.prepared).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned, E: From<Error>> Future for Call<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A call may be answered without ever waiting: it still takes turns with the other tasks.
        let turn = ready!(tokio::task::coop::poll_proceed(context));
        let this = &mut *self;
        if let State::New(_) = this.state {
            let State::New(arguments) = std::mem::replace(&mut this.state, State::Done) else { unreachable!() };
            match this.prepared.submit(arguments, false) {
                Ok(call) => this.state = State::Waiting(call),
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        let outcome = match &this.state {
            State::Waiting(call) => ready!(call.poll_outcome(context)),
            State::New(_) | State::Done => panic!("a call was polled after it had completed"),
        };
        turn.made_progress();
        this.state = State::Done;
        Poll::Ready(outcome.and_then(|bytes| decode(&this.prepared.tool, &bytes)).map_err(E::from))
    }
}

/// Decodes what a tool returned; the tool has run, so a misfit says so.
pub(super) fn decode<T: DeserializeOwned>(tool: &str, bytes: &[u8]) -> Result<T> {
    body::decode(bytes).map_err(|error| {
        let message = format!("the tool's result does not fit the Rust type: {}", error.kind());
        Error::new(ErrorKind::Unserializable { message }, Executed::Yes).for_tool(tool)
    })
}

impl<T, E> Drop for Call<T, E> {
    fn drop(&mut self) {
        if let State::Waiting(call) = &self.state {
            self.prepared.abandon(call);
        }
    }
}
