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
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        calls: Vec<Calls>,
        answers: Vec<Answers>,
        invalid: Vec<Invalid>,
    }

    #[derive(Deserialize)]
    struct Calls {
        name: String,
        body: String,
        #[serde(rename = "calls")]
        each: Vec<Call>,
    }

    #[derive(Deserialize)]
    struct Call {
        arguments: String,
        correlation_id: Option<String>,
    }

    #[derive(Deserialize)]
    struct Answers {
        name: String,
        body: String,
        #[serde(rename = "answers")]
        each: Vec<Answer>,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Answer {
        Result { result: String },
        Error { code: String, executed: String },
    }

    #[derive(Deserialize)]
    struct Invalid {
        name: String,
        calls: usize,
        body: String,
    }

    fn vectors() -> Vectors {
        serde_json::from_str(include_str!("../../../tests/vectors/batches.json")).unwrap()
    }

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits = |place: usize| u8::from_str_radix(&hexadecimal[place..place + 2], 16).unwrap();
        (0..hexadecimal.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn calls_stay_documents_of_their_own_beside_each_other() {
        for vector in vectors().calls {
            let mut batch = BatchArguments::with_room(0);
            for call in &vector.each {
                batch.add(&bytes(&call.arguments), call.correlation_id.as_deref());
            }
            assert_eq!(batch.finish(), bytes(&vector.body), "{}", vector.name);
        }
    }

    #[test]
    fn each_call_has_its_own_result_or_error() {
        for vector in vectors().answers {
            let answers = read_batch(&bytes(&vector.body).into(), vector.each.len()).unwrap();
            for (answer, expected) in answers.into_iter().zip(vector.each) {
                match (answer, expected) {
                    (Ok(answer), Answer::Result { result }) => assert_eq!(answer, bytes(&result), "{}", vector.name),
                    (Err(error), Answer::Error { code, executed }) => {
                        assert_eq!((error.code(), error.executed().to_string()), (&*code, executed), "{}", vector.name);
                    }
                    (answer, _) => panic!("{}: {answer:?}", vector.name),
                }
            }
        }
    }

    #[test]
    fn what_is_no_answer_of_a_batch_is_a_violation() {
        for vector in vectors().invalid {
            let error = read_batch(&bytes(&vector.body).into(), vector.calls).unwrap_err();
            assert_eq!(error.code(), "protocol", "{}", vector.name);
        }
    }
}
