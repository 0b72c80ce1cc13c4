//! From what a `#[tool]` function returns to the body of a REPLY.
//!
//! A tool may return a plain value or a `Result`. The macro cannot tell the two apart by their names (anyone may call a
//! type alias `Result`), so it lets method resolution do it: `(&&Output(value)).encode()` finds the implementation
//! for results before the one for any value.

use std::fmt::Display;

use bytes::Bytes;
use serde::Serialize;

use crate::body;
use crate::error::{Error, ErrorKind, Executed, Result};

/// What a tool returned.
#[derive(Debug)]
pub struct Output<T>(pub T);

/// Tried first: the tool returned a `Result`.
pub trait ViaResult {
    /// The REPLY's body, or the error.
    fn encode(&self) -> Result<Bytes>;
}

impl<T: Serialize, E: Display> ViaResult for &Output<Result<T, E>> {
    fn encode(&self) -> Result<Bytes> {
        match &self.0 {
            Ok(value) => ran(body::encode(value)),
            Err(error) => {
                let kind = ErrorKind::HostTool { code: "error".to_owned(), message: error.to_string(), data: None };
                Err(Error::new(kind, Executed::Yes))
            }
        }
    }
}

/// Tried second: the tool returned a value.
pub trait ViaValue {
    /// The REPLY's body.
    fn encode(&self) -> Result<Bytes>;
}

impl<T: Serialize> ViaValue for Output<T> {
    fn encode(&self) -> Result<Bytes> {
        ran(body::encode(&self.0))
    }
}

/// The tool has run by now, whatever becomes of its result.
fn ran(encoded: Result<Bytes>) -> Result<Bytes> {
    encoded.map_err(|error| Error::new(ErrorKind::Unserializable { message: error.kind().to_string() }, Executed::Yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_opened_and_a_plain_value_is_taken_as_it_is() {
        let ok: std::result::Result<i32, String> = Ok(7);
        let err: std::result::Result<i32, String> = Err("too odd".into());
        assert_eq!((&&Output(ok)).encode().unwrap()[..], [7]);
        assert_eq!(Output(7).encode().unwrap()[..], [7]);
        let error = (&&Output(err)).encode().unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("host_tool", "error: too odd"));
    }
}
