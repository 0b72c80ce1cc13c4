//! The calls of several callers in one body, and their answers in one.
//!
//! Each caller's arguments and each one's result stay a document of its own, as bytes: nothing that is in one can make
//! another unreadable, and the limits hold for each.

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Executed, Result};
use crate::wire::Violation;
use crate::wire::msgpack::{Reader, put_array, put_bytes, put_nil, put_str};

/// The arguments of several calls, put together: `[[[arguments, correlation id or nil], ..]]`.
#[derive(Debug)]
pub(crate) struct BatchArguments {
    calls: u32,
    body: Vec<u8>,
}

impl BatchArguments {
    /// Of no calls yet, with room for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self { calls: 0, body: Vec::with_capacity(bytes) }
    }

    /// Adds the encoded arguments of a call.
    pub(crate) fn add(&mut self, arguments: &[u8], correlation_id: Option<&str>) {
        self.calls += 1;
        put_array(&mut self.body, 2);
        put_bytes(&mut self.body, arguments);
        match correlation_id {
            Some(id) => put_str(&mut self.body, id),
            None => put_nil(&mut self.body),
        }
    }

    /// The body of the CALL.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 6);
        put_array(&mut out, 1);
        put_array(&mut out, self.calls);
        out.extend_from_slice(&self.body);
        out
    }
}

/// The answers of so many calls, in their order: `[result as bytes, or [code, executed, error body as bytes], ..]`.
///
/// # Errors
/// A violation of the protocol, when it is anything else.
pub(crate) fn read_batch(body: &Bytes, calls: usize) -> Result<Vec<Result<Bytes>>> {
    let broken = |violation| Error::new(ErrorKind::Protocol(violation), Executed::Maybe);
    let mut reader = Reader::new(body);
    let count = reader.array().map_err(broken)?;
    if count != calls as u64 {
        return Err(broken(Violation::Shape("a batch has as many answers as calls")));
    }
    let answers = (0..calls).map(|_| read_answer(&mut reader, body)).collect::<Result<_, _>>().map_err(broken)?;
    match reader.position() {
        end if end == body.len() => Ok(answers),
        _ => Err(broken(Violation::Shape("bytes behind the answers of a batch"))),
    }
}

fn read_answer(reader: &mut Reader<'_>, body: &Bytes) -> Result<Result<Bytes>, Violation> {
    if !matches!(reader.peek(), Some(0x90..=0x9f)) {
        return Ok(Ok(body.slice_ref(reader.bytes()?)));
    }
    if reader.array()? != 3 {
        return Err(Violation::Shape("an error in a batch has code, executed and body"));
    }
    let code = reader.str()?;
    let executed = Executed::from_wire(reader.uint()?).ok_or(Violation::Shape("no such word for `executed`"))?;
    Ok(Err(Error::from_wire(code, executed, reader.bytes()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_stay_documents_of_their_own_beside_each_other() {
        let mut batch = BatchArguments::with_room(0);
        batch.add(&[0x80], None);
        batch.add(&[0x81, 0xa1, b'a', 1], Some("id"));
        let expected =
            [&[0x91, 0x92, 0x92, 0xc4, 1, 0x80, 0xc0, 0x92, 0xc4, 4, 0x81, 0xa1, b'a', 1, 0xa2][..], b"id"].concat();
        assert_eq!(batch.finish(), expected);
    }

    #[test]
    fn each_call_has_its_own_result_or_error() {
        let error = [&[0x93, 0xa4][..], b"tool", &[2, 0xc4, 1, 0x80]].concat();
        let body = Bytes::from([&[0x92, 0xc4, 1, 7][..], &error].concat());
        let answers = read_batch(&body, 2).unwrap();
        assert_eq!(answers[0].as_ref().unwrap()[..], [7]);
        let error = answers[1].as_ref().unwrap_err();
        assert_eq!((error.code(), error.executed()), ("tool", Executed::Yes));
    }

    #[test]
    fn what_is_no_answer_of_a_batch_is_a_violation() {
        let bad: [&[u8]; 6] = [&[0xc0], &[0x90], &[0x91, 0x07], &[0x91, 0x91, 0xc0], &[0x91, 0xc4, 1, 7, 7], &[0x91]];
        for body in bad {
            let error = read_batch(&Bytes::from_static(body), 1).unwrap_err();
            assert_eq!(error.code(), "protocol", "{body:?}");
        }
    }
}
