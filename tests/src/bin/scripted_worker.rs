//! A worker that does what its calls' names say, any number of them at once, so that tests can order everything by
//! events. Every answer is the worker's process id.
//!
//! `answer` at once; `hold` when `release` is called, when it is cancelled (then with that), or right after `go_away`;
//! `stubborn` never, and it ignores its cancellation; `go_away` at once, and it is the last call that is taken;
//! `threads` tells what HELLO said about threads.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use snakebridge::error::Executed;
use snakebridge::wire::{Header, Limits, MAGIC, VERSIONS, codec};
use snakebridge::{Bytes, body};

const TOOLS: [&str; 6] = ["answer", "go_away", "hold", "release", "stubborn", "threads"];

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

#[derive(Default, Deserialize)]
#[serde(default)]
struct Hello {
    threads: u64,
}

#[derive(Default)]
struct Worker {
    threads: u64,
    /// Calls that are held, oldest first.
    held: Vec<u64>,
    /// Calls after this one are not taken.
    last: Option<u64>,
}

fn encode(value: &impl Serialize) -> Bytes {
    body::encode(value).expect("it can be encoded")
}

fn say(header: &Header<'_>, body: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::new();
    codec::write(&mut bytes, header, body);
    let mut output = io::stdout().lock();
    output.write_all(&bytes)?;
    output.flush()
}

fn reply(id: u64, value: u64) -> io::Result<()> {
    say(&Header::Reply { id, total: None }, &encode(&value))
}

fn manifest() -> Bytes {
    let tools = TOOLS.map(|name| Tool { name, streaming: false }).into();
    encode(&Manifest { format: 1, adapter: "scripted", name: "scripted", tools })
}

fn main() -> io::Result<()> {
    let nonce = std::env::var("SNAKEBRIDGE_NONCE").unwrap_or_default();
    let limits = Limits { calls: 100_000, ..Limits::default() };
    let hello = [("version", env!("CARGO_PKG_VERSION"))];
    io::stdout().write_all(&MAGIC)?;
    say(
        &Header::Hello { versions: VERSIONS, limits, nonce: &nonce },
        &encode(&hello.into_iter().collect::<std::collections::BTreeMap<_, _>>()),
    )?;
    say(&Header::Ready { manifest_hash: &snakebridge::manifest::hash(&manifest()) }, &encode(&TOOLS))?;
    let mut worker = Worker::default();
    let (mut received, mut chunk) = (Vec::new(), vec![0; 65_536]);
    loop {
        let count = io::stdin().read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        received.extend_from_slice(&chunk[..count]);
        while let Some(parsed) = codec::parse(&received, u64::MAX).map_err(io::Error::other)? {
            match parsed.header {
                Header::Hello { .. } => {
                    let hello: Hello = body::decode(&received[parsed.body.clone()]).expect("a host says who it is");
                    worker.threads = hello.threads;
                }
                Header::Call(call) => worker.run(call.id, call.target)?,
                Header::Cancel { id, .. } => worker.cancel(id)?,
                Header::Ping { nonce } => {
                    say(&Header::Pong { nonce, finished: 0, running: 0, running_for: 0 }, &[])?;
                }
                _ => {}
            }
            let length = parsed.length;
            received.drain(..length);
        }
    }
}

impl Worker {
    fn run(&mut self, id: u64, target: &str) -> io::Result<()> {
        if self.last.is_some_and(|last| id > last) {
            return Ok(());
        }
        let pid = u64::from(std::process::id());
        match target {
            "$manifest" => say(&Header::Reply { id, total: None }, &manifest()),
            "hold" => {
                self.held.push(id);
                Ok(())
            }
            "release" => {
                // The youngest first: no order is promised.
                while let Some(held) = self.held.pop() {
                    reply(held, pid)?;
                }
                reply(id, pid)
            }
            "stubborn" => Ok(()),
            "go_away" => {
                self.last = Some(id);
                say(&Header::GoAway { last: id, reason: "asked to" }, &[])?;
                for held in self.held.drain(..) {
                    reply(held, pid)?;
                }
                reply(id, pid)
            }
            "threads" => reply(id, self.threads),
            _ => reply(id, pid),
        }
    }

    fn cancel(&mut self, id: u64) -> io::Result<()> {
        if let Some(index) = self.held.iter().position(|held| *held == id) {
            self.held.remove(index);
            say(&Header::Error { id, code: "cancelled", executed: Executed::Maybe }, &[])?;
        }
        Ok(())
    }
}
