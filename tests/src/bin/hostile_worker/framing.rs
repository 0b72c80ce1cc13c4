//! Lies about lengths, kinds and the shape of headers.

use std::io;
use std::time::Duration;

use snakebridge::wire::frame::kind;
use snakebridge::wire::msgpack::{put_array, put_nil, put_str, put_uint};
use snakebridge::wire::{Header, Limits};

use crate::frames::{Answer, asks, frame, raw_frame, say};

/// The header of a CALL without its body, as bytes.
fn call_header(target: &str, flags: u64) -> Vec<u8> {
    let mut call = asks(2, "x");
    (call.target, call.flags) = (target, flags);
    frame(&Header::Call(call), &[0x80])
}

/// A reply whose header has elements of a later version.
fn reply_of_the_future(id: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_array(&mut bytes, 6);
    put_uint(&mut bytes, kind::REPLY);
    put_uint(&mut bytes, id);
    put_nil(&mut bytes);
    put_str(&mut bytes, "later");
    put_uint(&mut bytes, 9);
    bytes.extend([0x81, 0xc0, 0x92, 1, 2]);
    bytes.push(7);
    raw_frame(&bytes)
}

pub(crate) fn lies(lie: &str, answer: Answer) -> Option<Vec<u8>> {
    let limit = u32::try_from(Limits::default().frame).unwrap_or(u32::MAX);
    Some(match lie {
        "endless length" => vec![0xff; 4],
        "a byte over the limit" => (limit + 1).to_be_bytes().to_vec(),
        "limit and silence" => limit.to_be_bytes().to_vec(),
        "empty frame" => raw_frame(&[]),
        "garbage" => raw_frame(&[0xde, 0xad, 0xbe, 0xef].repeat(4)),
        "number for a header" => raw_frame(&[5]),
        "nil for a header" => raw_frame(&[0xc0]),
        "map for a header" => raw_frame(&[0x81, 3, 1]),
        "empty header" => raw_frame(&[0x90]),
        "missing id" => raw_frame(&[0x91, 3]),
        "nil for an id" => raw_frame(&[0x92, 3, 0xc0, 7]),
        "text for an id" => raw_frame(&[0x92, 3, 0xa1, b'1', 7]),
        "reserved byte in a header" => raw_frame(&[0x92, 3, 0xc1, 7]),
        "header that ends early" => raw_frame(&[0x93, 3, 1]),
        "appended elements" => reply_of_the_future(answer.id),
        "unknown kind" => [raw_frame(&[0x92, 99, 1]), answer.reply(&[7])].concat(),
        "optional kind" => [raw_frame(&[0x93, 0xcc, 200, 1, 2]), answer.reply(&[7])].concat(),
        "event without a class" => raw_frame(&[0x91, 12, 0x80]),
        "reserved kind" => raw_frame(&[0x93, 13, 1, 2]),
        "reserved flag of a call" => call_header("x", 2),
        "all flags of a call" => call_header("x", u64::MAX),
        "target outside the grammar" => call_header("../x", 0),
        "long target" => call_header(&"x".repeat(20_000), 0),
        _ => return None,
    })
}

/// Lies that are no single write. False when it is none of them.
pub(crate) fn acts(lie: &str, answer: Answer) -> io::Result<bool> {
    match lie {
        "truncated" => {
            say(&answer.reply(&[7])[..5])?;
            std::process::exit(0);
        }
        "byte by byte" => {
            for byte in answer.reply(&[7]) {
                say(&[byte])?;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}
