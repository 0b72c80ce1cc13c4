//! Lies about whose call is answered, about calls of the worker's own, and floods.

use std::io;

use snakebridge::Bytes;
use snakebridge::body;
use snakebridge::error::{Exception, Executed};
use snakebridge::wire::frame::{CallHeader, call_flag};
use snakebridge::wire::{Header, Limits, VERSIONS};

use crate::frames::{Answer, asks, frame, raw_frame, say, sleep_for_ever};

/// Three times what is forgiven in a second.
const FLOOD: usize = 60_000;
const LIST: &str = "$tools.list";

fn call(call: CallHeader<'_>) -> Vec<u8> {
    frame(&Header::Call(call), if call.total.is_some() { &[] } else { &[0x80] })
}

/// A call of the worker with a body of `total` bytes, of which the first has come.
fn half_a_call(id: u64, total: u64) -> Vec<u8> {
    [call(CallHeader { total: Some(total), ..asks(id, LIST) }), Answer { id }.part(65_536)].concat()
}

/// A call of the worker with a stream among its arguments, and items of it. With a `total` it cannot be answered yet.
fn call_with_items(items: u64, total: Option<u64>) -> Vec<u8> {
    let blob = body::encode(&Bytes::from(vec![0; 50_000])).unwrap_or_default();
    let item = |sequence| frame(&Header::Item { id: 2, stream: 1, sequence, flags: 0, total: None }, &blob);
    let mut bytes = call(CallHeader { inputs: 1, total, ..asks(2, LIST) });
    bytes.extend((0..items).flat_map(item));
    bytes
}

fn go_away(last: u64) -> Vec<u8> {
    frame(&Header::GoAway { last, reason: "tired of it" }, &[])
}

pub(crate) fn lies(lie: &str, answer: Answer) -> Option<Vec<u8>> {
    let told = || questions(lie, answer).or_else(|| events(lie, answer));
    answers(lie, answer).or_else(told).or_else(|| floods(lie))
}

fn answers(lie: &str, answer: Answer) -> Option<Vec<u8>> {
    let id = answer.id;
    let reply_to = |id| frame(&Header::Reply { id, total: None }, &[7]);
    Some(match lie {
        "answer to nothing" => reply_to(id + 1000),
        "error for nothing" => frame(&Header::Error { id: id + 1000, code: "tool", executed: Executed::Yes }, &[]),
        "wrong parity" => reply_to(id + 1),
        "answer to 0" => reply_to(0),
        "twice" => [answer.reply(&[7]), answer.reply(&[8])].concat(),
        "many times" => answer.reply(&[7]).repeat(200),
        "second hello" => {
            frame(&Header::Hello { versions: VERSIONS, limits: Limits::default(), nonce: "another" }, &[0x80])
        }
        "second ready" => frame(&Header::Ready { manifest_hash: "" }, &[0x90]),
        "cannot start after all" => {
            frame(&Header::Error { id: 0, code: "start_failed", executed: Executed::Never }, &[])
        }
        "error that is no map" => frame(&Header::Error { id, code: "tool", executed: Executed::Yes }, &[0xc1]),
        "error of a new kind" => {
            let text = body::encode(&Exception::new("Strange", "who knows")).unwrap_or_default();
            frame(&Header::Error { id, code: "strange_new_code", executed: Executed::Never }, &text)
        }
        "goes away behind a call never made" => go_away(id + 1000),
        "goes away behind its own call" => go_away(id + 1),
        "goes away and answers what it gave back" => [go_away(0), answer.reply(&[8])].concat(),
        "goes away at once" => go_away(0),
        "goes away and serves on" => [go_away(id), answer.reply(&[7])].concat(),
        "goes away and asks" => [go_away(id), call(asks(2, LIST)), answer.reply(&[7])].concat(),
        _ => return None,
    })
}

fn questions(lie: &str, answer: Answer) -> Option<Vec<u8>> {
    let streaming = |id| CallHeader { flags: call_flag::STREAM, ..asks(id, LIST) };
    let credit = |id, stream, bytes| frame(&Header::Credit { id, stream, bytes }, &[]);
    let limit = Limits::default().body;
    Some(match lie {
        "same id twice" => call(asks(2, "x")).repeat(2),
        "ids that go back" => [call(asks(4, "x")), call(asks(2, "x"))].concat(),
        "id of the host" => call(asks(answer.id, "x")),
        "credit for nothing" => credit(4, 0, 1),
        "credit for a stream that is none" => credit(answer.id, 1, 1),
        "credit for a call that does not stream" => [call(asks(2, LIST)), credit(2, 0, 1)].concat(),
        "credit without end" => [call(streaming(2)), credit(2, 0, u64::MAX)].concat(),
        "credit that adds up" => [call(streaming(2)), credit(2, 0, 1 << 39).repeat(4)].concat(),
        "credit without end for an argument" => credit(answer.id, 1, u64::MAX),
        "credit for the second of one stream" => credit(answer.id, 2, 1),
        "a question with a stream" => [call_with_items(3, None), answer.reply(&[7])].concat(),
        "a question with a flood of items" => call_with_items(30, Some(10)),
        "a question with many streams" => call(CallHeader { inputs: 17, ..asks(2, LIST) }),
        "half a question" => [half_a_call(2, limit), answer.reply(&[7])].concat(),
        "half questions beyond the budget" => (1..=3).flat_map(|n| half_a_call(2 * n, limit / 2)).collect(),
        "a question from nowhere" => {
            let (remaining, parent) = (Some(u64::MAX), Some(u64::MAX));
            let question = call(CallHeader { remaining, parent, ..asks(2, "echo") });
            [question, answer.reply(&[7])].concat()
        }
        "a question in a session that is no text" => call(CallHeader { session: Some("a\nb"), ..asks(2, LIST) }),
        "questions with traps in them" => {
            let traps: [&[u8]; 5] =
                [&[0x91; 10_000], &[0xdd, 0xff, 0xff, 0xff, 0xff], &[], &[0xd4, 6, 1], &[0x81, 0xc1]];
            let question = |(body, n): (&[u8], u64)| {
                let parent = Some(answer.id);
                frame(&Header::Call(CallHeader { parent, ..asks(2 * n, "echo") }), body)
            };
            traps.into_iter().zip(1..).flat_map(question).chain(answer.reply(&[7])).collect()
        }
        "a question over the limit" => call(CallHeader { total: Some(limit + 1), ..asks(2, LIST) }),
        "thousands of announced questions" => {
            (1..=5000).flat_map(|n| call(CallHeader { total: Some(10), ..asks(2 * n, LIST) })).collect()
        }
        _ => return None,
    })
}

/// What is told beside the answer.
fn events(lie: &str, answer: Answer) -> Option<Vec<u8>> {
    let event = |class, id, body: &[u8]| frame(&Header::Event { class, id, dropped: 0 }, body);
    Some(match lie {
        "an event over 16 KiB" => event(0, 0, &vec![0xc0; 16 * 1024 + 1]),
        "an event in a call that was never made" => event(0, answer.id + 1000, &[0x80]),
        "an event in a call of its own" => event(0, 2, &[0x80]),
        "events of nonsense" => {
            let bodies: [&[u8]; 7] =
                [&[], &[0xc1], &[0x01], &[0x91; 16_000], &[0xdf, 0xff, 0xff, 0xff, 0xff], &[0x81, 0xa5], &[0x80]];
            // `level` of 2^64 - 1, `message` of a list, `fraction` of text.
            let odd = [
                [&[0x81, 0xa5][..], b"level", &[0xcf], &[0xff; 8]].concat(),
                [&[0x81, 0xa7][..], b"message", &[0x90]].concat(),
                [&[0x81, 0xa8][..], b"fraction", &[0xa1, b'x']].concat(),
                [&[0x81, 0xa8][..], b"fraction", &[0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]].concat(),
            ];
            let bodies = || bodies.into_iter().chain(odd.iter().map(Vec::as_slice));
            let all = [0, 1, 2, 99].into_iter().flat_map(|class| bodies().map(move |body| (class, body)));
            all.flat_map(|(class, body)| event(class, answer.id, body)).chain(answer.reply(&[7])).collect()
        }
        _ => return None,
    })
}

fn floods(lie: &str) -> Option<Vec<u8>> {
    let once = match lie {
        "pings" => frame(&Header::Ping { nonce: 1 }, &[]),
        "pongs" => frame(&Header::Pong { nonce: 1, finished: 0, running: 0, running_for: 0 }, &[]),
        "events" => frame(&Header::Event { class: 0, id: 0, dropped: 0 }, &[0x80]),
        "empty events" => frame(&Header::Event { class: 0, id: 0, dropped: u64::MAX }, &[]),
        "optional frames" => raw_frame(&[0x93, 0xcc, 200, 1, 2]),
        "cancels" => frame(&Header::Cancel { id: 2, reason: "bored" }, &[]),
        "credits" => {
            let question = call(CallHeader { flags: call_flag::STREAM, ..asks(2, LIST) });
            let credit = frame(&Header::Credit { id: 2, stream: 0, bytes: 1 }, &[]);
            return Some([question, credit.repeat(FLOOD)].concat());
        }
        _ => return None,
    };
    Some(once.repeat(FLOOD))
}

/// Lies that are no single write. False when it is none of them.
pub(crate) fn acts(lie: &str, answer: Answer) -> io::Result<bool> {
    match lie {
        "questions" => {
            // Asked, and no answer ever read. Each names the tool that there is not, so answers are long.
            let target = "x".repeat(128);
            for id in 1.. {
                say(&call(CallHeader { parent: Some(answer.id), ..asks(id * 2, &target) }))?;
            }
        }
        "deaf" => sleep_for_ever(),
        "closes its input" => {
            // The pipe's only reading end is gone once something else stands in its place.
            let null = std::fs::File::open("/dev/null")?;
            rustix::stdio::dup2_stdin(null)?;
            say(&answer.reply(&[7]))?;
            sleep_for_ever();
        }
        "goes away and stays" => {
            say(&[go_away(answer.id), answer.reply(&[7])].concat())?;
            sleep_for_ever();
        }
        _ => return Ok(false),
    }
    Ok(true)
}
