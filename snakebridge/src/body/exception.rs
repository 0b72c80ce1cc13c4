//! Errors to the bodies of ERROR frames and back.

use crate::error::{Error, ErrorKind, Exception};
use crate::value::Value;
use crate::wire::Executed;

impl Error {
    /// The error that an ERROR frame carries.
    pub fn from_wire(code: &str, executed: Executed, body: &[u8]) -> Self {
        // No body, no details: they were too large to send.
        let body = if body.is_empty() { &[0x80] } else { body };
        let exception: Exception = super::decode(body).unwrap_or_else(|undecodable: Error| {
            Exception::new("", format!("(the error itself could not be read: {undecodable})"))
        });
        let message = exception.message.clone();
        let kind = match code {
            "tool" => ErrorKind::Tool(Box::new(exception)),
            "invalid_argument" => ErrorKind::InvalidArgument { message },
            "unserializable" => ErrorKind::Unserializable { message },
            "tool_not_found" => ErrorKind::ToolNotFound { message },
            "reference_lost" => ErrorKind::ReferenceLost { message },
            "cancelled" => ErrorKind::Cancelled,
            "call_ended" => ErrorKind::CallEnded,
            "shutting_down" => ErrorKind::ShuttingDown,
            "payload_too_large" => {
                let number = |key: &str| exception.data.as_ref()?.get(key)?.as_u64();
                ErrorKind::PayloadTooLarge { size: number("size").unwrap_or(0), limit: number("limit").unwrap_or(0) }
            }
            "host_tool" => ErrorKind::HostTool { code: exception.type_name, message, data: exception.data },
            code => ErrorKind::Other { code: one_word(code), exception: Box::new(exception) },
        };
        Self::new(kind, executed)
    }

    /// The body of the ERROR frame that tells the peer about this error; its code is [`Error::code`].
    pub fn to_wire(&self) -> Vec<u8> {
        let exception = match self.kind() {
            ErrorKind::Tool(exception) | ErrorKind::Other { exception, .. } => (**exception).clone(),
            ErrorKind::HostTool { code, message, data } => {
                Exception { data: data.clone(), ..Exception::new(code, message) }
            }
            kind @ ErrorKind::Conflict { version } => {
                let data = Value::Map(vec![("version".into(), (*version).into())]);
                Exception { data: Some(data), ..Exception::new(kind.code(), kind.to_string()) }
            }
            kind => Exception::new(kind.code(), kind.to_string()),
        };
        // An exception is strings and an already encodable value: this cannot fail, and an empty body is still legal.
        super::encode(&exception).unwrap_or_default().to_vec()
    }
}

/// A code that a peer made up, fit for a line of a log.
fn one_word(code: &str) -> String {
    code.chars()
        .take(128)
        .map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_a_peer_made_up_is_one_short_line() {
        let error = Error::from_wire(&format!("new\n{}", "x".repeat(10_000)), Executed::Maybe, &[]);
        assert!(error.code().starts_with("new\u{fffd}xx") && error.code().chars().count() == 128);
    }
}
