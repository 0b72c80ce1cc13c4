//! Lies about large bodies, and bodies that are traps.

use std::io;
use std::time::Duration;

use snakebridge::error::Executed;
use snakebridge::wire::{Header, Limits};

use crate::frames::{Answer, frame, say, sleep_for_ever};

/// Larger than any machine's memory; the host is told to allow it.
pub(crate) const ENDLESS: u64 = 1 << 40;

pub(crate) fn lies(lie: &str, answer: Answer) -> Option<Vec<u8>> {
    fragments(lie, answer).or_else(|| values(lie).map(|body| answer.reply(&body)))
}

fn fragments(lie: &str, answer: Answer) -> Option<Vec<u8>> {
    let id = answer.id;
    let announced = answer.large_reply(100_000);
    let part = answer.part(50_000);
    let error = frame(&Header::Error { id, code: "tool", executed: Executed::Yes }, &[]);
    Some(match lie {
        "fragment of nothing" => part,
        "fragment for a call never made" => Answer { id: id + 1000 }.part(10),
        "fragment for a question never asked" => Answer { id: 2 }.part(10),
        "more than announced" => [announced, part, answer.part(50_001)].concat(),
        "empty fragment" => [announced, answer.part(0)].concat(),
        "announced over the limit" => answer.large_reply(Limits::default().body + 1),
        "announced beyond counting" => answer.large_reply(u64::MAX),
        "announced as nothing" => answer.large_reply(0),
        "announced with a body" => frame(&Header::Reply { id, total: Some(100_000) }, &[7]),
        "announced twice" => [announced.clone(), part, announced].concat(),
        "reply inside a reply" => [announced, part, answer.reply(&[7])].concat(),
        "fragment of another stream" => [announced, frame(&Header::Part { id, stream: 2 }, &[1])].concat(),
        "result that is announced" => announced,
        "error inside a reply" => [announced, part.clone(), error, part].concat(),
        "reply in tiny fragments" => {
            let fragment = |byte| frame(&Header::Part { id, stream: 0 }, &[byte]);
            // A string of three bytes.
            [answer.large_reply(4), fragment(0xa3), fragment(b'a'), fragment(b'b'), fragment(b'c')].concat()
        }
        _ => return None,
    })
}

/// Bodies that burst a decoder that believes them, or hold what it does not know.
fn values(lie: &str) -> Option<Vec<u8>> {
    Some(match lie {
        "deep" => vec![0x91; 60_000],
        "long" => vec![0xdd, 0xff, 0xff, 0xff, 0xff],
        "wide" => [&[0xdd, 0, 0x0f, 0x50, 0][..], &vec![0xc0; 0x000f_5000]].concat(),
        "not text" => vec![0xa2, 0xff, 0xfe],
        "nothing" => vec![],
        "more than one" => vec![7, 7],
        "extension: unknown" => vec![0xd4, 99, 0],
        "extension: empty" => vec![0xc7, 0, 99],
        "extension: endless" => vec![0xc9, 0xff, 0xff, 0xff, 0xff, 99],
        "extension: timestamp" => vec![0xd5, 0xff, 0, 0],
        "extension: integer" => [&[0xc8, 0x10, 0x01, 1][..], &[0x55; 4097]].concat(),
        "extension: complex" => vec![0xd7, 2, 0, 0, 0, 0, 0, 0, 0, 0],
        // A million millions of empty lists.
        "extension: array" => {
            let data = b"\x94\xa5uint8\x92\xcf\x00\x00\x01\x00\x00\x00\x00\x00\x00\xa1C\xc4\x00";
            [&[0xc7, data.len().to_le_bytes()[0], 3][..], data].concat()
        }
        "extension: mark" => vec![0xd4, 7, 0x80],
        "extension: stream" => vec![0xd4, 6, 1],
        "extension: inside" => vec![0x92, 1, 0xd4, 99, 0],
        "extension: as a key" => vec![0x81, 0xd4, 99, 0, 1],
        _ => return None,
    })
}

/// Lies that are no single write. False when it is none of them.
pub(crate) fn acts(lie: &str, answer: Answer) -> io::Result<bool> {
    match lie {
        "result that stops" => {
            say(&[answer.large_reply(ENDLESS), answer.part(65_536)].concat())?;
            sleep_for_ever();
        }
        "result that never ends" => {
            say(&answer.large_reply(ENDLESS))?;
            loop {
                say(&answer.part(10))?;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        _ => Ok(false),
    }
}
