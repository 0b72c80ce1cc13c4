//! What methods of a `#[python_tool]` trait may return, as bounds that explain themselves.

use serde::de::DeserializeOwned;

use super::{Call, ToolStream};
use crate::error::Error;

/// What a tool may return to Rust.
#[diagnostic::on_unimplemented(
    message = "Python cannot return a `{Self}`: it is not `Deserialize`",
    label = "the result of a call comes from Python",
    note = "derive it with `#[derive(serde::Deserialize)]`"
)]
pub trait Returned: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Returned for T {}

/// What a call may fail with.
#[diagnostic::on_unimplemented(
    message = "a call cannot fail with `{Self}`: it is not `From<snakebridge::Error>`",
    label = "it has to hold what went wrong with a call",
    note = "implement `From<snakebridge::Error>` for it, or return `snakebridge::Result<T>`"
)]
pub trait Failure: From<Error> {}

#[diagnostic::do_not_recommend]
impl<E: From<Error>> Failure for E {}

/// The return type of a `#[python_tool]` method: a `Result` whose value can be decoded and whose error can hold ours.
#[diagnostic::on_unimplemented(
    message = "a Python tool cannot return `{Self}`",
    label = "expected `Result<T>` or `Result<T, E>` with `T: Deserialize` and `E: From<snakebridge::Error>`"
)]
pub trait CallOutput {
    /// What the client's method returns: a call that gives this.
    type Answer;
}

impl<T: Returned, E: Failure> CallOutput for Result<T, E> {
    type Answer = Call<T, E>;
}

/// The item type of a streaming `#[python_tool]` method.
#[diagnostic::on_unimplemented(
    message = "a Python tool cannot stream items of `{Self}`",
    label = "expected `impl Stream<Item = Result<T>>` with `T: Deserialize`"
)]
pub trait StreamOutput {
    /// What the client's method returns: a stream of this.
    type Answer;
}

impl<T: Returned, E: Failure> StreamOutput for Result<T, E> {
    type Answer = ToolStream<T, E>;
}
