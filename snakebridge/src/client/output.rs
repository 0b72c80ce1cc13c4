//! What methods of a `#[python_tool]` trait may return, as bounds that explain themselves.

use serde::de::DeserializeOwned;

use crate::error::Error;

/// The return type of a `#[python_tool]` method: a `Result` whose value can be decoded and whose error can hold ours.
#[diagnostic::on_unimplemented(
    message = "a Python tool cannot return `{Self}`",
    label = "expected `Result<T>` or `Result<T, E>` with `T: Deserialize` and `E: From<snakebridge::Error>`"
)]
pub trait CallOutput {
    /// What the tool returns.
    type Value: DeserializeOwned;
    /// What a failed call returns.
    type Error: From<Error>;
}

impl<T: DeserializeOwned, E: From<Error>> CallOutput for std::result::Result<T, E> {
    type Value = T;
    type Error = E;
}

/// The item type of a streaming `#[python_tool]` method.
#[diagnostic::on_unimplemented(
    message = "a Python tool cannot stream items of `{Self}`",
    label = "expected `impl Stream<Item = Result<T>>` with `T: Deserialize`"
)]
pub trait StreamOutput {
    /// What the tool yields.
    type Value: DeserializeOwned;
    /// What a failed stream ends with.
    type Error: From<Error>;
}

impl<T: DeserializeOwned, E: From<Error>> StreamOutput for std::result::Result<T, E> {
    type Value = T;
    type Error = E;
}
