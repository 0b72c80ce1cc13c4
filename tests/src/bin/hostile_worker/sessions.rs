//! A worker that asks for what belongs to another session than that of its call.

use std::collections::BTreeMap;
use std::io::{self, Read};

use snakebridge::wire::frame::CallHeader;
use snakebridge::wire::{Header, codec};
use snakebridge::{Value, body};

use crate::frames::{Answer, asks, frame, say};

/// The session that it names in its questions.
const THEIRS: &str = "theirs";

/// What it asks, one after the other.
fn questions() -> [(&'static str, Vec<(&'static str, Value)>); 8] {
    let key = || ("key", Value::from("k"));
    let value = || ("value", Value::from("stolen"));
    [
        ("$state.get", vec![key()]),
        ("$state.keys", vec![]),
        ("$state.cas", vec![key(), ("expected", 1.into()), value()]),
        ("$state.set", vec![key(), value()]),
        ("$state.delete", vec![key()]),
        ("$tools.list", vec![]),
        ("$tools.register", vec![("tools", Value::Array(vec!["lie".into()]))]),
        ("own", vec![]),
    ]
}

/// Asks, and answers its call with what it was told: by question, a value or the code of an error.
pub(crate) fn acts(lie: &str, answer: Answer) -> io::Result<bool> {
    let parent = match lie {
        "names another session" => Some(answer.id),
        "names another session and no call" => None,
        _ => return Ok(false),
    };
    let mut told: BTreeMap<&str, Value> = BTreeMap::new();
    for (target, arguments) in questions() {
        // Even, as a worker's are, and none comes again in the next call.
        let id = answer.id * 100 + 2 * (told.len() as u64 + 1);
        let header = CallHeader { session: Some(THEIRS), parent, ..asks(id, target) };
        let arguments: BTreeMap<_, _> = arguments.into_iter().collect();
        say(&frame(&Header::Call(header), &body::encode(&arguments).map_err(io::Error::other)?))?;
        told.insert(target, hear()?);
    }
    say(&answer.reply(&body::encode(&told).map_err(io::Error::other)?))?;
    Ok(true)
}

/// What the host answers to the only question.
fn hear() -> io::Result<Value> {
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = io::stdin().read(&mut chunk)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&chunk[..count]);
        while let Some(parsed) = codec::parse(&received, u64::MAX).map_err(io::Error::other)? {
            match parsed.header {
                Header::Reply { .. } => return body::decode(&received[parsed.body]).map_err(io::Error::other),
                Header::Error { code, .. } => return Ok(code.into()),
                _ => {}
            }
            let length = parsed.length;
            received.drain(..length);
        }
    }
}
