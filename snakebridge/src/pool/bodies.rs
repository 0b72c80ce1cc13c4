//! Whether a worker would look into the arguments of a call: what it would refuse is not sent.

use crate::error::{Error, ErrorKind, Executed, Result};
use crate::wire::msgpack::Reader;
use crate::wire::{Limits, Violation};

/// Whether a worker will look into the arguments: how long they are, how deep, and how many values are in them.
pub(super) fn check_body(body: &[u8], limits: &Limits) -> Result<()> {
    let size = body.len() as u64;
    if size > limits.body {
        return Err(Error::new(ErrorKind::PayloadTooLarge { size, limit: limits.body }, Executed::Never));
    }
    // Every level and every value takes a byte at least, so that small arguments need no look.
    if size <= limits.depth.min(limits.items) {
        return Ok(());
    }
    match Reader::new(body).value(limits.depth, limits.items) {
        Err(Violation::Depth(limit)) => {
            Err(Error::invalid_argument(format!("the arguments are nested more than {limit} levels deep")))
        }
        Err(Violation::Items(limit)) => Err(Error::invalid_argument(format!(
            "the arguments have more than {limit} values in them: pass them as bytes, as a stream, or in several calls"
        ))),
        // What encoded them writes nothing else that a reader would refuse.
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_no_worker_would_look_into_are_refused_by_name() {
        let limits = Limits { body: 10_000, depth: 8, items: 100, ..Limits::default() };
        let refused =
            |body: &[u8]| check_body(body, &limits).map_err(|error| (error.code().to_owned(), error.to_string()));
        assert_eq!(refused(&[0x80]), Ok(()));
        assert_eq!(refused(&[&[0x91; 7][..], &[0x90]].concat()), Ok(()));
        let (code, message) = refused(&[&[0x91; 8][..], &[0x90]].concat()).unwrap_err();
        assert!(code == "invalid_argument" && message.contains("more than 8 levels"), "{message}");
        let (code, message) = refused(&[&[0xdc, 0, 200][..], &[1; 200]].concat()).unwrap_err();
        assert!(code == "invalid_argument" && message.contains("more than 100 values"), "{message}");
        assert_eq!(refused(&[0; 10_001]).unwrap_err().0, "payload_too_large");
    }
}
