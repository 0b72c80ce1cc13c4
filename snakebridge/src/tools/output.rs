//! From what a `#[tool]` function returns to the body of a REPLY.
//!
//! A tool may return a plain value, a `Result` or an [`Outcome`]. The macro cannot tell them apart by their names (anyone
//! may call a type alias `Result`), so it lets method resolution do it: `(&&&Output::new(value)).encode()` finds the most
//! particular implementation first. What a type lacks is a bound of the method itself: it takes no part in the choice, so
//! that the compiler names the bound that is not met, instead of saying that there is no such method.

use std::cell::Cell;
use std::fmt::Display;

use bytes::Bytes;
use serde::Serialize;

use super::{Outcome, ToolError};
use crate::body;
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::value::Value;

/// What a tool may return to Python.
#[diagnostic::on_unimplemented(
    message = "a tool cannot return `{Self}`: it is not `Serialize`",
    label = "cannot be sent to Python",
    note = "derive it with `#[derive(serde::Serialize)]`"
)]
pub trait ToolValue: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> ToolValue for T {}

/// What a tool may fail with.
#[diagnostic::on_unimplemented(
    message = "a tool cannot fail with `{Self}`: it is not `Display`",
    label = "cannot be told to Python",
    note = "implement `Display` for it, or `From<{Self}> for snakebridge::tools::ToolError` to say a code and data too"
)]
pub trait ToolFailure: Display {}

#[diagnostic::do_not_recommend]
impl<E: Display + ?Sized> ToolFailure for E {}

/// What a tool returned, until it is encoded.
pub struct Output<T>(Cell<Option<T>>);

impl<T> std::fmt::Debug for Output<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Output(..)")
    }
}

impl<T> Output<T> {
    /// What a tool returned.
    pub fn new(value: T) -> Self {
        Self(Cell::new(Some(value)))
    }

    fn take(&self) -> Result<T> {
        self.0.take().ok_or_else(|| unserializable("the result was encoded twice".to_owned()))
    }
}

/// Tried first: the tool returned a `Result` whose error says more than its text.
pub trait ViaToolError {
    /// What it returned when it went well.
    type Value;

    /// The REPLY's body, or the error.
    fn encode(&self) -> Result<Bytes>
    where
        Self::Value: ToolValue;
}

impl<T, E: Into<ToolError>> ViaToolError for &&Output<Result<T, E>> {
    type Value = T;

    fn encode(&self) -> Result<Bytes>
    where
        T: ToolValue,
    {
        match self.take()? {
            Ok(value) => ran(body::encode(&value)),
            Err(error) => Err(error.into().into()),
        }
    }
}

/// Tried second: the tool returned another `Result`.
pub trait ViaResult {
    /// What it returned when it went well.
    type Value;
    /// What it returned when it did not.
    type Failure;

    /// The REPLY's body, or the error.
    fn encode(&self) -> Result<Bytes>
    where
        Self::Value: ToolValue,
        Self::Failure: ToolFailure;
}

impl<T, E> ViaResult for &Output<Result<T, E>> {
    type Value = T;
    type Failure = E;

    fn encode(&self) -> Result<Bytes>
    where
        T: ToolValue,
        E: ToolFailure,
    {
        match self.take()? {
            Ok(value) => ran(body::encode(&value)),
            Err(error) => Err(ToolError::new("error", error.to_string()).into()),
        }
    }
}

/// Tried with the second: the tool returned an outcome.
pub trait ViaOutcome {
    /// What it returned when it went well.
    type Value;
    /// Why it did not.
    type Reason;

    /// The REPLY's body, or the error.
    fn encode(&self) -> Result<Bytes>
    where
        Self::Value: ToolValue,
        Self::Reason: ToolValue;
}

impl<T, R> ViaOutcome for &Output<Outcome<T, R>> {
    type Value = T;
    type Reason = R;

    fn encode(&self) -> Result<Bytes>
    where
        T: ToolValue,
        R: ToolValue,
    {
        match self.take()? {
            Outcome::Ok(value) => ran(body::encode(&value)),
            Outcome::Error(reason) => {
                let reason =
                    Value::from_serialize(&reason).map_err(|error| unserializable(error.kind().to_string()))?;
                let message = reason.as_str().map_or_else(|| reason.to_string(), str::to_owned);
                let kind = ErrorKind::HostTool { code: "error".to_owned(), message, data: Some(reason) };
                Err(Error::new(kind, Executed::Yes))
            }
        }
    }
}

/// Tried last: the tool returned a value.
pub trait ViaValue {
    /// What it returned.
    type Value;

    /// The REPLY's body.
    fn encode(&self) -> Result<Bytes>
    where
        Self::Value: ToolValue;
}

impl<T> ViaValue for Output<T> {
    type Value = T;

    fn encode(&self) -> Result<Bytes>
    where
        T: ToolValue,
    {
        ran(body::encode(&self.take()?))
    }
}

/// The tool has run by now, whatever becomes of its result.
fn ran(encoded: Result<Bytes>) -> Result<Bytes> {
    encoded.map_err(|error| unserializable(error.kind().to_string()))
}

fn unserializable(message: String) -> Error {
    Error::new(ErrorKind::Unserializable { message }, Executed::Yes)
}

#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "generated code borrows as often whatever the tool returns")]
mod tests {
    use super::*;

    struct Odd(i64);

    impl From<Odd> for ToolError {
        fn from(Odd(number): Odd) -> Self {
            Self::new("odd", format!("{number} is odd")).with_data(&number)
        }
    }

    #[test]
    fn a_result_is_opened_and_a_plain_value_is_taken_as_it_is() {
        let ok: std::result::Result<i32, String> = Ok(7);
        let err: std::result::Result<i32, String> = Err("too odd".into());
        assert_eq!((&&&Output::new(ok)).encode().unwrap()[..], [7]);
        assert_eq!((&&&Output::new(7)).encode().unwrap()[..], [7]);
        let error = (&&&Output::new(err)).encode().unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("host_tool", "error: too odd"));
    }

    #[test]
    fn an_error_that_knows_more_says_it() {
        let ok: std::result::Result<i32, Odd> = Ok(8);
        assert_eq!((&&&Output::new(ok)).encode().unwrap()[..], [8]);
        let err: std::result::Result<i32, Odd> = Err(Odd(7));
        let error = (&&&Output::new(err)).encode().unwrap_err();
        let ErrorKind::HostTool { code, message, data } = error.kind() else { panic!("{error}") };
        assert_eq!((code.as_str(), message.as_str(), data), ("odd", "7 is odd", &Some(Value::from(7))));
    }

    #[test]
    fn the_reason_of_an_outcome_is_data_and_its_text_the_message() {
        let ok: Outcome<i32> = Outcome::Ok(7);
        assert_eq!((&&&Output::new(ok)).encode().unwrap()[..], [7]);
        let told: Outcome<i32> = Outcome::Error("no key".into());
        let error = (&&&Output::new(told)).encode().unwrap_err();
        let ErrorKind::HostTool { code, message, data } = error.kind() else { panic!("{error}") };
        assert_eq!((code.as_str(), message.as_str(), data), ("error", "no key", &Some(Value::from("no key"))));
        let told: Outcome<(), Vec<u8>> = Outcome::Error(vec![1, 2]);
        let error = (&&&Output::new(told)).encode().unwrap_err();
        assert_eq!(error.to_string(), "error: [1, 2]");
    }
}
