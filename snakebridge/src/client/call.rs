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
    ongoing: Ongoing,
    output: PhantomData<fn() -> Result<T, E>>,
}

/// A call, whatever it returns.
struct Ongoing {
    prepared: Prepared,
    state: State,
}

enum State {
    /// Not polled yet; an encoding error waits here for the first poll.
    New(Result<Encoded>),
    Waiting(Arc<PendingCall>),
    Done,
}

/// What a notification returns: an encoded nil.
const NOTHING: &[u8] = &[0xc0];

impl<T, E> Call<T, E> {
    pub(super) fn new(caller: &Caller, tool: ToolName, arguments: Result<Encoded>, options: CallOptions) -> Self {
        let ongoing = Ongoing { prepared: Prepared::new(caller, tool, options), state: State::New(arguments) };
        Self { ongoing, output: PhantomData }
    }

    option_methods!(ongoing.prepared.options);

    /// Makes it a notification: it is ready as soon as the pool has admitted it, so that a full queue is still an error
    /// here. Its result is dropped, and dropping it cancels nothing. A failure after that is an
    /// [`Event::NotificationFailed`](crate::telemetry::Event::NotificationFailed). The deadline counts as usual, and
    /// [`Bridge::shutdown`](crate::Bridge::shutdown) waits for it as for any call.
    pub fn notify(mut self) -> Call<(), E> {
        self.ongoing.prepared.options.notify = true;
        Call { ongoing: self.ongoing, output: PhantomData }
    }
}

impl<T, E> std::fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("prepared", &self.ongoing.prepared).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned, E: From<Error>> Future for Call<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Ongoing { prepared, state } = &mut self.ongoing;
        // A call may be answered without ever waiting: it still takes turns with the other tasks.
        let turn = ready!(tokio::task::coop::poll_proceed(context));
        if let State::New(_) = state {
            let State::New(arguments) = std::mem::replace(state, State::Done) else { unreachable!() };
            if prepared.options.notify {
                return Poll::Ready(notify(prepared, arguments).map_err(E::from));
            }
            match prepared.submit(arguments, false) {
                Ok(call) => *state = State::Waiting(call),
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        let outcome = match state {
            State::Waiting(call) => ready!(call.poll_outcome(context)),
            State::New(_) | State::Done => panic!("a call was polled after it had completed"),
        };
        turn.made_progress();
        *state = State::Done;
        Poll::Ready(outcome.and_then(|bytes| decode(&prepared.tool, &bytes)).map_err(E::from))
    }
}

/// Sends a call for whose result nobody waits. A type that wants one is refused before anything runs.
fn notify<T: DeserializeOwned>(prepared: &Prepared, arguments: Result<Encoded>) -> Result<T> {
    let nothing = body::decode(NOTHING).map_err(|_| {
        let message = "a notification returns nothing: expected `Result<()>` where it is declared";
        Error::invalid_argument(message).for_tool(&prepared.tool)
    })?;
    prepared.attend(prepared.submit(arguments, false)?);
    Ok(nothing)
}

/// Decodes what a tool returned; the tool has run, so a misfit says so.
pub(super) fn decode<T: DeserializeOwned>(tool: &str, bytes: &[u8]) -> Result<T> {
    body::decode(bytes).map_err(|error| {
        let message = format!("the tool's result does not fit the Rust type: {}", error.kind());
        Error::new(ErrorKind::Unserializable { message }, Executed::Yes).for_tool(tool)
    })
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if let State::Waiting(call) = &self.state {
            self.prepared.abandon(call);
        }
    }
}
