//! Bodies of the errors that the native half reports by itself.

use snakebridge::Value;
use snakebridge::body;
use snakebridge::error::Exception;

/// The body of an ERROR without data.
pub(super) fn error_body(kind: &str, message: impl Into<String>) -> Vec<u8> {
    encode(&Exception::new(kind, message))
}

/// The body of `payload_too_large`.
pub(super) fn too_large_body(what: &str, size: u64, limit: u64) -> Vec<u8> {
    let message = format!("{what} has {size} bytes, the host accepts {limit}");
    let entry = |key: &str, value: u64| {
        let value = i64::try_from(value).map_or(Value::UInt(value), Value::Int);
        (Value::Str(key.to_owned()), value)
    };
    let mut exception = Exception::new("payload_too_large", message);
    exception.data = Some(Value::Map(vec![entry("size", size), entry("limit", limit)]));
    encode(&exception)
}

fn encode(exception: &Exception) -> Vec<u8> {
    // Strings and numbers can always be encoded; an ERROR without a body is legal too.
    body::encode(exception).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use snakebridge::error::{Error, ErrorKind};
    use snakebridge::wire::Executed;

    #[test]
    fn the_host_reads_size_and_limit_from_a_body_that_is_too_large() {
        let body = super::too_large_body("the result of `echo`", 2_000_000, 1_000_000);
        let error = Error::from_wire("payload_too_large", Executed::Yes, &body);
        assert!(matches!(error.kind(), ErrorKind::PayloadTooLarge { size: 2_000_000, limit: 1_000_000 }));
    }
}
