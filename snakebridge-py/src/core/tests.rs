//! A core whose main thread is the test itself, at moments that a whole worker only meets by chance.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use snakebridge::wire::frame::CallHeader;
use snakebridge::wire::{Header, Limits, VERSIONS, codec};

use super::receive_buffer::Reader;
use super::{Core, Place, ToolTable, Waited};
use crate::system::descriptors::{Wire, wait_readable};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

/// A core, the host's end that writes, and the one that reads.
fn core() -> (Core, OwnedFd, OwnedFd) {
    let (input, there) = rustix::pipe::pipe().unwrap();
    let (back, output) = rustix::pipe::pipe().unwrap();
    (Core::new(Wire { input, output }, Limits::default(), "").unwrap(), there, back)
}

/// A frame comes as if the main thread had read it.
fn put(reader: &mut Reader, header: &Header<'_>) {
    let mut frame = Vec::new();
    codec::write(&mut frame, header, &[]);
    reader.buffer.room().write_all(&frame).unwrap();
    reader.buffer.received(frame.len());
}

#[test]
fn who_has_something_else_to_do_does_not_wait_for_what_the_watcher_has_taken_out_of_the_pipe() {
    let (core, _there, _back) = core();
    assert_eq!(core.wait_for_work(true), Waited::Frames);
}

#[test]
fn the_watcher_leaves_the_pipe_alone_once_the_main_thread_polls_it() {
    let (core, there, _back) = core();
    assert!(!core.begin_poll(), "nothing is here, so the main thread waits");
    let mut frame = Vec::new();
    let hello = Header::Hello { versions: VERSIONS, limits: Limits::default(), nonce: "" };
    codec::write(&mut frame, &hello, &[]);
    rustix::io::write(&there, &frame).unwrap();
    assert!(!core.read_for_main(1), "a watcher that is late still helps in the epoch before");
    assert!(wait_readable(&core.input, PATIENCE), "what the main thread polls for is taken away");
    core.end_poll();
    assert!(core.read_for_main(3), "the main thread runs something again");
    assert!(core.state().hello.is_some());
}

#[test]
fn who_is_about_to_poll_sees_what_the_watcher_has_taken_out_of_the_pipe() {
    let (core, _there, _back) = core();
    core.announce();
    assert!(core.begin_poll());
}

const LARGE: usize = 1 << 20;

/// A core that has begun to answer a call with a large body, of which nothing but the header is written.
fn core_with_a_large_reply(core: &Core) {
    let mut reader = core.reader();
    put(&mut reader, &Header::Hello { versions: VERSIONS, limits: Limits::default(), nonce: "" });
    core.route_all(&mut reader);
    core.say_ready(ToolTable::new(b"", [("a", false, Place::Main)]), "", b"\x90").unwrap();
    let call = CallHeader {
        id: 1,
        target: "a",
        flags: 0,
        remaining: None,
        session: None,
        parent: None,
        meta: None,
        total: None,
        inputs: 0,
        tools: 0,
        window: None,
    };
    put(&mut reader, &Header::Call(call));
    core.route_all(&mut reader);
    core.reply(1, &vec![0; LARGE]).unwrap();
}

/// Reads at least so many bytes, unless nothing comes any more. Returns how many.
fn read(pipe: &OwnedFd, least: usize) -> usize {
    let mut received = 0;
    while received < least && wait_readable(pipe, PATIENCE) {
        received += rustix::io::read(pipe, &mut vec![0; 1 << 16][..]).unwrap();
    }
    received
}

/// Runs `test` while the watcher helps and has nothing to do.
fn while_helped<T>(core: &Core, test: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let helper = scope.spawn(|| core.help(1));
        while !core.is_helped() {
            thread::yield_now();
        }
        let outcome = test();
        core.stop_watcher();
        helper.join().unwrap();
        outcome
    })
}

#[test]
fn a_large_body_that_is_left_to_a_helping_watcher_wakes_it() {
    let (core, _there, back) = core();
    let received = while_helped(&core, || {
        // It sleeps by then on any machine that is not overloaded, where this test finds nothing.
        thread::sleep(Duration::from_millis(20));
        core_with_a_large_reply(&core);
        core.flush();
        read(&back, LARGE)
    });
    assert!(received >= LARGE, "the watcher sleeps behind {received} bytes");
}

#[test]
fn frames_behind_a_long_call_are_dealt_with_though_the_main_thread_had_the_reader_at_first() {
    let (core, _there, back) = core();
    let mut reader = core.reader();
    put(&mut reader, &Header::Hello { versions: VERSIONS, limits: Limits::default(), nonce: "" });
    core.route_all(&mut reader);
    put(&mut reader, &Header::Ping { nonce: 7 });
    thread::scope(|scope| {
        let helper = scope.spawn(|| core.help(1));
        while !core.is_helped() {
            thread::yield_now();
        }
        // Its first look is over by then on any machine that is not overloaded, where this test finds nothing.
        thread::sleep(Duration::from_millis(20));
        drop(reader);
        let answered = wait_readable(&back, PATIENCE);
        core.stop_watcher();
        helper.join().unwrap();
        assert!(answered, "the PING is not answered while the call runs");
    });
}
