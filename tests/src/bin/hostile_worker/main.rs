//! A worker that lies. It greets like an honest one, and at a call of `lie` or `count`, which streams, does what the
//! variable `LIE` names. Its other tools are honest: `honest` answers 7, `slow` answers 7 once the file that `GATE` names
//! is there, `received` tells how many bytes of large arguments have come.
//!
//! With the variable `ONCE`, the path of a file, only the first worker lies: the one that makes the file. Where the first
//! one dies, the others start once `GATE` is there.

mod bodies;
mod calls;
mod frames;
mod framing;
mod greeting;
mod leaving;
mod sessions;
mod streams;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use snakebridge::body;
use snakebridge::error::Executed;
use snakebridge::wire::frame::{CallHeader, call_flag};
use snakebridge::wire::{Header, codec};

use self::frames::{Answer, frame, say, sleep_for_ever};

struct Worker {
    lie: String,
    /// Bytes of large arguments so far.
    received: u64,
}

fn main() -> io::Result<()> {
    let mut worker = Worker { lie: lie()?, received: 0 };
    greeting::greet(&worker.lie)?;
    let mut received = Vec::new();
    let mut chunk = vec![0; 65_536];
    loop {
        let count = io::stdin().read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        received.extend_from_slice(&chunk[..count]);
        while let Some(parsed) = codec::parse(&received, u64::MAX).map_err(io::Error::other)? {
            match parsed.header {
                Header::Call(call) => worker.answer(&call)?,
                Header::Ping { nonce } if worker.lie != "ignores pings" => {
                    say(&frame(&Header::Pong { nonce, finished: 0, running: 0, running_for: 0 }, &[]))?;
                }
                Header::Part { id, .. } => worker.fragment(id, parsed.body.len())?,
                _ => {}
            }
            let length = parsed.length;
            received.drain(..length);
        }
    }
}

/// What this worker lies about: nothing when another is the only liar.
fn lie() -> io::Result<String> {
    let lie = std::env::var("LIE").unwrap_or_default();
    if std::env::var_os("ONCE").is_none_or(|path| File::create_new(path).is_ok()) {
        return Ok(lie);
    }
    if lie == "dies inside a request" {
        wait_for_the_gate()?;
    }
    Ok(String::new())
}

impl Worker {
    fn answer(&self, call: &CallHeader<'_>) -> io::Result<()> {
        let answer = Answer { id: call.id };
        match call.target {
            "$manifest" if self.lie == "dies at manifest" => std::process::exit(9),
            "$manifest" => return say(&answer.reply(&greeting::manifest())),
            "honest" => return say(&answer.reply(&[7])),
            "received" => return say(&answer.reply(&body::encode(&self.received).unwrap_or_default())),
            "slow" => {
                wait_for_the_gate()?;
                return say(&answer.reply(&[7]));
            }
            _ => assert_eq!(call.flags & call_flag::STREAM != 0, call.target == "count"),
        }
        if call.total.is_some() {
            // It goes on with the first fragment.
            return Ok(());
        }
        for acts in [framing::acts, calls::acts, bodies::acts, leaving::acts, sessions::acts] {
            if acts(&self.lie, answer)? {
                return Ok(());
            }
        }
        let lies = [framing::lies, calls::lies, streams::lies, bodies::lies];
        let bytes = lies.iter().find_map(|lies| lies(&self.lie, answer));
        say(&bytes.unwrap_or_else(|| answer.reply(&[7])))
    }

    fn fragment(&mut self, id: u64, length: usize) -> io::Result<()> {
        let is_first = self.received == 0;
        self.received += length as u64;
        match self.lie.as_str() {
            "stops inside a request" => sleep_for_ever(),
            "dies inside a request" => std::process::exit(9),
            "answers inside a request" if is_first => {
                say(&frame(&Header::Error { id, code: "tool", executed: Executed::Yes }, &[]))?;
                // What the pipe holds is all that can come before the host has read that.
                std::thread::sleep(Duration::from_millis(200));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Says that it waits, and waits.
fn wait_for_the_gate() -> io::Result<()> {
    let gate = std::env::var("GATE").map_err(io::Error::other)?;
    File::create(format!("{gate}.waiting"))?;
    while !Path::new(&gate).exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
