//! A core whose main thread is the test itself, at moments that a whole worker only meets by chance.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use snakebridge::wire::{Header, Limits, VERSIONS, codec};

use super::receive_buffer::Reader;
use super::{Core, Waited};
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
