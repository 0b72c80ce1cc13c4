//! What lies are made of.

use std::io::{self, Write};
use std::time::Duration;

use snakebridge::wire::frame::CallHeader;
use snakebridge::wire::{Header, codec};

/// One header and body as a frame.
pub(crate) fn frame(header: &Header<'_>, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::write(&mut bytes, header, body);
    bytes
}

/// Bytes as a frame, whatever they are.
pub(crate) fn raw_frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

pub(crate) fn say(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(bytes)?;
    output.flush()
}

pub(crate) fn sleep_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// A call that the worker makes.
pub(crate) fn asks(id: u64, target: &str) -> CallHeader<'_> {
    CallHeader {
        id,
        target,
        flags: 0,
        remaining: None,
        session: None,
        parent: None,
        meta: None,
        total: None,
        inputs: 0,
        tools: 0,
        window: None,
    }
}

/// Frames about one call of the host.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) id: u64,
}

impl Answer {
    pub(crate) fn reply(self, body: &[u8]) -> Vec<u8> {
        frame(&Header::Reply { id: self.id, total: None }, body)
    }

    /// The beginning of a result that comes in fragments.
    pub(crate) fn large_reply(self, total: u64) -> Vec<u8> {
        frame(&Header::Reply { id: self.id, total: Some(total) }, &[])
    }

    pub(crate) fn part(self, length: usize) -> Vec<u8> {
        frame(&Header::Part { id: self.id, stream: 0 }, &vec![0xc0; length])
    }

    pub(crate) fn item(self, sequence: u64, body: &[u8]) -> Vec<u8> {
        frame(&Header::Item { id: self.id, stream: 0, sequence, flags: 0, total: None }, body)
    }

    pub(crate) fn large_item(self, sequence: u64, total: u64) -> Vec<u8> {
        frame(&Header::Item { id: self.id, stream: 0, sequence, flags: 0, total: Some(total) }, &[])
    }

    pub(crate) fn end(self, count: u64) -> Vec<u8> {
        frame(&Header::End { id: self.id, stream: 0, count, total: None }, &[])
    }
}
