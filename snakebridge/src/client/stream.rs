//! The stream of what a Python generator yields.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use serde::de::DeserializeOwned;

use super::call::{add_binary, decode};
use super::options::option_methods;
use super::prepared::{OnProgress, Prepared};
use super::{CallOptions, Caller};
use crate::body::Encoded;
use crate::error::{Error, Result};
use crate::link::{Item, Next, PendingCall, ToolName};
use crate::telemetry::Progress;
use crate::value::Value;
use crate::wire::frame::item_flag;

/// The items of a streaming Python tool, in order.
///
/// It opens when it is first polled. Items wait in Python until there is room here: a consumer that stops polling stops
/// the generator. Dropping the stream closes the generator, whose `finally` blocks run. After an error the stream has
/// ended; items that came before the error are delivered before it.
#[must_use = "a stream does nothing until it is polled"]
pub struct ToolStream<T, E = Error> {
    prepared: Prepared,
    state: State,
    output: PhantomData<fn() -> Result<T, E>>,
}

enum State {
    New(Result<Encoded>),
    Open(Arc<PendingCall>),
    /// With what the generator returned, if it ended well.
    Ended(Bytes),
}

impl State {
    const ENDED: Self = Self::Ended(Bytes::new());
}

/// An item with what the tool said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk<T> {
    /// The item.
    pub data: T,
    /// The tool marked it as its last. Only a mark: the end of the stream is its end.
    pub is_final: bool,
    /// What the tool attached, nil if nothing.
    pub metadata: Value,
}

impl<T, E> ToolStream<T, E> {
    pub(super) fn new(caller: &Caller, tool: ToolName, arguments: Result<Encoded>, options: CallOptions) -> Self {
        Self { prepared: Prepared::new(caller, tool, options), state: State::New(arguments), output: PhantomData }
    }

    option_methods!(prepared.options);

    /// Calls `hears` with how far the stream is, whenever its tool has said so by `session_context.progress(..)`, or a Rust tool
    /// that it calls by [`ToolContext::progress`](crate::ToolContext::progress). It is called where the stream is polled, and
    /// must not block. Progress is lossy: of several that come between two looks it hears the last. A call that is repeated
    /// begins anew.
    ///
    /// ```no_run
    /// # use snakebridge::prelude::*;
    /// # async fn example(bridge: Bridge) -> Result<()> {
    /// let rows = bridge.stream::<Value>("rows", args! {});
    /// let mut rows = rows.on_progress(|progress| println!("{progress:?}"));
    /// while let Some(row) = rows.next().await {
    ///     println!("{:?}", row?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_progress(mut self, hears: impl FnMut(Progress) + Send + 'static) -> Self {
        self.prepared.on_progress = Some(OnProgress::new(hears));
        self
    }

    /// The same stream with each item in its envelope: whether it is marked final, and its metadata.
    pub fn chunks(self) -> Chunks<T, E> {
        Chunks(self)
    }

    /// What the Python generator returned by its `return`, once the stream has ended well; `None` before that, and when
    /// it returned nothing.
    ///
    /// ```no_run
    /// # use snakebridge::prelude::*;
    /// # async fn example(bridge: Bridge) -> Result<()> {
    /// let mut rows = bridge.stream::<Value>("rows", args! {});
    /// while let Some(row) = rows.next().await {
    ///     println!("{:?}", row?);
    /// }
    /// let total: Option<u64> = rows.returned()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Unserializable` when the value does not fit `R`.
    pub fn returned<R: DeserializeOwned>(&self) -> Result<Option<R>> {
        match &self.state {
            State::Ended(value) if !value.is_empty() => decode(&self.prepared.tool, value).map(Some),
            _ => Ok(None),
        }
    }

    /// How many bytes of items may be ahead of the consumer, in Python, in the pipe and here, together with one item beyond
    /// that: 64 KiB to 1 GiB. Larger ones let a generator run ahead of a consumer that takes items in bursts, smaller ones
    /// save memory. Default: [`Limits::window`](crate::wire::Limits::window) of the pool, which is 256 KiB.
    pub fn window(mut self, bytes: u64) -> Self {
        self.prepared.options.handling.window = Some(bytes);
        self
    }

    /// Adds a named argument of bytes to those that the stream has.
    #[must_use]
    pub fn binary(mut self, name: &str, data: impl Into<Bytes>) -> Self {
        if let State::New(arguments) = &mut self.state {
            add_binary(arguments, name, &data.into());
        }
        self
    }

    /// The items, each of which is waited for on this thread, in a program that is not asynchronous. Where that is possible,
    /// [`Call::wait`](super::Call::wait) says; where it is not, the only item is an error.
    pub fn wait(self) -> BlockingItems<T, E> {
        BlockingItems { stream: Some(self) }
    }

    /// The next item, still encoded.
    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Item>>> {
        if let State::New(_) = self.state {
            let State::New(arguments) = std::mem::replace(&mut self.state, State::ENDED) else { unreachable!() };
            match self.prepared.submit(arguments, true) {
                Ok(call) => self.state = State::Open(call),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        let State::Open(call) = &self.state else { return Poll::Ready(None) };
        let next = call.poll_next(context);
        self.prepared.tell_progress(call);
        let next = ready!(next);
        Poll::Ready(match next {
            Next::Item(item, origin) => {
                if let Some((link, id)) = origin {
                    link.consumed(id, item.body.len());
                }
                Some(Ok(item))
            }
            Next::End(value) => {
                self.state = State::Ended(value);
                None
            }
            Next::Failed(error) => {
                self.state = State::ENDED;
                Some(Err(error))
            }
        })
    }

    fn close(&mut self) {
        if let State::Open(call) = &self.state {
            self.prepared.abandon(call);
            self.state = State::ENDED;
        }
    }
}

impl<T: DeserializeOwned, E: From<Error>> ToolStream<T, E> {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Chunk<T>, E>>> {
        let Some(item) = ready!(self.poll_item(context)) else { return Poll::Ready(None) };
        let chunk = item.and_then(|item| {
            let is_final = item.flags & item_flag::FINAL != 0;
            if item.flags & item_flag::METADATA == 0 {
                let data = decode(&self.prepared.tool, &item.body)?;
                Ok(Chunk { data, is_final, metadata: Value::Nil })
            } else {
                let (data, metadata) = decode(&self.prepared.tool, &item.body)?;
                Ok(Chunk { data, is_final, metadata })
            }
        });
        if chunk.is_err() {
            self.close();
        }
        Poll::Ready(Some(chunk.map_err(E::from)))
    }
}

impl<T, E> std::fmt::Debug for ToolStream<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolStream").field("prepared", &self.prepared).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned, E: From<Error>> Stream for ToolStream<T, E> {
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(context).map(|next| next.map(|chunk| chunk.map(|chunk| chunk.data)))
    }
}

impl<T, E> Drop for ToolStream<T, E> {
    fn drop(&mut self) {
        self.close();
    }
}

/// See [`ToolStream::wait`]. Dropping it closes the generator.
#[derive(Debug)]
#[must_use = "a stream does nothing until it is polled"]
pub struct BlockingItems<T, E = Error> {
    stream: Option<ToolStream<T, E>>,
}

impl<T: DeserializeOwned, E: From<Error>> Iterator for BlockingItems<T, E> {
    type Item = Result<T, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let stream = self.stream.as_mut()?;
        let next = stream.prepared.shared().and_then(|shared| shared.wait_for(stream.next()));
        if !matches!(next, Ok(Some(_))) {
            self.stream = None;
        }
        next.unwrap_or_else(|error| Some(Err(error.into())))
    }
}

/// See [`ToolStream::chunks`].
#[derive(Debug)]
#[must_use = "a stream does nothing until it is polled"]
pub struct Chunks<T, E = Error>(ToolStream<T, E>);

impl<T: DeserializeOwned, E: From<Error>> Stream for Chunks<T, E> {
    type Item = Result<Chunk<T>, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_chunk(context)
    }
}
