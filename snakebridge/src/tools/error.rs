//! What a tool says to Python when it fails.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Executed};
use crate::value::Value;

/// Why a tool failed, as Python's `HostToolError` tells it: a code to decide by, a message to read, and data.
///
/// A tool whose error type is made into one (`impl From<MyError> for ToolError`) says all three; any other error that
/// is `Display` has the code `error` and its text.
///
/// ```
/// use snakebridge::tools::ToolError;
///
/// let error = ToolError::new("out_of_range", "-1 is below 0").with_data(&-1);
/// assert_eq!((error.code(), error.to_string().as_str()), ("out_of_range", "-1 is below 0"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ToolError {
    code: Cow<'static, str>,
    message: String,
    data: Option<Value>,
}

impl ToolError {
    /// An error with a code of the tool's own, such as `out_of_range`.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), data: None }
    }

    /// Adds data for Python to look into. What cannot be serialised is left out.
    #[must_use]
    pub fn with_data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.data = Value::from_serialize(data).ok();
        self
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The data.
    pub fn data(&self) -> Option<&Value> {
        self.data.as_ref()
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ToolError {}

impl From<Error> for ToolError {
    /// An error of a call that the tool made keeps its code.
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::HostTool { code, message, data } => {
                Self { code: code.clone().into(), message: message.clone(), data: data.clone() }
            }
            _ => Self::new(error.code().to_owned(), error.to_string()),
        }
    }
}

impl From<ToolError> for Error {
    fn from(ToolError { code, message, data }: ToolError) -> Self {
        Self::new(ErrorKind::HostTool { code: code.into_owned(), message, data }, Executed::Yes)
    }
}
