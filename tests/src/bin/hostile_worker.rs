//! A worker that lies. It greets like an honest one, has three tools (`honest`, `lie`, `count`, which streams), and at the
//! first call of `lie` or `count` does what the variable `LIE` names.

use std::io::{self, Read, Write};
use std::time::Duration;

use serde::Serialize;
use snakebridge::error::Executed;
use snakebridge::wire::frame::{CallHeader, call_flag};
use snakebridge::wire::{Header, Limits, MAGIC, VERSIONS, codec};
use snakebridge::{Bytes, body};

#[derive(Serialize)]
struct Manifest {
    format: u32,
    adapter: &'static str,
    name: &'static str,
    tools: Vec<Tool>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    streaming: bool,
}

/// One header and body as a frame.
fn frame(header: &Header<'_>, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::write(&mut bytes, header, body);
    bytes
}

/// A call to the host.
fn question(id: u64, target: &str) -> Vec<u8> {
    let call = CallHeader {
        id,
        target,
        flags: 0,
        remaining: None,
        session: None,
        parent: None,
        meta: None,
        total: None,
        inputs: 0,
    };
    frame(&Header::Call(call), &[0x80])
}

fn say(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(bytes)?;
    output.flush()
}

fn main() -> io::Result<()> {
    let lie = std::env::var("LIE").unwrap_or_default();
    greet(&lie)?;
    let mut received = Vec::new();
    let mut chunk = vec![0; 65_536];
    loop {
        let count = io::stdin().read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        received.extend_from_slice(&chunk[..count]);
        while let Some(parsed) = codec::parse(&received, u64::MAX).map_err(io::Error::other)? {
            if let Header::Call(call) = parsed.header {
                answer(&call, &lie)?;
            }
            let length = parsed.length;
            received.drain(..length);
        }
    }
}

fn manifest() -> Vec<u8> {
    let tools = [("count", true), ("honest", false), ("lie", false)];
    let tools = tools.into_iter().map(|(name, streaming)| Tool { name, streaming }).collect();
    let manifest = Manifest { format: 1, adapter: "lies", name: "lies", tools };
    body::encode(&manifest).unwrap_or_default().to_vec()
}

fn greet(lie: &str) -> io::Result<()> {
    let nonce = std::env::var("SNAKEBRIDGE_NONCE").unwrap_or_default();
    let nonce = if lie == "nonce" { "another" } else { &nonce };
    let versions = if lie == "version" { (7, 9) } else { VERSIONS };
    let limits = Limits { calls: if lie == "few calls" { 2 } else { 4096 }, ..Limits::default() };
    let hello = body::encode(
        &[("version", env!("CARGO_PKG_VERSION"))].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    );
    let hello = match lie {
        "huge hello" => vec![0xc0; 2 << 20],
        "unreadable hello" => vec![0xc1],
        _ => hello.unwrap_or_default().to_vec(),
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend(frame(&Header::Hello { versions, limits, nonce }, &hello));
    let hash = snakebridge::manifest::hash(&manifest());
    let hash = if lie == "manifest hash" { "0000".to_owned() } else { hash };
    let names: Vec<String> = match lie {
        "many tools" => (0..5000).map(|number| format!("tool_{number}")).collect(),
        "bad tool name" => vec!["../x".to_owned()],
        _ => vec!["count".to_owned(), "honest".to_owned(), "lie".to_owned()],
    };
    if lie == "call before ready" {
        bytes.extend(frame(&Header::Reply { id: 1, total: None }, &[1]));
    } else {
        bytes.extend(frame(&Header::Ready { manifest_hash: &hash }, &body::encode(&names).unwrap_or_default()));
    }
    if let Some(witness) = lie.strip_prefix("leaves at once, witness ") {
        // All but the first, which is asked for its manifest.
        if std::fs::exists(witness)? {
            bytes.extend(frame(&Header::GoAway { last: 0, reason: "" }, &[]));
        }
        std::fs::write(witness, "")?;
    }
    say(&bytes)
}

/// Notes on the status page that the tool of call `id` was entered.
fn note_started(id: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let nonce = std::env::var("SNAKEBRIDGE_NONCE").map_err(io::Error::other)?;
    for entry in std::fs::read_dir(format!("/proc/{}/fd", std::os::unix::process::parent_id()))? {
        let path = entry?.path();
        // Nothing else is opened: to open a pipe may wait for its other end.
        if !std::fs::read_link(&path).is_ok_and(|target| target.to_string_lossy().contains("snakebridge-status")) {
            continue;
        }
        let page = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
        let mut head = [0; 16];
        page.read_exact_at(&mut head, 0)?;
        if nonce.as_bytes().starts_with(&head) {
            return page.write_all_at(&id.to_ne_bytes(), 16);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn answer(call: &CallHeader<'_>, lie: &str) -> io::Result<()> {
    let id = call.id;
    let reply = |body: &[u8]| frame(&Header::Reply { id, total: None }, body);
    let item = |sequence, body: &[u8]| frame(&Header::Item { id, stream: 0, sequence, flags: 0, total: None }, body);
    let end = |count| frame(&Header::End { id, stream: 0, count, total: None }, &[]);
    match call.target {
        "$manifest" => return if lie == "dies at manifest" { std::process::exit(9) } else { say(&reply(&manifest())) },
        "honest" => return say(&reply(&[7])),
        _ => {}
    }
    assert_eq!(call.flags & call_flag::STREAM != 0, call.target == "count");
    let bytes = match lie {
        "runs and denies it" => {
            note_started(id)?;
            frame(&Header::GoAway { last: id.saturating_sub(2), reason: "" }, &[])
        }
        "endless length" => vec![0xff; 4],
        "empty frame" => vec![0; 4],
        "limit and silence" => (1u32 << 20).to_be_bytes().to_vec(),
        "truncated" => {
            say(&reply(&[7])[..5])?;
            std::process::exit(0);
        }
        "byte by byte" => {
            for byte in reply(&[7]) {
                say(&[byte])?;
                std::thread::sleep(Duration::from_millis(1));
            }
            return Ok(());
        }
        "garbage" => [&[0, 0, 0, 16][..], &[0xde, 0xad, 0xbe, 0xef].repeat(4)].concat(),
        "number for a header" => vec![0, 0, 0, 1, 5],
        "unknown kind" => [&[0, 0, 0, 3, 0x92, 99, 1][..], &reply(&[7])].concat(),
        "optional kind" => [&[0, 0, 0, 5, 0x93, 0xcc, 200, 1, 2][..], &reply(&[7])].concat(),
        "reserved kind" => [0, 0, 0, 4, 0x93, 12, 1, 2].to_vec(),
        "answer to nothing" => frame(&Header::Reply { id: id + 1000, total: None }, &[7]),
        "wrong parity" => frame(&Header::Reply { id: id + 1, total: None }, &[7]),
        "twice" => [reply(&[7]), reply(&[8])].concat(),
        "many times" => reply(&[7]).repeat(200),
        "item for a call" => item(0, &[1]),
        "nothing but an end" => end(0),
        "gap" => [item(0, &[0]), item(2, &[2])].concat(),
        "wrong count" => [item(0, &[0]), end(2)].concat(),
        "item after the end" => [item(0, &[0]), end(1), item(1, &[1])].concat(),
        "thousand at once" => (0..1000u64)
            .flat_map(|number| item(number, &body::encode(&number).unwrap_or_default()))
            .chain(end(1000))
            .collect(),
        "without credit" => {
            let blob = body::encode(&Bytes::from(vec![0; 100_000])).unwrap_or_default();
            (0..10u64).flat_map(|number| item(number, &blob)).collect()
        }
        "credit for nothing" => frame(&Header::Credit { id: 4, stream: 0, bytes: 1 }, &[]),
        "pings" => frame(&Header::Ping { nonce: 1 }, &[]).repeat(30_000),
        "questions" => {
            // Asked, and no answer ever read.
            for id in 1.. {
                say(&question(id * 2, "$tools.list"))?;
            }
            unreachable!()
        }
        "same id twice" => question(2, "x").repeat(2),
        "deep" => reply(&vec![0x91; 100_000]),
        "long" => reply(&[0xdd, 0xff, 0xff, 0xff, 0xff]),
        "wide" => reply(&[&[0xdd, 0, 0x0f, 0x50, 0][..], &vec![0xc0; 0x000f_5000]].concat()),
        "not text" => reply(&[0xa2, 0xff, 0xfe]),
        "error that is no map" => frame(&Header::Error { id, code: "tool", executed: Executed::Yes }, &[0xc1]),
        "error of a new kind" => {
            let text = body::encode(&snakebridge::error::Exception::new("Strange", "who knows")).unwrap_or_default();
            frame(&Header::Error { id, code: "strange_new_code", executed: Executed::Never }, &text)
        }
        "deaf" => {
            std::thread::sleep(Duration::from_secs(3600));
            return Ok(());
        }
        "closes its input" => {
            // The pipe's only reading end is gone once something else stands in its place.
            let null = std::fs::File::open("/dev/null")?;
            rustix::stdio::dup2_stdin(null)?;
            say(&reply(&[7]))?;
            std::thread::sleep(Duration::from_secs(3600));
            return Ok(());
        }
        _ => reply(&[7]),
    };
    say(&bytes)
}
