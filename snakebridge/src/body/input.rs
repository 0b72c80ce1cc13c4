//! Streams as arguments of a call.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use futures::{Stream, StreamExt};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use super::{Argument, encode};
use crate::error::Result;
use crate::value::extension::EXTENSION;
use crate::wire::limits::MAX_INPUTS;

/// The items of a stream among a call's arguments, encoded when they are pulled.
pub type InputStream = Pin<Box<dyn Stream<Item = Result<bytes::Bytes>> + Send>>;

/// The extension type that stands for a stream among the arguments of a call.
const STREAM: u8 = 6;

thread_local! {
    /// The streams that the arguments being encoded on this thread contain so far.
    static COLLECTED: RefCell<Option<Vec<InputStream>>> = const { RefCell::new(None) };
}

/// A stream as an argument: Python iterates over its items while they come.
///
/// A parameter `impl Stream<Item = T>` of a `#[python_tool]` method becomes one by itself. Wrap a stream where the
/// argument is dynamic, a field of a struct, or optional. It is pulled while the call runs, as far as the tool is behind
/// by no more than a window (256 KiB): a slow tool slows the stream down. What is not pulled when the call ends is dropped.
///
/// A call that has begun to pull a stream is not repeated when its worker is lost, idempotent or not.
///
/// ```no_run
/// # use snakebridge::prelude::*;
/// # async fn example(bridge: Bridge) -> Result<()> {
/// let numbers = futures::stream::iter(1..=1_000_000);
/// let sum: u64 = bridge.call("total", args! { values: Input::new(numbers) }).await?;
/// # Ok(())
/// # }
/// ```
pub struct Input<T> {
    items: Mutex<Option<InputStream>>,
    item: PhantomData<fn() -> T>,
}

impl<T> Input<T> {
    /// A stream that is to be an argument.
    pub fn new(stream: impl Stream<Item = T> + Send + 'static) -> Self
    where
        T: Argument,
    {
        let items: InputStream = Box::pin(stream.map(|item| encode(&item)));
        Self { items: Mutex::new(Some(items)), item: PhantomData }
    }
}

impl<T> std::fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input(..)")
    }
}

/// Encoding it takes the stream out: it is possible once, and only as part of the arguments of a call.
impl<T> Serialize for Input<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = COLLECTED.with_borrow_mut(|collected| {
            let collected = collected.as_mut().ok_or("a stream can only be an argument of a call of Python")?;
            let stream = self.items.lock().unwrap_or_else(PoisonError::into_inner).take();
            let stream = stream.ok_or("the stream was given to a call before")?;
            if collected.len() as u64 >= MAX_INPUTS {
                return Err("more than 16 of the arguments are streams");
            }
            collected.push(stream);
            Ok(collected.len())
        });
        let number = number.map_err(S::Error::custom)?.to_le_bytes()[0]; // at most 16, which is its own encoding
        serializer.serialize_newtype_struct(EXTENSION, &Content([STREAM, number]))
    }
}

/// The type and data of the extension.
struct Content([u8; 2]);

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

/// Runs `encode`, and adds the streams that it meets to `streams`.
pub(super) fn collecting<R>(streams: &mut Vec<InputStream>, encode: impl FnOnce() -> R) -> R {
    let outer = COLLECTED.replace(Some(std::mem::take(streams)));
    let result = encode();
    *streams = COLLECTED.replace(outer).unwrap_or_default();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Arguments;

    #[test]
    fn streams_are_numbered_as_they_stand_among_the_arguments() {
        let (first, second) = (Input::new(futures::stream::empty::<u8>()), Input::new(futures::stream::empty::<u8>()));
        let encoded = Arguments::new().positional(&first).named("b", &Some(second)).finish().unwrap();
        assert_eq!(encoded.inputs.len(), 2);
        assert_eq!(encoded.body, [0x92, 0x91, 0xd4, 6, 1, 0x81, 0xa1, b'b', 0xd4, 6, 2]);
    }

    #[test]
    fn a_stream_is_given_once_and_only_to_a_call() {
        let stream = Input::new(futures::stream::empty::<u8>());
        assert!(encode(&stream).unwrap_err().to_string().contains("only be an argument of a call"));
        assert!(Arguments::new().named("a", &stream).finish().is_ok());
        let error = Arguments::new().named("a", &stream).finish().unwrap_err().to_string();
        assert!(error.contains("argument `a`") && error.contains("given to a call before"), "{error}");
    }
}
