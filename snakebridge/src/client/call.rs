//! The future of one call.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::kept::{Asked, Followed, Follower, Run};
use super::objects::Origin;
use super::options::option_methods;
use super::prepared::{OnProgress, Prepared};
use super::{CallOptions, Caller, Keep};
use crate::body::{self, Encoded};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::link::{PendingCall, ToolName};
use crate::telemetry::Progress;

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
    /// Its run, if the result is to be kept.
    run: Option<Box<Run>>,
}

enum State {
    /// Not polled yet; an encoding error waits here for the first poll.
    New(Result<Encoded>),
    Waiting(Arc<PendingCall>),
    /// Another call asks for the same, and runs.
    Following(Box<Follower>, Result<Encoded>),
    Done,
}

/// What a notification returns: an encoded nil.
const NOTHING: &[u8] = &[0xc0];

impl<T, E> Call<T, E> {
    pub(super) fn new(caller: &Caller, tool: ToolName, arguments: Result<Encoded>, options: CallOptions) -> Self {
        let ongoing =
            Ongoing { prepared: Prepared::new(caller, tool, options), state: State::New(arguments), run: None };
        Self { ongoing, output: PhantomData }
    }

    option_methods!(ongoing.prepared.options);

    /// Calls `hears` with how far the call is, whenever its tool has said so by `session_context.progress(..)`, or a Rust tool
    /// that it calls by [`ToolContext::progress`](crate::ToolContext::progress). It is called where the call is polled, and
    /// must not block. Progress is lossy: of several that come between two looks it hears the last. A call that is repeated
    /// begins anew.
    ///
    /// ```no_run
    /// # use snakebridge::prelude::*;
    /// # async fn example(bridge: Bridge) -> Result<()> {
    /// let trained = bridge.call::<Value>("train", args! { rows: 10_000 });
    /// let model = trained.on_progress(|progress| println!("{:.0?} %", progress.fraction.map(|done| done * 100.0))).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_progress(mut self, hears: impl FnMut(Progress) + Send + 'static) -> Self {
        self.ongoing.prepared.on_progress = Some(OnProgress::new(hears));
        self
    }

    /// Keeps the result for so long, for calls of the same tool with the same arguments in the same session that say how old
    /// it may be in this manner; and takes one that is kept so instead of running, or the result of such a call that runs at
    /// the moment. Only for tools whose result depends on nothing else. Errors are not kept. Default: as the tool says in
    /// Python, `@tool(cache="10m")`.
    #[must_use]
    pub fn cache(mut self, kept: Duration) -> Self {
        self.ongoing.prepared.options.keep = Keep::For(kept);
        self
    }

    /// Runs, whatever is kept and whoever runs, and keeps nothing.
    #[must_use]
    pub fn no_cache(mut self) -> Self {
        self.ongoing.prepared.options.keep = Keep::Never;
        self
    }

    /// Adds a named argument of bytes to those that the call has.
    #[must_use]
    pub fn binary(mut self, name: &str, data: impl Into<Bytes>) -> Self {
        if let State::New(arguments) = &mut self.ongoing.state {
            add_binary(arguments, name, &data.into());
        }
        self
    }

    /// Sends it, and lets nobody wait for it. Its failure is an event, or nothing if it cannot be sent.
    pub(super) fn send_and_forget(mut self) {
        let prepared = &mut self.ongoing.prepared;
        if let State::New(arguments) = std::mem::replace(&mut self.ongoing.state, State::Done)
            && let Ok(call) = prepared.submit(arguments, false)
        {
            prepared.attend(call);
        }
    }

    /// Makes it a notification: it is ready as soon as the pool has admitted it, so that a full queue is still an error
    /// here. Its result is dropped, and dropping it cancels nothing. A failure after that is an
    /// [`Event::NotificationFailed`](crate::telemetry::Event::NotificationFailed). The deadline counts as usual, and
    /// [`Bridge::shutdown`](crate::Bridge::shutdown) waits for it as for any call.
    pub fn notify(mut self) -> Call<(), E> {
        self.ongoing.prepared.options.notify = true;
        Call { ongoing: self.ongoing, output: PhantomData }
    }
}

impl<T: DeserializeOwned, E: From<Error>> Call<T, E> {
    /// Waits for the result on this thread, in a program that is not asynchronous. The bridge has to be driven by other
    /// threads: by its own runtime ([`Builder::own_runtime`](crate::Builder::own_runtime)), or by one of several threads.
    ///
    /// # Errors
    /// As those of the call, and `InvalidArgument` when the runtime of the bridge has a single thread, which would wait for
    /// itself.
    ///
    /// # Panics
    /// Inside a `LocalSet` on a runtime of several threads, as `tokio::task::block_in_place` does.
    pub fn wait(self) -> Result<T, E> {
        let shared = self.ongoing.prepared.shared()?;
        shared.wait_for(self)?
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
        let Ongoing { prepared, state, run } = &mut self.ongoing;
        // A call may be answered without ever waiting: it still takes turns with the other tasks.
        let turn = ready!(tokio::task::coop::poll_proceed(context));
        if let State::New(_) = state {
            let State::New(arguments) = std::mem::replace(state, State::Done) else { unreachable!() };
            if prepared.options.notify {
                return Poll::Ready(notify(prepared, arguments).map_err(E::from));
            }
            match prepared.ask(&arguments).map_err(E::from)? {
                Some(Asked::Kept(result)) => {
                    turn.made_progress();
                    return Poll::Ready(decode(&prepared.tool, &result).map_err(E::from));
                }
                Some(Asked::Follows(follower)) => *state = State::Following(Box::new(follower), arguments),
                asked => {
                    if let Some(Asked::Runs(leading)) = asked {
                        *run = Some(Box::new(leading));
                    }
                    *state = State::Waiting(prepared.submit(arguments, false).map_err(E::from)?);
                }
            }
        }
        if let State::Following(follower, _) = state {
            let followed = ready!(follower.poll(context));
            let State::Following(_, arguments) = std::mem::replace(state, State::Done) else { unreachable!() };
            match followed {
                Followed::Result(result) => {
                    turn.made_progress();
                    return Poll::Ready(decode(&prepared.tool, &result).map_err(E::from));
                }
                Followed::Late => return Poll::Ready(Err(prepared.late().into())),
                Followed::Leads(leading) => {
                    *run = Some(Box::new(leading));
                    *state = State::Waiting(prepared.submit(arguments, false).map_err(E::from)?);
                }
            }
        }
        let (outcome, origin) = match state {
            State::Waiting(call) => {
                let outcome = call.poll_outcome(context);
                prepared.tell_progress(call);
                (ready!(outcome), prepared.origin(call))
            }
            State::New(_) | State::Following(..) | State::Done => panic!("a call was polled after it had completed"),
        };
        turn.made_progress();
        *state = State::Done;
        // Without a result it goes, and the next one runs.
        if let (Some(run), Ok(result)) = (run.take(), &outcome) {
            run.landed(result);
        }
        Poll::Ready(
            outcome
                .and_then(|bytes| decode_from(prepared, origin, &bytes))
                .map_err(|error| prepared.explain(error).into()),
        )
    }
}

/// Sends a call for whose result nobody waits. A type that wants one is refused before anything runs.
fn notify<T: DeserializeOwned>(prepared: &mut Prepared, arguments: Result<Encoded>) -> Result<T> {
    let nothing = body::decode(NOTHING).map_err(|_| {
        let message = "a notification returns nothing: expected `Result<()>` where it is declared";
        Error::invalid_argument(message).for_tool(&prepared.tool)
    })?;
    let call = prepared.submit(arguments, false)?;
    prepared.attend(call);
    Ok(nothing)
}

/// Adds an argument of bytes to those of a call that is not sent yet.
pub(super) fn add_binary(arguments: &mut Result<Encoded>, name: &str, data: &Bytes) {
    let added = arguments.as_mut().map(|arguments| arguments.add_binary(name, data));
    if let Ok(Err(error)) = added {
        *arguments = Err(error);
    }
}

/// Decodes what a tool returned, with the objects in it.
pub(super) fn decode_from<T: DeserializeOwned>(prepared: &Prepared, origin: Option<Origin>, bytes: &[u8]) -> Result<T> {
    let decoded = || decode(&prepared.tool, bytes);
    match origin {
        Some(origin) => origin.decoding(bytes, decoded),
        None => decoded(),
    }
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
